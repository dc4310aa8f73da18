"""Drift: how far what a service is asked now lies from what its model was trained on, by counts in the same bins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from attrs import asdict, frozen

Array = np.ndarray[Any, Any]
State = Literal["few", "stable", "watch", "drift"]


@frozen(kw_only=True)
class Limits:
    """When something is said, of the policy."""

    rows: int = 200  # before anything is
    watch: float = 0.1  # PSI: the usual words are "some change" from here on
    alert: float = 0.2  # and "a large change" from here on
    days: int = 7  # that are looked at


@frozen(kw_only=True)
class Drift:
    """How far one feature has moved."""

    key: str
    rows: int
    psi: float  # population stability index
    js: float  # Jensen-Shannon distance, 0 to 1
    ks: float | None  # Kolmogorov-Smirnov on bins, of numbers
    noise: float  # the PSI that chance alone seldom exceeds among so many rows and bins
    missing: float  # share
    state: State

    def json(self) -> dict[str, Any]:
        """Write it, with digits that mean something."""
        return {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(self).items()}


def measure(key: str, then: Array, now: Array, limits: Limits, *, ordered: bool) -> Drift:
    """Compare counts of the training rows with counts of what came since.

    Args:
        key: The feature.
        then: Counts by bin of the training rows, the last of what is missing.
        now: Counts by the same bins.
        limits: When something is said.
        ordered: The bins but the last are of numbers, in order.
    """
    rows = int(now.sum())
    found = psi(then, now)
    expected = noise(len(then), int(then.sum()), rows)
    return Drift(
        key=key,
        rows=rows,
        psi=found,
        js=distance(then, now),
        ks=apart(then[:-1], now[:-1]) if ordered else None,
        noise=expected,
        missing=float(now[-1] / rows) if rows else 0.0,
        state=_state(found, expected, rows, limits) if then.sum() else "few",
    )


def psi(then: Array, now: Array) -> float:
    """Return the population stability index; a bin that is empty counts as half a row, so that none is infinite."""
    if not now.sum() or not then.sum():
        return 0.0
    p, q = (_shares(counts + 0.5) for counts in (then, now))
    return float(((q - p) * np.log(q / p)).sum())


def distance(then: Array, now: Array) -> float:
    """Return the Jensen-Shannon distance, to base 2."""
    if not now.sum() or not then.sum():
        return 0.0
    p, q = _shares(then), _shares(now)
    middle = (p + q) / 2
    return float(np.sqrt(max(0.0, (_divergence(p, middle) + _divergence(q, middle)) / 2)))


def apart(then: Array, now: Array) -> float:
    """Return the Kolmogorov-Smirnov statistic of counts in order."""
    if not now.sum() or not then.sum():
        return 0.0
    return float(np.abs(np.cumsum(_shares(then)) - np.cumsum(_shares(now))).max())


def noise(bins: int, then: int, now: int) -> float:
    """Return the PSI that two samples of one population seldom exceed: three deviations above its mean.

    Source:
        Yurdakul (2018), Statistical properties of the population stability index: without drift it is distributed as
        χ² with bins - 1 degrees of freedom, times 1/then + 1/now.
    """
    if not then or not now:
        return 0.0
    freedom = max(bins - 1, 1)
    return float(freedom + 3 * (2 * freedom) ** 0.5) * (1 / then + 1 / now)


def worst(states: Sequence[str]) -> State:
    """Return the gravest of some states."""
    for state in _GRAVEST:
        if state in states:
            return state
    return "few"


_GRAVEST: tuple[State, ...] = ("drift", "watch", "stable")


def _state(found: float, expected: float, rows: int, limits: Limits) -> State:
    if rows < limits.rows:
        return "few"
    if found <= expected or found < limits.watch:
        return "stable"
    return "drift" if found >= limits.alert else "watch"


def _shares(counts: Array) -> Array:
    made: Array = counts / counts.sum()
    return made


def _divergence(p: Array, q: Array) -> float:
    there = p > 0
    return float((p[there] * np.log2(p[there] / q[there])).sum())
