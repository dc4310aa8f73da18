"""Ahead: what a forecaster says of the next steps of its series, with the bounds of each where it gives them."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import frozen

Matrix = np.ndarray[Any, Any]


@frozen(kw_only=True)
class Ahead:
    """The next steps, in order."""

    values: Matrix
    low: Matrix | None = None  # with high: 95 % lie between
    high: Matrix | None = None
    times: tuple[str, ...] | None = None  # ISO 8601, where the series has them

    def rows(self) -> list[dict[str, Any]]:
        """Write each step as a service answers it."""
        made: list[dict[str, Any]] = [{"step": n, "prediction": v} for n, v in enumerate(self.values.tolist(), 1)]
        named = {"time": self.times, "low": self.low, "high": self.high}
        for name, values in named.items():
            if values is not None:
                plain = values.tolist() if isinstance(values, np.ndarray) else values
                for one, value in zip(made, plain, strict=True):
                    one[name] = value
        return made


def ahead(results: Any, steps: int, known: Any = None) -> Ahead:
    """Ask results of statsmodels for the next steps.

    Args:
        results: Fitted.
        steps: How many.
        known: A row for each step of what else the model is told (`exog`).
    """
    more = {} if known is None else {"exog": known}
    if not callable(getattr(results, "get_forecast", None)):
        said = results.forecast(steps, **more)
        return Ahead(values=np.asarray(said, dtype=float), times=_times(said))
    found = results.get_forecast(steps, **more)
    low, high = np.asarray(found.conf_int(alpha=0.05), dtype=float).T
    said = found.predicted_mean
    return Ahead(values=np.asarray(said, dtype=float), low=low, high=high, times=_times(said))


def _times(said: Any) -> tuple[str, ...] | None:
    index: Any = getattr(said, "index", None)
    index = index.to_timestamp() if hasattr(index, "to_timestamp") else index
    return tuple(time.isoformat() for time in index) if hasattr(index, "tz") else None
