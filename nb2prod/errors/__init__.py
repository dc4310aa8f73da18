"""Errors: what users are told when something went wrong, a file for each part of the work."""
