"""Formats: how values become bytes and come back the same."""
