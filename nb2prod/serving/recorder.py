"""Recorder: what a service remembers of its requests, written by a thread of its own and no request waits for it."""

from __future__ import annotations

import itertools
import json
import logging
import os
import random
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from attrs import define, field, fields_dict
from prometheus_client import Counter, Gauge, Histogram
from pydantic_core import to_json

from . import failures, feedback, usage
from .bins import Array
from .drift import Limits
from .failures import FailedRequest
from .faults import Refused
from .jsonl import DAY, JsonLines
from .table import Rows
from .usage import Day, Days, Profile

WAITING = 5000  # requests that may wait to be counted; more are dropped, and that is counted
WAITING_BYTES = 64 * 2**20  # likewise
PERIOD = 0.5  # seconds between two looks at what waits
TOGETHER = 250  # requests that are counted at once, so that requests get their turn in between
SAVED = 10.0  # seconds between two times that counts are written
MOST = 1000  # rows of one request that are looked at, evenly chosen
PACE = 0.02  # seconds between two requests whose values are looked at: 50 a second tell as much as 2000

BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5)

log = logging.getLogger("bentoml.service")
ANSWERED = Histogram("service_answer_seconds", "Requests for predictions that were answered", buckets=BUCKETS)
DROPPED = Counter("service_watch_dropped", "Requests whose values were not looked at, since too many waited")
PSI = Gauge("service_drift_psi", "Population stability index", ["feature", "of"], multiprocess_mode="mostrecent")
JS = Gauge("service_drift_js", "Jensen-Shannon distance", ["feature", "of"], multiprocess_mode="mostrecent")
ROWS = Gauge("service_drift_rows", "Rows that drift is measured on", multiprocess_mode="mostrecent")

Columns = Callable[[Any, Any], Sequence[Array]]  # request and answer → the values of each feature, of each prediction


@define
class Ticket:
    """One request."""

    id: str
    begun: float
    size: int = 0


