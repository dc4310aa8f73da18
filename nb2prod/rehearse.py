"""Rehearsal: the Bento, in a clean process, answers held-out rows as the notebook's model does, or is refused."""

from __future__ import annotations

import http.client
import json
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from attrs import frozen

from nb2prod import load, process
from nb2prod.process import Running
from nb2prod.refusals import ServiceDiffers

BATCH = 100  # rows a request
SINGLES = (50, 300)  # requests of one row, to time: so many at least, and at most
ENOUGH = 1.0  # seconds of them
LOADED = 0.5  # seconds under load
CONNECTIONS = 8
# How near numbers must be: a model may add up in another order when it gets fewer rows at once.
CLOSE = 1e-9
SHOWN = 5  # differing rows that an error shows


class Asked(Protocol):
    """Held-out rows as a client would send them, and what the notebook's model says of them."""

    @property
    def rows(self) -> tuple[dict[str, Any], ...]:
        """Return the rows."""

    @property
    def predictions(self) -> tuple[Any, ...]:
        """Return one prediction a row."""

    @property
    def probabilities(self) -> tuple[dict[str, float], ...] | None:
        """Return one set of probabilities a row, or None."""


@frozen(kw_only=True)
class Rehearsal:
    """What was seen when the service was tried."""

    rows: int
    equal: bool
    hostile: int  # rows at the edges of what was seen, equal too
    cold_start_seconds: float
    p50_ms: float  # of requests of one row, one at a time
    p95_ms: float
    p99_ms: float
    requests_per_second: float  # of one row, over eight connections, by one worker
    cpu_ms: float  # of the service, a request
    memory_mb: float  # of all its processes, under load


class Given(Protocol):
    """What a rehearsal asks a service."""

    @property
    def held(self) -> Asked:
        """Return held-out rows."""

    @property
    def hostile(self) -> Asked:
        """Return rows at the edges of what was seen."""

    @property
    def required(self) -> str | None:
        """Return a field that no request may miss."""


def rehearse(bento: str, given: Given, *, home: Path, work: Path) -> Rehearsal:
    """Serve a Bento, ask it what the notebook's model was asked, and compare value for value.

    Args:
        bento: Its tag.
        given: Rows with the answers that are right.
        home: The BentoML store that has it.
        work: A folder for its log.

    Raises:
        ServiceNotReady: It does not start.
        ServiceDiffers: It answers differently, or accepts a row without `required`.
    """
    held, edges, required = given.held, given.hostile, given.required
    begun = time.perf_counter()
    running = process.serve(bento, home=home, port=process.free_port(), log=work / "service.log")
    cold = time.perf_counter() - begun
    try:
        for asked, kind in ((held, "held-out"), (edges, "hostile")):
            if differing := list(_compared(running, asked)):
                reason = f"{len(differing)} of {len(asked.rows)} {kind} rows differ"
                raise ServiceDiffers(reason, "\n".join(differing[:SHOWN]))
        if required is not None:
            _refuses(running, held.rows[0], required)
        times = sorted(_timed(running, held))
        seen = _loaded(running, held)
        memory = process.memory(running)
    finally:
        process.stop(running)
    return Rehearsal(
        rows=len(held.rows),
        equal=True,
        hostile=len(edges.rows),
        cold_start_seconds=round(cold, 3),
        p50_ms=round(_quantile(times, 0.5), 3),
        p95_ms=round(_quantile(times, 0.95), 3),
        p99_ms=round(_quantile(times, 0.99), 3),
        requests_per_second=round(seen.rate, 1),
        cpu_ms=round(seen.cpu_ms, 3),
        memory_mb=round(memory / 1e6, 1),
    )


