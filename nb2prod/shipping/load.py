"""Load: requests over a few connections that are kept open, how long each took and what the server spent on it."""

from __future__ import annotations

import math
import selectors
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import cycle
from typing import Never

import psutil
from attrs import define, field, frozen

PATIENCE = 60.0  # seconds until an answer is given up


@frozen(kw_only=True)
class Seen:
    """What became of the requests of one round."""

    requests: int
    seconds: float
    cpu: float  # seconds of the server's processes
    times: tuple[float, ...]  # seconds a request
    statuses: Mapping[int, int]
    last: bytes

    @property
    def rate(self) -> float:
        """Return requests a second."""
        return self.requests / self.seconds

    @property
    def cpu_ms(self) -> float:
        """Return the server's milliseconds of CPU a request."""
        return self.cpu / self.requests * 1000

    def quantile(self, share: float) -> float:
        """Return milliseconds that `share` of the requests did not exceed."""
        every = sorted(self.times)
        return every[max(0, math.ceil(share * len(every)) - 1)] * 1000


@define(eq=False)
class Line:
    """One connection."""

    socket: socket.socket
    begun: float = 0.0
    seconds: float = 0.0  # that the last answer took
    got: bytearray = field(factory=bytearray)
    need: int = -1

    def send(self, asked: bytes) -> None:
        """Send a request, and expect its answer."""
        self.got, self.need, self.begun = bytearray(), -1, time.perf_counter()
        self.socket.sendall(asked)

    def done(self) -> bool:
        """Say whether an answer is whole."""
        if self.need < 0 and (end := self.got.find(b"\r\n\r\n")) >= 0:
            head = bytes(self.got[:end]).lower()
            self.need = end + 4 + int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        return 0 <= self.need <= len(self.got)


def request(
    path: str, body: bytes | None, port: int, kind: str = "application/json", headers: Mapping[str, str] | None = None
) -> bytes:
    """Write a request; one without a body gets something."""
    own = {"Accept": kind} if body is None else {"Content-Type": kind, "Content-Length": str(len(body))}
    every = {"Host": f"127.0.0.1:{port}", **own, **(headers or {})}
    verb = "GET" if body is None else "POST"
    lines = [f"{verb} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in every.items())]
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


def measure(port: int, asked: Iterable[bytes], *, seconds: float, connections: int, pid: int) -> Seen:
    """Ask a server, by each request in turn, again and again for some seconds.

    Args:
        port: Of the server, on this machine.
        asked: The requests.
        seconds: How long, and a little more: requests that were sent are waited for.
        connections: How many requests are under way at once.
        pid: Of the server's first process; those below it count as well.
    """
    times: list[float] = []
    statuses: dict[int, int] = {}
    last, pending, bodies = b"", 0, cycle(asked)
    before, start = _cpu(pid), time.perf_counter()
    with _lines(port, connections) as (selector, lines):
        for line in lines:
            line.send(next(bodies))
            pending += 1
        while pending:
            for line in _answered(selector):
                times.append(line.seconds)
                status, last = int(line.got[9:12]), bytes(line.got)
                statuses[status] = statuses.get(status, 0) + 1
                pending -= 1
                if time.perf_counter() - start < seconds:
                    line.send(next(bodies))
                    pending += 1
        took = time.perf_counter() - start
        cpu = _cpu(pid) - before
    return Seen(requests=len(times), seconds=took, cpu=cpu, times=tuple(times), statuses=statuses, last=last)


@contextmanager
def _lines(port: int, connections: int) -> Iterator[tuple[selectors.BaseSelector, list[Line]]]:
    selector = selectors.DefaultSelector()
    lines = [Line(socket=socket.create_connection(("127.0.0.1", port))) for _ in range(connections)]
    for line in lines:
        line.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(line.socket, selectors.EVENT_READ, line)
    try:
        yield selector, lines
    finally:
        for line in lines:
            line.socket.close()
        selector.close()


def _answered(selector: selectors.BaseSelector) -> Iterable[Line]:
    for key, _ in selector.select(timeout=PATIENCE) or _late():
        line: Line = key.data
        data = line.socket.recv(1 << 20)
        if not data:
            raise ConnectionError(f"the server hung up after {bytes(line.got[:200])!r}")
        line.got += data
        if line.done():
            line.seconds = time.perf_counter() - line.begun
            yield line


def _late() -> Never:
    raise TimeoutError(f"there was no answer within {PATIENCE:g} seconds")


def _cpu(pid: int) -> float:
    """Return the CPU seconds of a process and all below it."""
    head = psutil.Process(pid)
    spent = [one.cpu_times() for one in [head, *head.children(recursive=True)]]
    return float(sum(one.user + one.system for one in spent))
