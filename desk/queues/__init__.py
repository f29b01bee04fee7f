"""Queues of what is to be reviewed: one's own, those of all, and the sampling plans that fill them."""
