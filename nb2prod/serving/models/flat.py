"""Flat: models of CatBoost, which put each class they predict into a list of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from attrs import frozen

from .plain import load

__all__ = ["asked", "load"]


@frozen
class Flat:
    """A model of CatBoost."""

    model: Any

    @property
    def classes_(self) -> Any:
        """Return the classes; none of a model that tells numbers."""
        return self.model.classes_

    def predict(self, x: Any) -> Any:
        """Return one prediction a row."""
        said = np.asarray(self.model.predict(x))
        return said[:, 0] if said.shape[1:] == (1,) else said

    def predict_proba(self, x: Any) -> Any:
        """Return `(rows, classes)`."""
        return self.model.predict_proba(x)


def asked(model: Any, _how: Mapping[str, Any]) -> Flat:
    """Return the model with flat predictions."""
    return Flat(model)
