"""Results: fitted models of statsmodels, whose formulas are evaluated anew when they are loaded."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np
from attrs import frozen


@frozen
class Fitted:
    """Results, which tell numbers or the chance of the second of two classes."""

    results: Any
    how: Mapping[str, Any]

    @property
    def classes_(self) -> Any:
        """Return the classes, none of a model that tells numbers."""
        return np.asarray(self.how.get("classes", ()))

    def predict(self, x: Any) -> Any:
        """Return one prediction a row."""
        said = self._said(x)
        if "classes" not in self.how:
            return said
        best = said.argmax(axis=1) if said.ndim > 1 else (said > 0.5).astype(int)
        return self.classes_[best]

    def predict_proba(self, x: Any) -> Any:
        """Return `(rows, classes)`."""
        said = self._said(x)
        return said if said.ndim > 1 else np.stack([1 - said, said], axis=1)

    def _said(self, x: Any) -> Any:
        said = np.asarray(self.results.predict(x))
        if len(said) != len(x):  # rows with gaps are left out by formulas
            raise ValueError("a value is missing")
        return said


# A formula looks names up in the frame that loads it, some frames up or down: all of these see the notebook's.
LOAD = """
def _load0(data): return _loads(data)
def _load1(data): return _load0(data)
def _load2(data): return _load1(data)
def _load3(data): return _load2(data)
def _load4(data): return _load3(data)
"""


def load(data: bytes, schema: Mapping[str, Any]) -> Any:
    """Load results where the functions of their formula are known."""
    own = schema.get("code")
    space = {**(vars(sys.modules.get(own) or import_module(own)) if own else {}), "_loads": pickle.loads}
    exec(LOAD, space)  # noqa: S102  the lines above
    return space["_load4"](data)


def asked(results: Any, how: Mapping[str, Any]) -> Fitted:
    """Return results that answer as scikit-learn's models do."""
    return Fitted(results, how)
