"""The gateway's process, as its supervisor starts it: `python -m nb2prod.gateway FOLDER HOME PORT PID STARTS TELL`.

PORT is a socket that listens already and TELL a pipe, both open; STARTS says how many there were before.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
from aiohttp import web
from attrs import frozen

from nb2prod import __version__, journal
from nb2prod.errors.base import Nb2ProdError
from nb2prod.gateway import control
from nb2prod.gateway.server import Gateway
from nb2prod.releases import deployment

log = logging.getLogger("nb2prod.gateway")


@frozen
class Supervised:
    """What the gateway has of its supervisor."""

    port: int  # file descriptor of a socket that listens
    pid: int
    started: float
    starts: int  # of gateways, before this one
    tell: int  # file descriptor of a pipe

    @property
    def lives(self) -> bool:
        """Say whether somebody would start the gateway again."""
        return os.getppid() == self.pid

    def told(self, environ: Mapping[str, str]) -> None:
        """Tell the variables of backends; one that has gone hears nothing."""
        with contextlib.suppress(OSError):
            os.write(self.tell, (json.dumps(dict(environ)) + "\n").encode())

    def json(self) -> dict[str, Any]:
        """Write how it is."""
        return {"supervised": self.lives, "gateway_restarts": self.starts}


async def serve(gateway: Gateway, supervised: Supervised) -> None:
    """Serve until told to end."""
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    await gateway.apply(gateway.wanted)
    port = await opened(front(gateway))
    await web.SockSite(port, socket.socket(fileno=supervised.port), backlog=1024).start()
    own = await opened(_controls(gateway, over, supervised))
    # Short, as the address of a socket must be, and nobody else's to enter.
    place = Path(tempfile.mkdtemp(prefix="nb2prod-")) / "gateway"
    await web.UnixSite(own, str(place)).start()
    about = {
        "socket": str(place), "port": gateway.wanted.port, "supervisor": [supervised.pid, supervised.started]
    }  # fmt: skip
    journal.write_whole(gateway.folder / control.PLACE, json.dumps(about))
    tasks = [asyncio.create_task(gateway.watch()), asyncio.create_task(gateway.sweep())]
    log.info("serving at port %d", gateway.wanted.port)
    await over.wait()
    for task in tasks:
        task.cancel()
    await port.cleanup()
    await gateway.end()
    (gateway.folder / control.PLACE).unlink(missing_ok=True)
    await own.cleanup()
    shutil.rmtree(place.parent, ignore_errors=True)


def front(gateway: Gateway) -> web.Application:
    """Return what answers at the deployment's port."""
    app = web.Application(client_max_size=0)  # bodies are limited by the service
    app.router.add_get("/metrics", gateway.tell)
    app.router.add_route("*", "/{path:.*}", gateway.handle)
    return app


def _controls(gateway: Gateway, over: asyncio.Event, supervised: Supervised) -> web.Application:
    async def apply(request: web.Request) -> web.Response:
        said = await request.json()
        try:
            await gateway.apply(deployment.parse(said["deployment"]), said["environ"])
        except Nb2ProdError as wrong:
            return web.json_response({"error": wrong.message}, status=409)
        except (TypeError, LookupError):  # of fields that this one does not know
            said = f"it was started by nb2prod {__version__}, which another version cannot speak to; stop it first"
            return web.json_response({"error": said}, status=409)
        supervised.told(said["environ"])
        return web.json_response(gateway.status() | supervised.json())

    async def status(_: web.Request) -> web.Response:
        return web.json_response(gateway.status() | supervised.json())

    async def end(_: web.Request) -> web.Response:
        over.set()
        family = [(os.getpid(), psutil.Process().create_time())]
        return web.json_response({"family": [*family, *([(supervised.pid, supervised.started)] * supervised.lives)]})

    app = web.Application()
    app.add_routes([web.post("/apply", apply), web.post("/status", status), web.post("/end", end)])
    return app


async def opened(app: web.Application) -> web.AppRunner:
    """Return an application that is ready to listen."""
    runner = web.AppRunner(app, access_log=None, keepalive_timeout=75, lingering_time=1, shutdown_timeout=20)
    await runner.setup()
    return runner


def main() -> None:
    """Read what is wanted, and serve it."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    folder, home = map(Path, sys.argv[1:3])
    port, pid, starts, tell = map(int, sys.argv[3:])
    with contextlib.suppress(ImportError):
        import uvloop

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    try:
        about = Supervised(port, pid, psutil.Process(pid).create_time(), starts, tell)
        asyncio.run(serve(Gateway(folder, home, deployment.read(folder)), about))
    except (Nb2ProdError, OSError, psutil.Error) as wrong:
        sys.exit(str(wrong))


if __name__ == "__main__":
    main()
