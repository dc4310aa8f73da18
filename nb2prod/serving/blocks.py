"""Blocks: columns on their way to the model, which become one matrix only where a step wants one.

A matrix of many rows is larger than a processor's caches, and each of its copies costs as much as the arithmetic. Trees
look at one column after the other, so they can do without.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from attrs import frozen

from .array_frame import ArrayFrame
from .table import Rows

Matrix = np.ndarray[Any, Any]


@frozen(kw_only=True)
class Part:
    """Some columns of a request."""

    rows: Rows
    places: Sequence[int]

    def __len__(self) -> int:
        return self.rows.count

    def matrix(self) -> Matrix:
        """Return the columns as scikit-learn sees a DataFrame of them: column after column, also in memory.

        How a matrix lies in memory decides in which order BLAS adds, and so the last bits of a linear model's answers.
        """
        arrays = self.columns()
        if any(a.dtype == object for a in arrays):
            return np.stack([a.astype(object) for a in arrays]).T
        return np.stack(arrays).T

    def columns(self) -> list[Matrix]:
        """Return the columns."""
        return [self.rows.arrays[n] for n in self.places]


@frozen
class Blocks:
    """Matrices side by side."""

    given: Sequence[Any]

    def __len__(self) -> int:
        return len(self.given[0])

    def matrix(self) -> Matrix:
        """Return them as one."""
        return np.hstack([whole(one) for one in self.given])

    def columns(self) -> Iterator[Matrix]:
        """Yield their columns."""
        for one in self.given:
            yield from columns(one)


def whole(value: Any) -> Any:
    """Return what a step made as a matrix."""
    if isinstance(value, Part | Blocks):
        return value.matrix()
    return np.asarray(value) if isinstance(value, ArrayFrame) else value


def columns(value: Any) -> Iterator[Matrix]:
    """Yield the columns of what a step made, each as it lies in memory."""
    if isinstance(value, Part | Blocks):
        yield from value.columns()
    elif isinstance(value, ArrayFrame):
        yield from value.numbers()
    else:
        yield from np.ascontiguousarray(value.T)
