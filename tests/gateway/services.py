"""Services that stand behind a gateway in tests: real ones over HTTP, which do what a test needs."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, TCPConnector, web
from attrs import define, field

from nb2prod.gateway.__main__ import front, opened
from nb2prod.gateway.server import Gateway
from nb2prod.gateway.upstream import Upstream
from nb2prod.hosting.process import Running, free_port
from nb2prod.releases.deployment import Deployment

A, B, C = (f"churn-20261122-00000{n}-ab12cd" for n in range(3))


@define
class Service:
    """Answers /predict with its name, as often as it was asked."""

    name: str
    port: int = field(factory=free_port)
    status: int = 200
    gate: asyncio.Event = field(factory=asyncio.Event)  # answers wait for it
    asked: list[dict[str, Any]] = field(factory=list)
    answer: Any = None
    runner: web.AppRunner | None = None
    starts: int = 0

    async def open(self) -> None:
        self.gate.set()
        app = web.Application(client_max_size=2**30)
        app.router.add_get("/readyz", self._ready)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/empty", self._empty)
        app.router.add_get("/long", self._long)
        app.router.add_get("/torn", self._torn)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self.runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", self.port).start()
        self.starts += 1

    async def close(self) -> None:
        if self.runner is not None:
            await self.runner.cleanup()

    async def _ready(self, _: web.Request) -> web.Response:
        return web.Response()

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(text="own_metric 1\n")

    async def _empty(self, _: web.Request) -> web.Response:
        return web.Response(status=204)

    async def _long(self, _: web.Request) -> web.Response:
        return web.Response(body=io.BytesIO(bytes(3 * 2**20)))

    async def _torn(self, request: web.Request) -> web.StreamResponse:
        """Answer half of what was announced."""
        self.asked.append({"path": request.raw_path})
        response = web.StreamResponse(headers={"Content-Length": str(4 * 2**20)})
        await response.prepare(request)
        await response.write(bytes(2 * 2**20))
        assert request.transport is not None
        request.transport.abort()
        return response

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        seen = {"method": request.method, "path": request.raw_path, "headers": request.headers, "size": len(body)}
        self.asked.append(seen)
        await self.gate.wait()
        said = self.answer if self.answer is not None else [{"prediction": self.name}]
        return web.json_response(
            said, status=self.status, headers={"X-Own": self.name, "Connection": "x-hop", "X-Hop": "1"}
        )


@define
class Stage:
    """A gateway with services behind it, and a client before it."""

    gateway: Gateway
    services: dict[str, Service]
    client: ClientSession
    url: str

    async def ask(self, path: str = "/predict", **more: Any) -> tuple[int, Any, str | None]:
        more = {"json": {"rows": [{}]}, **more} if "data" not in more else more
        async with self.client.post(f"{self.url}{path}", **more) as reply:
            return reply.status, await reply.json(), reply.headers.get("X-Release")

    async def promote(self, name: str) -> None:
        """Let a release be live, which has a backend by then."""
        self.gateway.upstreams.setdefault(name, self.upstream(name))
        await self.gateway.apply(self.gateway.wanted.promoted(name))

    def upstream(self, name: str) -> Upstream:
        service, loop = self.services[name], asyncio.get_running_loop()

        def start() -> Running:
            asyncio.run_coroutine_threadsafe(service.open(), loop).result()
            return running

        running = Running(pid=os.getpid(), port=service.port, started=0.0)
        return Upstream(name, start, running)


@asynccontextmanager
async def staged(tmp_path: Path, **roles: Any) -> AsyncIterator[Stage]:
    """Open a gateway over three services, of which one is live."""
    services = {name: Service(name) for name in (A, B, C)}
    for service in services.values():
        await service.open()
    wanted = Deployment(notebook="churn.ipynb", port=free_port(), **({"live": A} | roles))
    gateway = Gateway(tmp_path / "deployment", tmp_path, wanted, keep=0.0)
    runner = await opened(front(gateway))
    await web.TCPSite(runner, "127.0.0.1", wanted.port).start()
    async with ClientSession(connector=TCPConnector(limit=0)) as client:
        stage = Stage(gateway, services, client, f"http://127.0.0.1:{wanted.port}")
        gateway.upstreams = {name: stage.upstream(name) for name in wanted.roles}
        await gateway.apply(wanted)
        try:
            yield stage
        finally:
            await runner.cleanup()
            await gateway.end()
            for service in services.values():
                await service.close()
