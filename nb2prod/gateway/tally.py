"""Tally: how many requests a release answered, how, and how fast."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
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


def _quantile(times: Sequence[float], q: float) -> float | None:
    return round(times[min(int(q * len(times)), len(times) - 1)] * 1000, 3) if times else None
