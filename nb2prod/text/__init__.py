"""Text: results as people read them in a terminal."""
