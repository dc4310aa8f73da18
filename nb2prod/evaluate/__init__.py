"""Evaluate: how good a model is, and whether it is better than the simplest one."""

from nb2prod.evaluate.baseline import Learnt, Rival, guesses
from nb2prod.evaluate.intervals import Comparison, compare
from nb2prod.evaluate.metrics import PRIMARY, measure
from nb2prod.evaluate.truth import Said, Truth

__all__ = ["PRIMARY", "Comparison", "Learnt", "Rival", "Said", "Truth", "compare", "guesses", "measure"]
