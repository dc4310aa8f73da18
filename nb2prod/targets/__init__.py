"""Targets: places where a release becomes a running service."""
