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

from nb2prod import process
from nb2prod.process import Running
from nb2prod.refusals import ServiceDiffers

BATCH = 100  # rows a request
SINGLES = 50  # requests of one row, to time
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
    cold_start_seconds: float
    p50_ms: float
    p95_ms: float


def rehearse(bento: str, held: Asked, *, home: Path, work: Path, required: str | None) -> Rehearsal:
    """Serve a Bento, ask it what the notebook's model was asked, and compare value for value.

    Args:
        bento: Its tag.
        held: Rows with the answers that are right.
        home: The BentoML store that has it.
        work: A folder for its log.
        required: A field that no request may miss.

    Raises:
        ServiceNotReady: It does not start.
        ServiceDiffers: It answers differently, or accepts a row without `required`.
    """
    begun = time.perf_counter()
    running = process.serve(bento, home=home, port=process.free_port(), log=work / "service.log")
    cold = time.perf_counter() - begun
    try:
        differing = list(_compared(running, held))
        if differing:
            total = len(held.rows)
            reason = f"{len(differing)} of {total} held-out rows differ"
            raise ServiceDiffers(reason, "\n".join(differing[:SHOWN]))
        if required is not None:
            _refuses(running, held.rows[0], required)
        times = sorted(_timed(running, held.rows))
    finally:
        process.stop(running)
    return Rehearsal(
        rows=len(held.rows),
        equal=True,
        cold_start_seconds=round(cold, 3),
        p50_ms=round(_quantile(times, 0.5), 3),
        p95_ms=round(_quantile(times, 0.95), 3),
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


def _timed(running: Running, rows: Sequence[dict[str, Any]]) -> Iterator[float]:
    """Yield how long requests of one row take, in milliseconds, over one connection."""
    connection = http.client.HTTPConnection(process.HOST, running.port, timeout=60)
    bodies = [json.dumps({"rows": [rows[n % len(rows)]]}).encode() for n in range(SINGLES)]
    try:
        for body in bodies:
            begun = time.perf_counter()
            process.post(connection, "/predict", body)
            yield (time.perf_counter() - begun) * 1000
    finally:
        connection.close()


def _quantile(times: Sequence[float], share: float) -> float:
    """Return the nearest value that `share` of `times`, which are sorted, do not exceed."""
    return times[max(0, math.ceil(share * len(times)) - 1)]
