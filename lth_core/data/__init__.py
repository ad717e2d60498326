"""Data: the built-in sets and their transforms, splits, and what training reads."""
