"""The gateway's process: `python -m nb2prod.gateway FOLDER HOME`, started by `nb2prod.gateway.control`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import psutil
from aiohttp import web

from nb2prod import __version__, journal
from nb2prod.errors.base import Nb2ProdError
from nb2prod.gateway import control
from nb2prod.gateway.server import Gateway
from nb2prod.hosting import process
from nb2prod.releases import deployment

log = logging.getLogger("nb2prod.gateway")


async def serve(gateway: Gateway) -> None:
    """Serve until told to end."""
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    await gateway.apply(gateway.wanted)
    port = await opened(front(gateway))
    await web.TCPSite(port, process.HOST, gateway.wanted.port, reuse_address=True, backlog=1024).start()
    own = await opened(_controls(gateway, over))
    # Short, as the address of a socket must be, and nobody else's to enter.
    place = Path(tempfile.mkdtemp(prefix="nb2prod-")) / "gateway"
    await web.UnixSite(own, str(place)).start()
    about = {"socket": str(place), "port": gateway.wanted.port}
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


def _controls(gateway: Gateway, over: asyncio.Event) -> web.Application:
    async def apply(request: web.Request) -> web.Response:
        said = await request.json()
        try:
            await gateway.apply(deployment.parse(said["deployment"]), said["environ"])
        except Nb2ProdError as wrong:
            return web.json_response({"error": wrong.message}, status=409)
        except (TypeError, LookupError):  # of fields that this one does not know
            said = f"it was started by nb2prod {__version__}, which another version cannot speak to; stop it first"
            return web.json_response({"error": said}, status=409)
        return web.json_response(gateway.status())

    async def status(_: web.Request) -> web.Response:
        return web.json_response(gateway.status())

    async def end(_: web.Request) -> web.Response:
        over.set()
        return web.json_response({"pid": os.getpid(), "started": psutil.Process().create_time()})

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
    folder, home = map(Path, sys.argv[1:])
    with contextlib.suppress(ImportError):
        import uvloop

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    try:
        asyncio.run(serve(Gateway(folder, home, deployment.read(folder))))
    except (Nb2ProdError, OSError) as wrong:
        sys.exit(str(wrong))


if __name__ == "__main__":
    main()
