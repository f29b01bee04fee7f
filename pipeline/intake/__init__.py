"""The door: recordings of the inbox and what telephone systems say of them."""
