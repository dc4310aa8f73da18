"""Boosters: models of XGBoost and LightGBM as their libraries train them, without scikit-learn's API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from attrs import frozen

from . import outputs
from .plain import load

__all__ = ["asked", "load", "raw"]


@frozen
class Boosted:
    """A booster, its answers read as `how` says."""

    booster: Any
    how: Mapping[str, Any]

    @property
    def classes_(self) -> Any:
        """Return the classes, none of a booster that tells numbers."""
        return np.asarray(self.how.get("classes", ()))

    def predict(self, x: Any) -> Any:
        """Return one prediction a row."""
        return outputs.told(raw(self.booster, x, self.how["options"]), self.how)

    def predict_proba(self, x: Any) -> Any:
        """Return `(rows, classes)`."""
        return outputs.chances(raw(self.booster, x, self.how["options"]), self.how)


def raw(booster: Any, x: Any, options: Mapping[str, Any]) -> Any:
    """Return what a booster says of rows, asked with the options of the notebook, such as `iteration_range`."""
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in options.items()}
    if type(booster).__module__.startswith("xgboost"):
        import xgboost

        names = booster.feature_names if isinstance(x, np.ndarray) else None
        x = xgboost.DMatrix(x, enable_categorical=True, nthread=1, feature_names=names)
    return np.asarray(booster.predict(x, **given))


def asked(booster: Any, how: Mapping[str, Any]) -> Boosted:
    """Return the booster with its answers read."""
    return Boosted(booster, how)
