"""Risk: what is known of a release before anybody depends on it, and what in it could be misused."""
