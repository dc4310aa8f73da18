"""Releases: what was shipped, from what it was made, whose it is, and whether to trust it."""
