"""Shipping: a finished run becomes a release: packaged, rehearsed, judged and signed."""
