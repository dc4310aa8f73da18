"""Rehearsal: the Bento, in a clean process, answers held-out rows as the notebook's model does, or is refused."""

from __future__ import annotations

import hashlib
import http.client
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Protocol

from attrs import frozen

from nb2prod.errors.ships import ServiceDiffers
from nb2prod.hosting import process
from nb2prod.hosting.rehearsed import RehearsedService
from nb2prod.packers.call import Blob, Call, Fault, differences
from nb2prod.shipping import load

SINGLES = (50, 300)  # requests of one row, to time: so many at least, and at most
ENOUGH = 1.0  # seconds of them
LOADED = 0.5  # seconds under load
CONNECTIONS = 8
SHOWN = 5  # differing rows that an error shows


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
    def held(self) -> Sequence[Call]:
        """Return held-out rows, many at a time."""

    @property
    def hostile(self) -> Sequence[Call]:
        """Return rows at the edges of what was seen."""

    @property
    def single(self) -> Sequence[Call]:
        """Return the smallest requests there are, to time."""

    @property
    def faulty(self) -> Sequence[Fault]:
        """Return requests that must be refused."""

    @property
    def blobs(self) -> Sequence[Blob]:
        """Return what must be given out byte by byte."""


@frozen(kw_only=True)
class Stage:
    """Where a rehearsal is, and who else is there."""

    port: int | None = None  # if it is free
    alone: Callable[[], object] = lambda: None  # returns when nothing else goes on that would be measured, too


STAGE = Stage()


def rehearse(service: RehearsedService, bento: str, given: Given, *, home: Path, stage: Stage = STAGE) -> Rehearsal:
    """Serve a Bento, ask it what the notebook's model was asked, and compare value for value; it goes on after that.

    Args:
        service: Its service.
        bento: Its tag.
        given: Rows with the answers that are right.
        home: The BentoML store that has it.
        stage: Where, and when nothing else is measured with it.

    Raises:
        ServiceNotReady: It does not start.
        ServiceDiffers: It answers differently, or accepts what it must refuse.
    """
    start = time.perf_counter()
    service.start(bento, home=home, port=stage.port)
    cold = time.perf_counter() - start
    try:
        _compared(service, given)
        stage.alone()
        times = sorted(_timed(service, given.single))
        seen = _loaded(service, given.single)
        memory = process.memory(service.heard)
    except BaseException:
        service.end()
        raise
    return Rehearsal(
        rows=sum(call.rows for call in given.held),
        equal=True,
        hostile=sum(call.rows for call in given.hostile),
        cold_start_seconds=round(cold, 3),
        p50_ms=round(_quantile(times, 0.5), 3),
        p95_ms=round(_quantile(times, 0.95), 3),
        p99_ms=round(_quantile(times, 0.99), 3),
        requests_per_second=round(seen.rate, 1),
        cpu_ms=round(seen.cpu_ms, 3),
        memory_mb=round(memory / 1e6, 1),
    )


def _compared(service: RehearsedService, given: Given) -> None:
    """Ask everything whose answer is known."""
    for calls, kind in ((given.held, "held-out"), (given.hostile, "hostile")):
        if differing := [text for call in calls for text in _asked(service, call)]:
            reason = f"{len(differing)} of {sum(call.rows for call in calls)} {kind} rows differ"
            raise ServiceDiffers(reason, "\n".join(differing[:SHOWN]))
    for blob in given.blobs:
        _given(service, blob)
    for fault in given.faulty:
        _refuses(service, fault)


def _asked(service: RehearsedService, call: Call) -> Iterator[str]:
    status, said = process.ask(service.heard, call.path, call.request, service.headers)
    if status != http.HTTPStatus.OK:
        rows = f"rows {call.first + 1} to {call.first + call.rows}" if call.rows > 1 else "a request"
        raise ServiceDiffers(f"{rows} got status {status}", json.dumps(said)[:2000])
    yield from differences(call, said)


def _given(service: RehearsedService, blob: Blob) -> None:
    connection = http.client.HTTPConnection(process.HOST, service.heard.port, timeout=60)
    try:
        connection.request("GET", blob.path, headers=service.headers)
        reply = connection.getresponse()
        data = reply.read()
    finally:
        connection.close()
    if reply.status != http.HTTPStatus.OK or hashlib.sha256(data).hexdigest() != blob.sha256:
        raise ServiceDiffers(f"{blob.path} got status {reply.status}, or other bytes than the notebook's", "")


def _refuses(service: RehearsedService, fault: Fault) -> None:
    """Check that a fault is the client's, and is named."""
    status, answer = process.ask(service.heard, fault.path, fault.request, service.headers)
    named = fault.word in json.dumps(answer, ensure_ascii=False)
    if not (http.HTTPStatus.BAD_REQUEST <= status < http.HTTPStatus.INTERNAL_SERVER_ERROR and named):
        reason = f"a request with a fault in '{fault.word}' got status {status}"
        raise ServiceDiffers(reason + ("" if named else ", and it is not named"), json.dumps(answer)[:2000])


def _timed(service: RehearsedService, single: Sequence[Call]) -> Iterator[float]:
    """Yield how many milliseconds requests of one row take over one connection; their answers must be right, too."""
    least, most = SINGLES
    connection = http.client.HTTPConnection(process.HOST, service.heard.port, timeout=60)
    start = time.perf_counter()
    try:
        for n, call in enumerate(islice(cycle(single), most)):
            if n >= least and time.perf_counter() - start > ENOUGH:
                break
            body = None if call.request is None else json.dumps(call.request).encode()
            begun = time.perf_counter()
            status, said = process.post(connection, call.path, body, service.headers)
            yield (time.perf_counter() - begun) * 1000
            if status != http.HTTPStatus.OK:
                raise ServiceDiffers(f"row {call.first + 1} alone got status {status}", json.dumps(said)[:2000])
            if differing := list(differences(call, said)):
                raise ServiceDiffers("a row alone is answered otherwise than among others", "\n".join(differing))
    finally:
        connection.close()


def _loaded(service: RehearsedService, single: Sequence[Call]) -> load.Seen:
    """Ask over several connections at once; no answer may be a refusal."""
    bodies = [(call.path, None if call.request is None else json.dumps(call.request).encode()) for call in single]
    running = service.heard
    asked = [load.request(path, body, running.port, headers=service.headers) for path, body in bodies]
    seen = load.measure(running.port, asked, seconds=LOADED, connections=CONNECTIONS, pid=running.pid)
    if set(seen.statuses) != {http.HTTPStatus.OK}:
        reason = f"under load, requests got status {', '.join(map(str, sorted(seen.statuses)))}"
        raise ServiceDiffers(reason, seen.last.decode("utf-8", "replace")[:2000])
    return seen


def _quantile(times: Sequence[float], share: float) -> float:
    """Return the nearest value that `share` of `times`, which are sorted, do not exceed."""
    return times[max(0, math.ceil(share * len(times)) - 1)]
