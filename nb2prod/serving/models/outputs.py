"""Outputs: numbers of a network's last layer, read as classes with probabilities, or as they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

Matrix = np.ndarray[Any, Any]
# What a row of a last layer holds: numbers to answer with, or something of each class.
Reading = Literal["numbers", "logits", "log_probabilities", "probabilities"]
CLOSE = 1e-4


def reading(raw: Matrix, *, classes: int) -> Reading:
    """Tell by its values what a last layer says of as many classes; of two it may say one number."""
    raw = np.asarray(raw, dtype=float).reshape(len(raw), -1)
    if raw.shape[1] == 1:
        return "probabilities" if ((raw >= 0) & (raw <= 1)).all() else "logits"
    if raw.shape[1] != classes:
        return "numbers"
    if (raw >= 0).all() and np.allclose(raw.sum(axis=1), 1, atol=CLOSE):
        return "probabilities"
    if (raw <= 0).all() and np.allclose(np.exp(raw).sum(axis=1), 1, atol=CLOSE):
        return "log_probabilities"
    return "logits"


def chances(raw: Matrix, how: Mapping[str, Any]) -> Matrix:
    """Return `(rows, classes)` probabilities."""
    raw = raw.reshape(len(raw), -1)
    if raw.shape[1] == 1:
        yes = raw[:, 0] if how["reading"] == "probabilities" else _sigmoid(raw[:, 0])
        return np.stack([1 - yes, yes], axis=1)
    if how["reading"] == "probabilities":
        return raw
    if how["reading"] == "log_probabilities":
        return np.asarray(np.exp(raw))
    shifted = np.exp(raw - raw.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def told(raw: Matrix, how: Mapping[str, Any]) -> Matrix:
    """Return one prediction a row: the likeliest class, or the numbers themselves."""
    if how["reading"] == "numbers":
        return raw[:, 0] if raw.shape[1:] == (1,) and how["flat"] else raw
    wide = raw.reshape(len(raw), -1)
    if wide.shape[1] == 1:  # the same as asking for a chance above one half, with nothing to round on the way
        best = (wide[:, 0] > (0.5 if how["reading"] == "probabilities" else 0)).astype(int)
    else:
        best = wide.argmax(axis=1)
    return np.asarray(np.asarray(how["classes"])[best])


def _sigmoid(raw: Matrix) -> Matrix:
    small = np.exp(-np.abs(raw))
    return np.asarray(np.where(raw >= 0, 1 / (1 + small), small / (1 + small)))
