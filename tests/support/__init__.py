"""Helpers of the tests and benches."""
