"""Serving: what goes into a Bento; it imports nothing else of nb2prod, and is filled in by `nb2prod.bundle.bento`."""
