"""Asking a local language model about calls (off by default): what is sent, where it may be sent, what is kept."""
