"""Bundle: what goes into a Bento: the model and its code, the distributions they need, and the files of both."""
