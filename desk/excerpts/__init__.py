"""Excerpts that people chose out of calls: cut with masked words and sound, presented, taken along."""
