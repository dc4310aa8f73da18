"""Evaluate: how good a model is, and whether it is better than the simplest one."""

from nb2prod.evaluate.baseline import Rival, guess, rival
from nb2prod.evaluate.intervals import Comparison, Said, compare
from nb2prod.evaluate.metrics import PRIMARY, measure

__all__ = ["PRIMARY", "Comparison", "Rival", "Said", "compare", "guess", "measure", "rival"]
