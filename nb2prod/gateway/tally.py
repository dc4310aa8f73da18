"""Tally: how many requests a release answered, how, and how fast."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from math import hypot, sqrt
from typing import Any

from attrs import define, field

RECENT = 2000  # requests whose times are kept


@define
class Tally:
    """Counts since a release got its role."""

    statuses: Counter[int] = field(factory=Counter)
    times: deque[float] = field(factory=lambda: deque(maxlen=RECENT))  # seconds, of the last requests

    def add(self, status: int, seconds: float) -> None:
        """Count a request."""
        self.statuses[status] += 1
        self.times.append(seconds)

    @property
    def errors(self) -> int:
        """Return how many requests failed by the service's fault."""
        return sum(count for status, count in self.statuses.items() if status >= 500)

    def json(self) -> dict[str, Any]:
        """Write it for people; times are in milliseconds, of the last requests."""
        times = sorted(self.times)
        requests = self.statuses.total()
        refused = sum(count for status, count in self.statuses.items() if 400 <= status < 500)
        rate = {"error_rate": self.errors / requests if requests else 0.0}
        quantiles = {f"p{q}_ms": _quantile(times, q / 100) for q in (50, 95, 99)}
        return {"requests": requests, "errors": self.errors, "refused": refused, **rate, **quantiles}


def compared(live: Tally, canary: Tally) -> dict[str, Any]:
    """Say how much likelier the canary is to fail than what is live, and how much slower it is.

    Returns:
        `error_rate_difference` as an interval of 95 %; `worse` when all of it is above 0; `slower`, the ratio of the
        medians. Nothing is known of a side that had no requests.
    """
    sides = (canary.statuses.total(), live.statuses.total())
    if not all(sides):
        return {"error_rate_difference": None, "worse": False, "slower": None}
    low, high = _difference((canary.errors, sides[0]), (live.errors, sides[1]))
    medians = [_quantile(sorted(one.times), 0.5) or 0.0 for one in (canary, live)]
    slower = round(medians[0] / medians[1], 3) if medians[1] else None
    return {"error_rate_difference": [round(low, 6), round(high, 6)], "worse": low > 0, "slower": slower}


def _difference(one: tuple[int, int], other: tuple[int, int]) -> tuple[float, float]:
    """Return the interval of the difference of two rates, given as counts.

    Source:
        Newcombe (1998), Statistics in Medicine 17:873-890, method 10: from the intervals of Wilson.
    """
    (p, p_low, p_high), (q, q_low, q_high) = _wilson(*one), _wilson(*other)
    return p - q - hypot(p - p_low, q_high - q), p - q + hypot(p_high - p, q - q_low)


def _wilson(count: int, of: int) -> tuple[float, float, float]:
    rate, z = count / of, 1.959964
    middle = (rate + z * z / (2 * of)) / (1 + z * z / of)
    half = z * sqrt(rate * (1 - rate) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return rate, middle - half, middle + half


def _quantile(times: Sequence[float], q: float) -> float | None:
    return round(times[min(int(q * len(times)), len(times) - 1)] * 1000, 3) if times else None
