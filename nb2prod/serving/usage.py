"""Usage: what a service was asked, in counts by day; of no row is more kept than the bins that its values fell into."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from attrs import define, field

from .bins import Array, Bins
from .drift import Drift, Limits, measure, worst

# Seconds, each bound a quarter above the one before: 0.1 ms to 80 s.
BOUNDS = 1e-4 * 1.25 ** np.arange(61)
QUANTILES = (0.5, 0.95, 0.99)


@define(eq=False)
class Day:
    """One day, or several together."""

    requests: int = 0  # answered
    rows: int = 0
    times: Array = field(factory=lambda: np.zeros(len(BOUNDS) + 1, dtype=np.int64))
    refused: Counter[str] = field(factory=Counter)  # by status and first fault
    counts: dict[str, Array] = field(factory=dict)  # place in the profile → counts by bin

    def add(self, other: Day) -> None:
        """Add another day to this one; counts in other bins say nothing here and are left out."""
        self.requests += other.requests
        self.rows += other.rows
        self.times = self.times + other.times
        self.refused.update(other.refused)
        for key, counts in other.counts.items():
            self.count(key, counts)

    def count(self, key: str, counts: Array) -> None:
        """Add counts of one feature, or of the predictions."""
        known = self.counts.get(key)
        if known is None:
            self.counts[key] = counts.astype(np.int64)
        elif len(known) == len(counts):
            self.counts[key] = known + counts

    def took(self, seconds: Sequence[float]) -> None:
        """Add how long answers took."""
        self.times = self.times + np.bincount(np.searchsorted(BOUNDS, seconds), minlength=len(BOUNDS) + 1)

    def quantiles(self) -> dict[str, float | None]:
        """Return how many milliseconds answers took, within a quarter of what it was."""
        ends = np.cumsum(self.times)
        if not ends[-1]:
            return {f"p{q * 100:g}_ms": None for q in QUANTILES}
        places = [int(np.searchsorted(ends, q * ends[-1])) for q in QUANTILES]
        found = [float(BOUNDS[min(p, len(BOUNDS) - 1)]) / 1.25**0.5 * 1000 for p in places]
        return {f"p{q * 100:g}_ms": round(ms, 3) for q, ms in zip(QUANTILES, found, strict=True)}

    def json(self) -> dict[str, Any]:
        """Write it."""
        counts = {key: found.tolist() for key, found in self.counts.items()}
        times = {str(n): int(times) for n, times in enumerate(self.times) if times}
        return {
            "requests": self.requests, "rows": self.rows, "times": times, "refused": self.refused, "counts": counts
        }  # fmt: skip

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Day:
        """Read it."""
        refused = Counter({str(reason): int(count) for reason, count in raw["refused"].items()})
        made = cls(requests=int(raw["requests"]), rows=int(raw["rows"]), refused=refused)
        for place, times in raw["times"].items():
            made.times[int(place)] = times
        made.counts = {key: np.array(counts, dtype=np.int64) for key, counts in raw["counts"].items()}
        return made


Days = dict[str, Day]  # ISO date → what was seen


def together(several: Iterable[Mapping[str, Day]]) -> Days:
    """Add up what processes have seen."""
    made: Days = {}
    for days in several:
        for date, day in days.items():
            made.setdefault(date, Day()).add(day)
    return made


def whole(days: Mapping[str, Day], since: str = "") -> Day:
    """Add up days, from one on."""
    made = Day()
    for date, day in days.items():
        if date >= since:
            made.add(day)
    return made


def write(path: Path, days: Mapping[str, Day]) -> None:
    """Write days so that a kill at any moment leaves the former file or this one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_suffix(".tmp")
    # What a service is asked is for its operator.
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump({date: day.json() for date, day in days.items()}, file)
        file.flush()
        os.fsync(file.fileno())  # a machine that stops would leave an empty file of this name
    temporary.replace(path)


def read(folder: Path) -> tuple[Days, tuple[str, ...]]:
    """Read what all processes of a service have seen, and name the files that say nothing any more."""
    every = {path.name: _days(path) for path in sorted(folder.glob("*.json"))}
    spoilt = tuple(name for name, days in every.items() if days is None)
    return together(days for days in every.values() if days is not None), spoilt


def _days(path: Path) -> Days | None:
    try:
        return {str(date): Day.of(raw) for date, raw in json.loads(path.read_text(encoding="utf-8")).items()}
    except FileNotFoundError:  # another process found it too old, a moment ago
        return {}
    except (OSError, ValueError, TypeError, LookupError, AttributeError):  # half of it, or nothing of ours
        return None


@define(eq=False)
class Profile:
    """The bins of every feature and of the predictions, and how the training rows fall into them."""

    features: Sequence[tuple[Bins, Array]] = ()
    predictions: Sequence[tuple[Bins, Array]] = ()

    @property
    def every(self) -> list[tuple[Bins, Array]]:
        """Return all bins, in the order in which a kind gives its columns."""
        return [*self.features, *self.predictions]

    def drift(self, day: Day, limits: Limits) -> dict[str, Any]:
        """Say how far what was seen lies from the training rows."""
        every = [_one(bins, then, day.counts.get(str(n)), limits) for n, (bins, then) in enumerate(self.every)]
        parts = {"features": every[: len(self.features)], "predictions": every[len(self.features) :]}
        rows = max((one["rows"] for one in every), default=0)
        state = worst([one["state"] for one in every])
        return {"state": state, "rows": rows, "least": limits.rows, "days": limits.days, **parts}

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Profile:
        """Read what packaging wrote."""
        parts = (
            [(Bins.of(one), np.array(one["counts"], dtype=np.int64)) for one in raw[name]]
            for name in ("features", "predictions")
        )
        return cls(*parts)


def _one(bins: Bins, then: Array, now: Array | None, limits: Limits) -> dict[str, Any]:
    now = np.zeros(bins.size, dtype=np.int64) if now is None or len(now) != bins.size else now
    found: Drift = measure(bins.key, then, now, limits, ordered=bins.kind != "name")
    # A few rows in bins would tell of each of them.
    told = [] if found.state == "few" else _shares(now)
    return {**found.json(), "kind": bins.kind, "bins": bins.labels(), "then": _shares(then), "now": told}


def _shares(counts: Array) -> list[float]:
    total = counts.sum()
    return [round(float(share), 4) for share in counts / total] if total else []
