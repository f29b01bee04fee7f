"""The readers of telephone systems, each with its samples."""
