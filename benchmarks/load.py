"""Load: requests over a few connections that are kept open, and how long each took."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psutil
from attrs import define, field, frozen


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
        return every[min(int(share * len(every)), len(every) - 1)] * 1000


@define(eq=False)
class Line:
    """One connection."""

    socket: socket.socket
    begun: float = 0.0
    got: bytearray = field(factory=bytearray)
    need: int = -1

    def done(self) -> bool:
        """Say whether an answer is whole."""
        if self.need < 0 and (end := self.got.find(b"\r\n\r\n")) >= 0:
            head = bytes(self.got[:end]).lower()
            self.need = end + 4 + int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        return 0 <= self.need <= len(self.got)


def request(path: str, body: bytes, port: int, kind: str = "application/json") -> bytes:
    """Write a request."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def measure(port: int, asked: bytes, *, seconds: float, connections: int, pid: int) -> Seen:
    """Ask a server again and again for some seconds."""
    times: list[float] = []
    statuses: dict[int, int] = {}
    last = b""
    before, start = _cpu(pid), time.perf_counter()
    with _lines(port, connections) as (selector, lines):
        for line in lines:
            line.begun = time.perf_counter()
            line.socket.sendall(asked)
        while time.perf_counter() - start < seconds:
            for line in _answered(selector):
                times.append(time.perf_counter() - line.begun)
                status = int(line.got[9:12])
                statuses[status] = statuses.get(status, 0) + 1
                last = bytes(line.got)
                line.got, line.need, line.begun = bytearray(), -1, time.perf_counter()
                line.socket.sendall(asked)
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
    for key, _ in selector.select(timeout=0.2):
        line: Line = key.data
        data = line.socket.recv(1 << 20)
        if not data:
            raise ConnectionError(f"the server hung up after {bytes(line.got[:200])!r}")
        line.got += data
        if line.done():
            yield line


def _cpu(pid: int) -> float:
    """Return the CPU seconds of a process and all below it."""
    head = psutil.Process(pid)
    total = 0.0
    for one in [head, *head.children(recursive=True)]:
        with_times: Any = one.cpu_times()
        total += with_times.user + with_times.system
    return total
