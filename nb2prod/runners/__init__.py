"""Runners: how a stage's cells are executed."""
