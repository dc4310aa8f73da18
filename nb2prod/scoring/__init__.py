"""Scoring: predictions of a release for files of rows."""
