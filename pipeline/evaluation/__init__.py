"""Scoring against ground truth."""
