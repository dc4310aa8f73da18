"""Compare: whether two runs, two values or two printed texts are the same, and what tells them apart."""