def differences(held: Asked, start: int, answers: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Describe the answers, to the rows from `start` on, that are not the notebook's."""
    for number, answer in enumerate(answers, start):
        expected, said = held.predictions[number], answer.get("prediction")
        if not same(expected, said):
            yield f"row {number + 1}: the notebook says {expected!r}, the service {said!r}"
        elif held.probabilities is not None:
            chances, given = held.probabilities[number], answer.get("probabilities") or {}
            far = [
                c for c, p in chances.items() if not math.isclose(p, given.get(c, math.nan), rel_tol=0, abs_tol=CLOSE)
            ]
            if far or chances.keys() != given.keys():
                yield f"row {number + 1}: the notebook's probabilities are {chances}, the service's {given}"


def same(expected: Any, said: Any) -> bool:
    """Compare two predictions: classes exactly, numbers as closely as any order of adding up gives them."""
    if isinstance(expected, list):
        return isinstance(said, list) and len(said) == len(expected) and all(map(same, expected, said))
    if isinstance(expected, float) and isinstance(said, int | float) and not isinstance(said, bool):
        return math.isclose(expected, said, rel_tol=CLOSE, abs_tol=CLOSE**2)
    return bool(expected == said) and isinstance(expected, bool) == isinstance(said, bool)


def _compared(running: Running, held: Asked) -> Iterator[str]:
    for start in range(0, len(held.rows), BATCH):
        rows = held.rows[start : start + BATCH]
        status, answers = process.ask(running, "/predict", {"rows": rows})
        if status != http.HTTPStatus.OK or not isinstance(answers, list) or len(answers) != len(rows):
            text = json.dumps(answers)[:2000]
            raise ServiceDiffers(f"rows {start + 1} to {start + len(rows)} got status {status}", text)
        yield from differences(held, start, answers)


def _refuses(running: Running, row: dict[str, Any], required: str) -> None:
    """Check that a missing field is the client's fault, and is named."""
    status, answer = process.ask(running, "/predict", {"rows": [{k: v for k, v in row.items() if k != required}]})
    named = required in json.dumps(answer, ensure_ascii=False)
    if not (http.HTTPStatus.BAD_REQUEST <= status < http.HTTPStatus.INTERNAL_SERVER_ERROR and named):
        reason = f"a row without '{required}' got status {status}" + ("" if named else ", and the field is not named")
        raise ServiceDiffers(reason, json.dumps(answer)[:2000])


def _timed(running: Running, held: Asked) -> Iterator[float]:
    """Yield how many milliseconds requests of one row take over one connection; their answers must be right, too."""
    rows, least, most = held.rows, *SINGLES
    connection = http.client.HTTPConnection(process.HOST, running.port, timeout=60)
    start = time.perf_counter()
    try:
        for n in range(most):
            if n >= least and time.perf_counter() - start > ENOUGH:
                break
            body = json.dumps({"rows": [rows[n % len(rows)]]}).encode()
            begun = time.perf_counter()
            status, answers = process.post(connection, "/predict", body)
            yield (time.perf_counter() - begun) * 1000
            if status != http.HTTPStatus.OK:
                raise ServiceDiffers(f"row {n % len(rows) + 1} alone got status {status}", json.dumps(answers)[:2000])
            if differing := list(differences(held, n % len(rows), answers)):
                raise ServiceDiffers("a row alone is answered otherwise than among others", "\n".join(differing))
    finally:
        connection.close()


def _loaded(running: Running, held: Asked) -> load.Seen:
    """Ask over several connections at once; no answer may be a refusal."""
    bodies = (json.dumps({"rows": [row]}).encode() for row in held.rows[:BATCH])
    asked = [load.request("/predict", body, running.port) for body in bodies]
    seen = load.measure(running.port, asked, seconds=LOADED, connections=CONNECTIONS, pid=running.pid)
    if set(seen.statuses) != {http.HTTPStatus.OK}:
        reason = f"under load, requests got status {', '.join(map(str, sorted(seen.statuses)))}"
        raise ServiceDiffers(reason, seen.last.decode("utf-8", "replace")[:2000])
    return seen


def _quantile(times: Sequence[float], share: float) -> float:
    """Return the nearest value that `share` of `times`, which are sorted, do not exceed."""
    return times[max(0, math.ceil(share * len(times)) - 1)]
