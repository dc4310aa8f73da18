"""Evaluate: how good a model is, and whether it is better than the simplest one."""

from nb2prod.evaluate.baseline import Rival, rival
from nb2prod.evaluate.metrics import PRIMARY, measure

__all__ = ["PRIMARY", "Rival", "measure", "rival"]
