"""Process: a Bento served by processes of its own, which can be found, asked and stopped again."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
from attrs import evolve, frozen

from nb2prod.bundle.bento import environment
from nb2prod.errors.ships import ServiceNotReady

HOST = "127.0.0.1"  # nobody but this machine; more is a target's business
PATIENCE = 120.0  # seconds a service may take to start
GRACE = 10.0  # seconds it may take to finish its requests
NONE: Mapping[str, str] = {}


@frozen(kw_only=True)
class Running:
    """A served Bento. BentoML's supervisor and its workers are in sessions of their own, so each is remembered."""

    pid: int  # of the supervisor
    port: int
    started: float  # seconds since 1970, by the system's account of the supervisor
    family: tuple[tuple[int, float], ...] = ()  # pid and start of all processes, seen when it was ready

    @property
    def url(self) -> str:
        """Return where it answers."""
        return f"http://{HOST}:{self.port}"


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Say whether a service could listen on a port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def serve(  # noqa: PLR0913 - what a process is started with
    bento: str,
    *,
    home: Path,
    port: int,
    log: Path,
    python: str = sys.executable,
    environ: Mapping[str, str] = os.environ,
    begun: Callable[[Running], None] = lambda _: None,
) -> Running:
    """Serve a Bento of the store `home` and wait until it is ready; it goes on when we end.

    Args:
        bento: Its tag.
        home: The BentoML store that has it.
        port: Where it shall listen.
        log: The file that takes what it prints.
        python: The interpreter of its environment.
        environ: The variables that it gets, besides those of BentoML.
        begun: Told of it as soon as it has begun, and again when it is ready.

    Raises:
        ServiceNotReady: It ended, or was not ready in time; nothing of it is left.
    """
    command = [python, "-m", "bentoml", "serve", bento, "--host", HOST, "--port", str(port)]
    with log.open("wb") as out:
        child = subprocess.Popen(  # its output goes to a file, so nothing is lost when we end
            command,
            cwd=log.parent,
            env=environment(home, environ) | {"PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    keep(child)
    running = Running(pid=child.pid, port=port, started=_started(child.pid) or time.time())
    try:
        begun(running)
        _wait(running, child, log)
        running = evolve(running, family=tuple(_family(child.pid)))
        begun(running)
    except BaseException:
        stop(running)
        raise
    return running


# Kept so that a child that ended is waited for, and one that goes on is nobody's leak.
_children: dict[int, subprocess.Popen[bytes]] = {}


def keep(child: subprocess.Popen[bytes]) -> None:
    """Remember a child that shall go on when we end, and forget those that others have ended."""
    for pid in [pid for pid, one in _children.copy().items() if one.poll() is not None]:
        _children.pop(pid, None)
    _children[child.pid] = child


def there(pid: int, started: float) -> bool:
    """Say whether a process goes on."""
    return _started(pid) == started


def gone(pid: int, started: float, patience: float) -> bool:
    """Say whether a process ends within so many seconds."""
    deadline = time.monotonic() + patience
    while _started(pid) == started:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    if pid in _children:
        _children.pop(pid).wait()
    return True


def _wait(running: Running, child: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not answers(running):
        ended = child.poll()
        if ended is not None or time.monotonic() > deadline:
            reason = f"it took longer than {PATIENCE:g} s" if ended is None else f"its process ended with code {ended}"
            raise ServiceNotReady(reason, log.read_text(encoding="utf-8", errors="replace")[-4000:])
        time.sleep(0.05)


def lives(running: Running) -> bool:
    """Say whether its supervisor is there."""
    return there(running.pid, running.started)


def answers(running: Running, *, timeout: float = 2.0) -> bool:
    """Say whether the service is ready for requests, and is the one that was started."""
    if not lives(running):
        return False
    connection = http.client.HTTPConnection(HOST, running.port, timeout=timeout)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def stop(running: Running) -> None:
    """End the service and all its processes, those of others with the same numbers excepted."""
    known = {*running.family, (running.pid, running.started), *_family(running.pid, running.started)}
    left = [p for pid, started in known if (p := _process(pid, started))]
    head = [p for p in left if p.pid == running.pid]
    # The supervisor first: it lets its workers finish what they are at. What outlives it is an orphan.
    for members, number in ((head, signal.SIGTERM), (left, signal.SIGTERM), (left, signal.SIGKILL)):
        for one in members:
            _signal(one, number)
        _wait_for(members)
        left = [p for p in left if not _ended(p)]
    # Whoever started it hears of its end; until then it would be there still, as a zombie.
    child = _children.get(running.pid)
    if child is not None and _started(running.pid) != running.started:
        with contextlib.suppress(subprocess.TimeoutExpired):  # its other threads may need a moment longer
            child.wait(GRACE)
            _children.pop(running.pid, None)


def memory(running: Running) -> int:
    """Return the bytes of memory that the service's processes hold; what they share counts once where that is known."""
    total = 0
    for pid, started in running.family:
        if (one := _process(pid, started)) is not None:
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                held = one.memory_full_info()
                total += getattr(held, "pss", 0) or held.rss
    return total


def ask(running: Running, path: str, body: Any, headers: Mapping[str, str] = NONE) -> tuple[int, Any]:
    """Post JSON to the service, or get something when there is none; return the status and the JSON of its answer."""
    connection = http.client.HTTPConnection(HOST, running.port, timeout=60)
    try:
        return post(connection, path, None if body is None else json.dumps(body).encode(), headers)
    finally:
        connection.close()


def post(
    connection: http.client.HTTPConnection, path: str, body: bytes | None, headers: Mapping[str, str] = NONE
) -> tuple[int, Any]:
    """Likewise, over a connection that is kept open."""
    verb, kind = ("GET", "accept") if body is None else ("POST", "content-type")
    connection.request(verb, path, body, {kind: "application/json", **headers})
    reply = connection.getresponse()
    data = reply.read()
    return reply.status, json.loads(data) if data else None


def _family(pid: int, started: float | None = None) -> Iterator[tuple[int, float]]:
    process = _process(pid, started)
    try:
        for one in [process, *process.children(recursive=True)] if process else []:
            yield one.pid, one.create_time()
    except psutil.NoSuchProcess:
        return


def _process(pid: int, started: float | None) -> Any | None:
    """Return a process, unless its number has gone to another one since."""
    try:
        process = psutil.Process(pid)
        return process if started is None or process.create_time() == started else None
    except psutil.NoSuchProcess:
        return None


def _started(pid: int) -> float | None:
    process = _process(pid, None)
    try:
        ended = process is None or process.status() == psutil.STATUS_ZOMBIE
        return None if process is None or ended else float(process.create_time())
    except psutil.NoSuchProcess:
        return None


def _wait_for(members: list[Any]) -> None:
    """Wait until processes have ended; psutil would also wait until a parent elsewhere has heard of it."""
    deadline = time.monotonic() + GRACE
    while not all(map(_ended, members)) and time.monotonic() < deadline:
        time.sleep(0.02)


def _ended(process: Any) -> bool:
    return bool(_started(process.pid) != process.create_time())


def _signal(process: Any, number: int) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(number)
