"""Packages: those that a notebook imports, and those that its project says it needs."""
