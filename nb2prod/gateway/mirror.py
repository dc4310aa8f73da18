"""Mirror: requests copied to a release whose answers nobody gets, and compared with those that clients got."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import deque
from typing import Any

from aiohttp import ClientError
from attrs import define, field, frozen
from multidict import CIMultiDict

from nb2prod.gateway.tally import Tally
from nb2prod.gateway.upstream import Upstream

MOST = 200  # copies that wait; with more than that a copy is dropped, and counted
BYTES = 32 * 2**20  # of their bodies
WORKERS = 2
CLOSE = 1e-9  # numbers nearer than this are the same
SHOWN = 5  # differing answers that are kept, of so many characters:
LENGTH = 300

log = logging.getLogger(__name__)


@frozen(kw_only=True)
class Copy:
    """A request and how it was answered."""

    method: str
    path: str
    headers: CIMultiDict[str]
    body: bytes
    status: int
    answer: bytes

    @property
    def size(self) -> int:
        """Return its bytes."""
        return len(self.body) + len(self.answer)


@define(eq=False)
class Mirror:
    """The comparison of a shadow with what is live."""

    upstream: Upstream
    tally: Tally = field(factory=Tally)
    same: int = 0
    different: int = 0
    failed: int = 0  # the shadow did not answer, or with 5xx where the live release did
    dropped: int = 0  # too many waited
    rows: int = 0  # predictions that were compared
    rows_different: int = 0
    gap: float = 0.0  # the largest difference of two numbers
    examples: deque[dict[str, Any]] = field(factory=lambda: deque(maxlen=SHOWN))
    _queue: asyncio.Queue[Copy] = field(factory=lambda: asyncio.Queue(MOST))
    _bytes: int = 0
    _tasks: list[asyncio.Task[None]] = field(factory=list)

    def open(self) -> None:
        """Begin to send copies."""
        self._tasks = [asyncio.create_task(self._work()) for _ in range(WORKERS)]

    async def close(self) -> None:
        """Let go of what still waits."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def offer(self, copy: Copy) -> None:
        """Take a copy, or drop it; this never waits."""
        if self._queue.full() or self._bytes + copy.size > BYTES:
            self.dropped += 1
            return
        self._bytes += copy.size
        self._queue.put_nowait(copy)

    async def _work(self) -> None:
        while True:
            copy = await self._queue.get()
            self._bytes -= copy.size
            try:
                with self.upstream.used():
                    await self._compare(copy)
            except (ClientError, OSError, TimeoutError) as wrong:
                self.failed += 1
                self._keep(copy, f"no answer: {wrong}")
                if not await self.upstream.answers():
                    await self.upstream.revive()

    async def _compare(self, copy: Copy) -> None:
        begun = time.perf_counter()
        url = self.upstream.url(copy.path)
        async with self.upstream.session.request(
            copy.method, url, headers=copy.headers, data=copy.body or None, allow_redirects=False
        ) as reply:
            answer = await reply.read()
        self.tally.add(reply.status, time.perf_counter() - begun)
        if reply.status >= 500 > copy.status:
            self.failed += 1
            self._keep(copy, _short(answer))
        elif reply.status == copy.status and self._alike(copy.answer, answer):
            self.same += 1
        else:
            self.different += 1
            self._keep(copy, f"{reply.status} {_short(answer)}")

    def _alike(self, live: bytes, own: bytes) -> bool:
        if live == own:
            self.rows += _rows(live)
            return True
        try:
            one, other = json.loads(live), json.loads(own)
        except ValueError:
            return False
        pairs = list(zip(one, other, strict=False)) if isinstance(one, list) and isinstance(other, list) else []
        gaps = [gap(*pair) for pair in pairs]
        self.rows += len(gaps)
        self.rows_different += sum(found is None or found > CLOSE for found in gaps)
        self.gap = max([self.gap, *(found for found in gaps if found is not None)])
        whole = gap(one, other)
        return whole is not None and whole <= CLOSE

    def _keep(self, copy: Copy, said: str) -> None:
        # Answers and no questions: those may hold what must not be written down.
        live = f"{copy.status} {_short(copy.answer)}"
        self.examples.append({"path": copy.path.partition("?")[0], "live": live, "shadow": said})

    def json(self) -> dict[str, Any]:
        """Write what was found; `waiting` are copies that were not sent yet."""
        counts = {name: getattr(self, name) for name in ("same", "different", "failed", "dropped")}
        rows = {"rows": self.rows, "rows_different": self.rows_different, "largest_gap": self.gap}
        return {**counts, "waiting": self._queue.qsize(), **rows, "examples": list(self.examples)}


def gap(one: Any, other: Any) -> float | None:
    """Return how far two answers are apart in their numbers at most; None when something else differs."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return _most([gap(value, other[name]) for name, value in one.items()])
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return _most([gap(*pair) for pair in zip(one, other, strict=True)])
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (one, other))
    if numbers:
        return abs(one - other)  # type: ignore[no-any-return]
    return 0.0 if type(one) is type(other) and one == other else None


def _most(gaps: list[float | None]) -> float | None:
    found = [value for value in gaps if value is not None]
    return max(found, default=0.0) if len(found) == len(gaps) else None


def _rows(answer: bytes) -> int:
    try:
        found = json.loads(answer)
    except ValueError:
        return 0
    return len(found) if isinstance(found, list) else 0


def _short(answer: bytes) -> str:
    return answer[:LENGTH].decode("utf-8", "replace")
