"""Numbers and names that must not be shown: where they stand in a call, and what hides them."""
