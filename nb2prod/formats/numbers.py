"""Numbers: the objects that stand for «not a number», which code finds in containers by identity."""

from __future__ import annotations

import itertools
import math
import sys
from typing import Any


def _known() -> dict[str, float]:
    """Return those that modules hold."""
    numpy = sys.modules.get("numpy")
    return {"math": math.nan, **({"numpy": numpy.nan} if numpy is not None else {})}


def is_nan(value: Any) -> bool:
    """Tell whether a value is a float that differs from itself."""
    return type(value) is float and value != value


def holds_nan(values: Any, left: int = 4) -> bool:
    """True when built-in containers hold such a number, down to a few levels."""
    inner = itertools.chain(values.keys(), values.values()) if isinstance(values, dict) else values
    return any(
        v != v if type(v) is float else left and isinstance(v, list | tuple | set | dict) and holds_nan(v, left - 1)
        for v in inner
    )


def save(value: float, own: dict[int, int]) -> str | int:
    """Return what tells such a number from others: the name of a module's, the notebook's own by their order."""
    found = next((name for name, held in _known().items() if held is value), None)
    return own.setdefault(id(value), len(own)) if found is None else found


def load(key: str | int, own: dict[int, float]) -> float:
    """Return the number that was saved under `key`."""
    return _known()[key] if isinstance(key, str) else own.setdefault(key, float("nan"))
