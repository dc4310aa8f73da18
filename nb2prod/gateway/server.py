"""Server: takes requests at a deployment's port, and changes where they go without losing one."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from aiohttp import ClientConnectorError, ClientError, web
from attrs import define, field

from nb2prod.errors.deployments import GatewayNotReady
from nb2prod.gateway.control import TRIALS
from nb2prod.gateway.forward import BODY, Answered, Asked, TooLarge, forward
from nb2prod.gateway.metrics import Metrics
from nb2prod.gateway.mirror import Copy, Mirror
from nb2prod.gateway.split import Split, client_of
from nb2prod.gateway.tally import Tally, compared
from nb2prod.gateway.upstream import Upstream
from nb2prod.hosting import process
from nb2prod.hosting.backends import Backends
from nb2prod.releases import deployment, release
from nb2prod.releases.deployment import Deployment

LOOK = 1.0  # seconds from one look at the backends to the next
SWEEP = 20.0  # seconds from one look for forgotten backends to the next
HUNG = 30.0  # seconds without an answer after which a backend that lives is ended, too
WAIT = 30.0  # seconds that a request waits for a backend that is started again
DRAIN = 90.0  # seconds that requests in flight may take: longer than a service lets one take
ASIDE = frozenset({"/livez", "/readyz", "/healthz", "/metrics"})  # asked by what watches a service: not counted
KEEP = 600.0  # seconds that what was live before stays started, unless NB2PROD_STANDBY says otherwise

log = logging.getLogger(__name__)


@define(eq=False)
class Gateway:
    """What stands at a port, and what stands behind it."""

    folder: Path  # of the deployment
    home: Path
    wanted: Deployment
    environ: dict[str, str] = field(factory=lambda: dict(os.environ))  # of backends that it starts
    keep: float = field(factory=lambda: float(os.environ.get("NB2PROD_STANDBY") or KEEP))
    split: Split = field(factory=Split)
    upstreams: dict[str, Upstream] = field(factory=dict)
    tallies: dict[str, Tally] = field(factory=dict)  # by release, since its role or its rival's changed
    since: str = ""
    mirror: Mirror | None = None
    metrics: Metrics = field(factory=Metrics)
    _lock: asyncio.Lock = field(factory=asyncio.Lock)
    _leaving: dict[str, asyncio.Task[None]] = field(factory=dict)

    @property
    def backends(self) -> Backends:
        """Return the processes behind it."""
        return Backends(self.folder / "backends", self.home)

    async def apply(self, wanted: Deployment, environ: Mapping[str, str] | None = None) -> None:
        """Let requests go where a deployment says, once everything that it names answers.

        Raises:
            GatewayNotReady: Something does not; then nothing has changed.
        """
        async with self._lock:
            if environ is not None:  # a variable that is not set any more is gone
                others = {k: v for k, v in self.environ.items() if not k.startswith("SERVICE_")}
                self.environ = {**others, **environ}
            for name in wanted.roles:
                await self._ready(name, anew=name == wanted.promoting)
            await asyncio.to_thread(deployment.write, self.folder, wanted)
            # From here to the next await is one step for every request: it goes the old way, or the new one.
            if wanted.roles != self.wanted.roles or not self.tallies:
                self.tallies = {name: Tally() for name in wanted.roles}
                self.since = wanted.history[-1].at if wanted.history else ""
            self.wanted = wanted
            self.split = Split(live=wanted.live, canary=wanted.canary, share=wanted.share, shadow=wanted.shadow)
            before, self.mirror = self.mirror, self._mirrored(wanted.shadow)
            if before is not None and before is not self.mirror:
                await before.close()
            for name in self.upstreams.keys() - wanted.roles.keys() - self._leaving.keys():
                self._leaving[name] = asyncio.create_task(self._leave(name, keep=name in wanted.before[-1:]))

    async def _ready(self, name: str, *, anew: bool) -> None:
        """Have an upstream of a release that answers; `anew` with the settings that are wanted now."""
        found, leaving = self.upstreams.get(name), self._leaving.get(name)
        if leaving is not None and found is not None:
            leaving.cancel()
            del self._leaving[name]
        elif leaving is not None:
            await leaving  # it is being ended, and is started anew then
        if found is None:
            self.upstreams[name] = await self._upstream(name)
        elif anew and not await asyncio.to_thread(self.backends.settled, name, self.environ):
            # Requests wait meanwhile, as when it dies. It was tried with these settings by whoever wants them.
            await asyncio.to_thread(self.backends.stop, name)
            await found.revive()
        elif not await found.answers():
            await found.revive()
            if found.trouble:
                raise GatewayNotReady(self.wanted.notebook, f"'{name}' does not start: {found.trouble}")

    async def _upstream(self, name: str) -> Upstream:
        made = release.read(self.home, name)

        def start() -> process.Running:
            return self.backends.start(made, environ=self.environ)

        return Upstream(name, start, await asyncio.to_thread(start))

    def _mirrored(self, shadow: str | None) -> Mirror | None:
        if shadow is None or (self.mirror is not None and self.mirror.upstream.release == shadow):
            return self.mirror if shadow is not None else None
        made = Mirror(self.upstreams[shadow])
        made.open()
        return made

    async def _leave(self, name: str, *, keep: bool) -> None:
        """Let what answers no more finish what it is at, and end it; later if one may want to go back to it."""
        upstream = self.upstreams[name]
        if keep:
            await asyncio.sleep(self.keep)
        del self.upstreams[name]  # whoever wants it back from here on waits for its end
        await upstream.close(DRAIN)
        await asyncio.to_thread(self.backends.stop, name)
        del self._leaving[name]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a request by what is live, or is tried."""
        asked = await Asked.of(request)
        mirror, begun = self.mirror, time.perf_counter()
        name = self.split.choose(client_of(request.headers, request.remote))
        answered, name = await self._answered(asked, name)
        seconds = time.perf_counter() - begun
        if name is not None and request.path not in ASIDE:
            role = self.wanted.roles.get(name, "standby")
            self.metrics.add(name, role, answered.status, seconds)
            if name in self.tallies:
                self.tallies[name].add(answered.status, seconds)
        if mirror is not None and asked.telling and answered.body is not None:
            mirror.offer(
                Copy(
                    method=request.method,
                    path=asked.path,
                    headers=asked.headers(),
                    body=asked.body or b"",
                    status=answered.status,
                    answer=answered.body,
                )
            )
        return answered.response

    async def _answered(self, asked: Asked, name: str | None) -> tuple[Answered, str | None]:
        """Ask a release; for one that does not answer, such as a canary that died, stands in what is live then."""
        tried: set[str] = set()
        while name is not None and name not in tried and name in self.upstreams:
            tried.add(name)
            upstream, wait = self.upstreams[name], WAIT if name == self.split.live else 0.0
            try:
                with upstream.used():
                    return await self._once_or_twice(asked, upstream, wait), name
            except TooLarge:
                said = f"The request has more than {self._most():,} bytes: send fewer rows at a time."
                return _refused(413, said, {"Connection": "close"}), name
            except (ClientError, OSError, TimeoutError) as wrong:
                log.warning("%s did not answer %s: %r", name, asked.request.path, wrong)
                if not asked.repeatable:
                    said = "The release behind this address did not answer; what it did is unknown."
                    return _refused(502, said), name
                if name in self.tallies:
                    self.tallies[name].add(502, 0.0)
                name = self.split.live
        return _refused(503, "No release answers here now; try again.", {"Retry-After": "2"}), None

    async def _once_or_twice(self, asked: Asked, upstream: Upstream, wait: float) -> Answered:
        """Ask a backend, and once more if it died and is started again within so many seconds."""
        try:
            return await forward(asked, upstream, most=self._most())
        except (ClientError, OSError) as wrong:
            unsent = isinstance(wrong, ClientConnectorError) and asked.body is not None
            if not (unsent or asked.repeatable) or asked.request.task.cancelling():
                raise
            if not await upstream.answers():
                await upstream.revive(wait)
            return await forward(asked, upstream, most=self._most())

    async def tell(self, request: web.Request) -> web.StreamResponse:
        """Answer `/metrics`: what the live release says, which knows who may read it, and what is known here."""
        name = self.split.live
        said = await self.handle(request)
        if said.status != 200 or not isinstance(said, web.Response) or not isinstance(said.body, bytes):
            return said
        if name is not None and said.content_type == "text/plain":
            said.body = said.body + self.metrics.text(self.upstreams.values(), self.wanted.roles, self.mirror)
        return said

    def _most(self) -> int:
        return int(self.environ.get("SERVICE_MAX_BODY") or BODY)

    async def watch(self) -> None:
        """Start backends again that died or hang, for good."""
        silent: dict[str, float] = {}
        while True:
            await asyncio.sleep(LOOK)
            for name in list(self.wanted.roles):
                upstream = self.upstreams.get(name)
                if upstream is None or await upstream.answers():
                    silent.pop(name, None)
                    continue
                since = silent.setdefault(name, time.monotonic())
                if not process.lives(upstream.running) or time.monotonic() - since > HUNG:
                    silent.pop(name)
                    with suppress(TimeoutError):  # it goes on while the others are looked after
                        await upstream.revive(0)

    async def sweep(self) -> None:
        """End backends that nobody has a use for, which an earlier gateway or a promotion that was killed left."""
        while True:
            await asyncio.to_thread(self._sweep)
            await asyncio.sleep(SWEEP)

    def _sweep(self) -> None:
        with deployment.locked(self.folder, wait=False) as alone:
            trials = Backends(self.folder / TRIALS, self.home)
            for name in trials.names() if alone else ():
                trials.stop(name)
            # While a promotion goes on, one is started that has no role yet.
            for name in self.backends.names() if alone else ():
                if name not in self.wanted.roles and name not in self.upstreams and name not in self._leaving:
                    self.backends.stop(name)

    async def end(self) -> None:
        """Let requests in flight end, and end all backends."""
        async with self._lock:
            self.split = Split()
            for task in self._leaving.values():
                task.cancel()
            if self.mirror is not None:
                await self.mirror.close()
            await asyncio.gather(*(one.close(DRAIN) for one in self.upstreams.values()))
            await asyncio.gather(*(asyncio.to_thread(self.backends.stop, name) for name in self.backends.names()))

    def status(self) -> dict[str, Any]:
        """Say how everything is."""
        found = {
            name: {
                "role": self.wanted.roles.get(name, "standby"),
                **upstream.json(),
                **(self.tallies[name] if name in self.tallies else Tally()).json(),
            }
            for name, upstream in self.upstreams.items()
        }
        if self.mirror is not None:
            found[self.mirror.upstream.release] |= self.mirror.tally.json()
        return {
            "pid": os.getpid(),
            "releases": found,
            "since": self.since,
            "comparison": self._comparison(),
            "shadow_report": None if self.mirror is None else self.mirror.json(),
        }

    def _comparison(self) -> dict[str, Any] | None:
        """Hold the canary against what is live, since it is one."""
        live, canary = (self.tallies.get(name or "") for name in (self.split.live, self.split.canary))
        return compared(live, canary) if live is not None and canary is not None else None


def _refused(status: int, said: str, headers: Mapping[str, str] | None = None) -> Answered:
    """Refuse a request as a service does."""
    body = {"error": said, "faults": 0, "detail": []}
    return Answered(web.json_response(body, status=status, headers=headers), status)
