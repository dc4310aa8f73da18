"""Execution: what is decided of each stage when its turn comes, and how it is run, beside others."""