@define(eq=False)
class Recorder:
    """Counts in bins what passes, and writes lines of what the policy allows."""

    profile: Profile
    policy: Mapping[str, Any]
    release: str
    home: Path | None = None  # where something may be written
    columns: Columns | None = None
    days: Days = field(factory=dict)
    before: Days = field(factory=dict)  # of processes that ended
    waiting: deque[Any] = field(factory=deque)
    held: int = 0  # bytes of what waits, about
    passed: deque[tuple[float, int]] = field(factory=lambda: deque(maxlen=100_000))  # seconds and rows of each request
    took: deque[float] = field(factory=lambda: deque(maxlen=100_000))  # seconds of each answer, until it was written
    reasons: deque[str] = field(factory=lambda: deque(maxlen=100_000))  # why requests were not answered
    due: float = 0.0  # when values are looked at again
    lines: JsonLines | None = field(init=False, default=None)
    limits: Limits = field(init=False)
    began: str = field(init=False, factory=lambda: time.strftime("%Y%m%dT%H%M%S", time.gmtime()))
    _ids: Any = field(init=False, factory=lambda: (secrets.token_hex(4), itertools.count(1)))
    _over: threading.Event = field(init=False, factory=threading.Event)
    _lock: threading.Lock = field(init=False, factory=threading.Lock)
    _thread: threading.Thread | None = field(init=False, default=None)
    _told: float = 0.0
    _changed: bool = False

    def __attrs_post_init__(self) -> None:
        known = fields_dict(Limits)
        self.limits = Limits(**{k: v for k, v in self.policy.get("drift", {}).items() if k in known})
        wanted = self.policy.get("log", {})
        if wanted.get("columns") is not None and self.home is None:
            log.warning("The policy asks for a log of predictions: set SERVICE_STATE_DIR to a folder for it.")
        elif wanted.get("columns") is not None and self.home is not None:
            most, days = int(wanted["megabytes"] * 2**20), wanted["days"]
            self.lines = JsonLines(folder=self.home / "predictions", most=most, days=days)

    @classmethod
    def of(cls, folder: Path, schema: Mapping[str, Any], release: str, environ: Mapping[str, str]) -> Recorder:
        """Make the recorder of a service's folder; nothing is written, and nothing started, before `start`."""
        place = folder / "profile.json"
        profile = Profile.of(json.loads(place.read_text(encoding="utf-8"))) if place.exists() else Profile()
        home = environ.get("SERVICE_STATE_DIR")
        name = environ.get("SERVICE_RELEASE") or release
        return cls(profile=profile, policy=schema.get("policy", {}), release=name, home=Path(home) if home else None)

    def start(self) -> None:
        """Begin to count what passes, where that was not begun."""
        if self._thread is not None:
            return
        if self.home is not None:
            (self.home / "seen").mkdir(parents=True, exist_ok=True, mode=0o700)
            self._forget()
            self.before, spoilt = usage.read(self.home / "seen")
            for name in spoilt:
                log.warning("What was counted in %s cannot be read, and is left out", name)
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Count what waits, and write it."""
        self._over.set()
        if self._thread is not None and self._thread.is_alive():
            self._thread.join(5)
        self._thread = None

    def forget(self) -> None:
        """Forget what waits to be counted: it was a rehearsal."""
        self.held = 0
        for queue in (self.waiting, self.passed, self.took, self.reasons):
            queue.clear()

    def ticket(self) -> Ticket:
        """Give a request its id."""
        prefix, numbers = self._ids
        return Ticket(f"{prefix}-{next(numbers):x}", time.perf_counter())

    def record(self, ticket: Ticket, asked: Any, answer: Any) -> None:
        """Take note of a request that was answered. All that is done here is to put it into a queue."""
        now = time.perf_counter()
        rows = asked.count if type(asked) is Rows else len(asked) if isinstance(asked, list) else 1
        self.passed.append((now - ticket.begun, rows))
        if self.columns is None or (now < self.due and self.lines is None):
            return
        self.due = now + PACE
        if len(self.waiting) >= WAITING or self.held > WAITING_BYTES:
            DROPPED.inc()
            return
        self.held += ticket.size
        self.waiting.append((ticket, asked, answer, now - ticket.begun))

    def refused(self, reason: str) -> None:
        """Take note of a request that was not answered."""
        self.reasons.append(reason)

    def keeps(self, status: int) -> bool:
        """Say whether the policy wants a request that was answered so, and there is a place for it."""
        return self.home is not None and failures.wanted(self.policy.get("log", {}).get("requests", "none"), status)

    def keep(self, ticket: Ticket, refused: Refused, form: bytes, body: bytes) -> None:
        """Keep a request that was not answered."""
        assert self.home is not None
        wanted = self.policy["log"]
        try:
            one = FailedRequest.of(ticket.id, self.release, refused, form, body)
            failures.keep(self.home / "requests", one, days=wanted["days"])
        except OSError:
            log.exception("Request %s could not be kept", ticket.id)

    def told(self) -> dict[str, Any]:
        """Write what people and `nb2prod monitor` ask for."""
        day, said = self.recent(), feedback.kept(self.home) if self.home else []
        traffic = {"requests": day.requests, "rows": day.rows, **day.quantiles()}
        spoken = feedback.tally(said)
        return {
            "release": self.release,
            "traffic": traffic,
            "refused": day.refused,
            "feedback": {"right": spoken["right"], "wrong": spoken["wrong"]},
            **self.profile.drift(day, self.limits),
        }

    def drift(self) -> dict[str, Any]:
        """Say how far what is asked lies from what the model was trained on."""
        return self.profile.drift(self.recent(), self.limits)

    def recent(self) -> Day:
        """Return what was seen in the days that the policy looks at."""
        since = _date(time.time() - (self.limits.days - 1) * DAY)
        with self._lock:
            return usage.whole(usage.together([self.before, self.days]), since)

    def settle(self) -> None:
        """Count all that waits now."""
        with self._lock:
            self._count(_taken(self.passed), _taken(self.reasons))
            _observed(_taken(self.took))
        self.held = 0
        while self.waiting:
            with self._lock:
                self._look([self.waiting.popleft() for _ in range(min(TOGETHER, len(self.waiting)))])
            time.sleep(0)  # requests may have their turn

    def _run(self) -> None:
        while not self._over.wait(PERIOD):
            self._once(due=time.monotonic() - self._told > SAVED)
        self._once(due=True)

    def _once(self, *, due: bool) -> None:
        try:
            self.settle()
            if due and self._changed:
                self._told, self._changed = time.monotonic(), False
                self._tell()
        except Exception:  # whatever is wrong here must not end the recorder, nor the service
            log.exception("The recorder could not count or write")

    def _tell(self) -> None:
        """Write counts, forget those of days that are too long ago, and set the gauges."""
        for date in [date for date in self.days if date < _date(time.time() - self._kept * DAY)]:
            del self.days[date]
        if self.home is not None:
            usage.write(self.home / "seen" / f"{self.began}-{os.getpid()}.json", self.days)
        found = self.drift()
        ROWS.set(found["rows"])
        for of in ("features", "predictions"):
            for one in found[of]:
                PSI.labels(one["key"], of).set(one["psi"])
                JS.labels(one["key"], of).set(one["js"])

    def _today(self) -> Day:
        self._changed = True
        return self.days.setdefault(_date(time.time()), Day())

    def _count(self, passed: Sequence[tuple[float, int]], reasons: Sequence[str]) -> None:
        """Count requests, their rows, and how long they took."""
        if passed or reasons:
            day = self._today()
            day.refused.update(reasons)
            day.requests += len(passed)
            day.rows += sum(rows for _, rows in passed)
            day.took([seconds for seconds, _ in passed])

    def _look(self, batch: Sequence[Any]) -> None:
        """Count the values of requests in bins."""
        if self.columns is None or not batch:
            return
        day, found = self._today(), [_sampled(self.columns(asked, answer)) for _, asked, answer, _ in batch]
        for n, (bins, _) in enumerate(self.profile.every):
            day.count(str(n), bins.count(np.concatenate([one[n] for one in found])))
        if self.lines is not None:
            self._log(batch, found)

    def _log(self, answered: Sequence[Any], found: Sequence[Sequence[Array]]) -> None:
        """Write a line for each prediction, with the columns that the policy allows and no others."""
        assert self.lines is not None
        wanted, keys = self.policy["log"], [bins.key for bins, _ in self.profile.every]
        asked, told, share = len(self.profile.features), set(wanted["columns"]), wanted["share"]
        kept = [n for n, key in enumerate(keys) if n >= asked or key in told or "*" in told]
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        made = []
        for (ticket, _, _, seconds), columns in zip(answered, found, strict=True):
            if share < 1 and random.random() >= share:  # noqa: S311  which are chosen is no secret
                continue
            values = [columns[n].tolist() for n in kept]
            base = {"id": ticket.id, "time": now, "release": self.release, "ms": round(seconds * 1000, 3)}
            for row, cells in enumerate(zip(*values, strict=True)):
                line = {**base, "row": row, **_split(zip(kept, cells, strict=True), keys, asked)}
                made.append(to_json(line, inf_nan_mode="null"))
        if made:
            self.lines.write(made)

    @property
    def _kept(self) -> float:
        """Return for how many days counts are kept."""
        return float(max(self.policy.get("log", {}).get("days", 30), self.limits.days))

    def _forget(self) -> None:
        """Take away counts of days that are too long ago."""
        assert self.home is not None
        for path in (self.home / "seen").glob("*.json"):
            if path.stat().st_mtime < time.time() - self._kept * DAY:
                path.unlink(missing_ok=True)


def _observed(seconds: Sequence[float]) -> None:
    """Put times into the histogram all at once; in files that processes share, one alone takes as long as a request."""
    if seconds:
        for bucket, times in enumerate(np.bincount(np.searchsorted(BUCKETS, seconds), minlength=len(BUCKETS) + 1)):
            if times:
                ANSWERED._buckets[bucket].inc(int(times))
        ANSWERED._sum.inc(sum(seconds))


def _taken(queue: deque[Any]) -> list[Any]:
    return [queue.popleft() for _ in range(len(queue))]


def _sampled(columns: Sequence[Array]) -> Sequence[Array]:
    step = -(-len(columns[0]) // MOST) if columns else 1
    return [column[::step] for column in columns] if step > 1 else columns


def _split(cells: Any, keys: Sequence[str], asked: int) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    said: dict[str, Any] = {}
    for n, value in cells:
        (columns if n < asked else said)[keys[n]] = value
    return {"columns": columns, **said}


def _date(seconds: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))
