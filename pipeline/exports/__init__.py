"""Calls and results as files that other programs read: a module a format, all of them in `formats`."""
