"""Pages on calls: the list, one call, its sound."""
