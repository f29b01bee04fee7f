"""What each telephone system writes of its calls: a module a system, each with a `LegReader`."""
