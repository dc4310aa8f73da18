"""Upstream: a release's backend as the gateway sees it: asked over HTTP, counted, drained, and revived when it dies."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from attrs import define, field
from yarl import URL

from nb2prod.errors.base import Nb2ProdError
from nb2prod.hosting.process import Running

IDLE = 3.0  # seconds; a backend closes idle connections after 5, and one that closes must not be sent a request
CONNECT = 5.0  # seconds
SILENCE = 600.0  # seconds without a byte; a service gives up a request itself, sooner
PAUSES = (0.0, 1.0, 2.0, 5.0, 15.0, 30.0)  # seconds before one start and the next
HEALTH = 2.0  # seconds that a backend may take to say that it is ready

log = logging.getLogger(__name__)


@define(eq=False)
class Upstream:
    """One release behind the gateway."""

    release: str
    start: Callable[[], Running]  # starts the backend if it does not answer; blocks
    running: Running
    session: ClientSession = field(factory=lambda: _session())
    busy: int = 0  # requests in flight
    restarts: int = 0
    trouble: str | None = None  # why it cannot be started
    idle: asyncio.Event = field(factory=asyncio.Event)
    _reviving: asyncio.Task[None] | None = None

    def url(self, path: str) -> URL:
        """Return where a path, as it came in, is at the backend."""
        return URL(f"{self.running.url}{path}", encoded=True)

    @contextmanager
    def used(self) -> Iterator[None]:
        """Count a request while it is in flight."""
        self.busy += 1
        self.idle.clear()
        try:
            yield
        finally:
            self.busy -= 1
            if not self.busy:
                self.idle.set()

    async def answers(self) -> bool:
        """Say whether the backend is ready."""
        try:
            async with self.session.get(self.url("/readyz"), timeout=ClientTimeout(total=HEALTH)) as reply:
                return reply.status == 200
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            return False
        except Exception as wrong:  # noqa: BLE001 - whatever a half-dead process says: it is not ready
            log.debug("%s: %s", self.release, wrong)
            return False

    async def revive(self, patience: float | None = None) -> None:
        """Start the backend again, once however many ask for it; return when it answers or cannot be started.

        Raises:
            TimeoutError: That took longer than `patience` seconds; it goes on.
        """
        if self._reviving is None or self._reviving.done():
            self._reviving = asyncio.create_task(self._revive())
        await asyncio.wait({self._reviving}, timeout=patience)
        if not self._reviving.done():
            raise TimeoutError

    async def _revive(self) -> None:
        for pause in PAUSES:
            await asyncio.sleep(pause)
            begun = time.monotonic()
            try:
                running = await asyncio.to_thread(self.start)
            except Nb2ProdError as wrong:
                self.trouble = wrong.message
                log.warning("%s: %s", self.release, wrong.message)
                continue
            if running != self.running:
                self.restarts += 1
                log.warning("%s was started again in %.1f s", self.release, time.monotonic() - begun)
            self.running, self.trouble = running, None
            return

    async def close(self, patience: float) -> None:
        """Wait until no request is in flight, for so many seconds at most, and let go of all connections."""
        if self.busy:
            try:
                await asyncio.wait_for(self.idle.wait(), patience)
            except TimeoutError:
                log.warning("%s: %d requests did not end in %g s", self.release, self.busy, patience)
        if self._reviving is not None:
            self._reviving.cancel()
        await self.session.close()

    def json(self) -> dict[str, Any]:
        """Write how it is."""
        return {
            "pid": self.running.pid,
            "backend": self.running.url,
            "in_flight": self.busy,
            "restarts": self.restarts,
            "trouble": self.trouble,
        }


def _session() -> ClientSession:
    connector = TCPConnector(limit=0, keepalive_timeout=IDLE)
    return ClientSession(
        connector=connector,
        timeout=ClientTimeout(total=None, sock_connect=CONNECT, sock_read=SILENCE),
        auto_decompress=False,
        cookie_jar=DummyCookieJar(),
        skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
    )
