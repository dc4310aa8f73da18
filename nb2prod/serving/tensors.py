"""Tensors: what a network takes that is no table: several inputs, or one of more dimensions, with an entry a row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import frozen

if TYPE_CHECKING:  # a plan, which imports this, does without NumPy
    import numpy as np


@frozen(eq=False)
class Tensors:
    """Inputs by name, in the order in which a network takes them; all are as long as each other."""

    parts: Mapping[str, np.ndarray[Any, Any]]

    def __len__(self) -> int:
        return len(next(iter(self.parts.values())))

    def __getitem__(self, places: Any) -> Tensors:
        """Return some of the rows."""
        return Tensors({name: part[places] for name, part in self.parts.items()})
