"""Control: how other processes find a gateway, tell it what to do, and start one.

A gateway listens on a socket of its own that only its user can open; `gateway.json` in the deployment's folder says
where, and which process starts it again when it dies. It is the only one who writes the deployment while it lives.
"""

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
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import asdict

from nb2prod.errors.deployments import GatewayNotReady
from nb2prod.hosting import process
from nb2prod.releases import deployment
from nb2prod.releases.deployment import Deployment

PLACE = "gateway.json"
LOG = "gateway.log"
TRIALS = "trials"  # folder of what a promotion tries with other settings than those it runs with
PATIENCE = 30.0  # seconds a gateway may take to start
SLOW = 300.0  # seconds it may take to do what it is told: it may have to start backends


class _Connection(http.client.HTTPConnection):
    """HTTP over a socket in the file system."""

    def __init__(self, place: str, timeout: float) -> None:
        super().__init__("gateway", timeout=timeout)
        self.place = place

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.place)


def ask(folder: Path, verb: str, body: Any = None, *, timeout: float = SLOW) -> dict[str, Any] | None:
    """Tell the gateway of a deployment something; None when there is none.

    Raises:
        GatewayNotReady: It could not do it, or ended meanwhile.
    """
    try:
        place = json.loads((folder / PLACE).read_text(encoding="utf-8"))["socket"]
    except FileNotFoundError:
        return None
    connection = _Connection(place, timeout)
    try:
        connection.connect()
    except OSError:
        connection.close()
        return None
    with contextlib.closing(connection):
        try:
            connection.request("POST", f"/{verb}", json.dumps(body), {"content-type": "application/json"})
            reply = connection.getresponse()
            said: dict[str, Any] = json.load(reply)
        except (OSError, ValueError, http.client.HTTPException) as wrong:
            raise GatewayNotReady(deployment.name_of(folder), f"it ended or hangs ({wrong})", _said(folder)) from wrong
    if reply.status != http.HTTPStatus.OK:
        raise GatewayNotReady(deployment.name_of(folder), said["error"], _said(folder))
    return said


def apply(folder: Path, home: Path, wanted: Deployment, environ: Mapping[str, str]) -> None:
    """Have a deployment carried out; return when requests go where it says.

    Raises:
        GatewayNotReady: They do not.
    """
    service = {name: value for name, value in environ.items() if name.startswith("SERVICE_")}
    body = {"deployment": asdict(wanted), "environ": service}
    if ask(folder, "apply", body) is not None:
        return
    if _returned(folder) and ask(folder, "apply", body) is not None:
        return
    before = deployment.read(folder) if (folder / deployment.RECORD).exists() else None
    deployment.write(folder, wanted)
    try:
        _start(folder, home, environ)
    except GatewayNotReady:
        # What was never carried out is not part of the history.
        if before is None:
            (folder / deployment.RECORD).unlink()
        else:
            deployment.write(folder, before)
        raise


def end(folder: Path) -> None:
    """End a gateway, if there is one, and return when it has ended with all that is behind it.

    Raises:
        GatewayNotReady: It does not end.
    """
    said = ask(folder, "end")
    keeper = supervisor(folder)
    if said is not None:  # an older one says only its own number
        family = said.get("family") or [(said["pid"], said["started"])]
    else:
        family = [keeper] if keeper else []
        for pid, _ in family:
            os.kill(pid, signal.SIGTERM)
    if not all(process.gone(pid, started, SLOW) for pid, started in family):
        raise GatewayNotReady(deployment.name_of(folder), "it does not end", _said(folder))


def supervisor(folder: Path) -> tuple[int, float] | None:
    """Return the process that starts the gateway of a deployment again, if it goes on: its number and start."""
    try:
        pid, started = json.loads((folder / PLACE).read_text(encoding="utf-8"))["supervisor"]
    except (FileNotFoundError, KeyError):
        return None
    return (pid, started) if process.there(pid, started) else None


def _returned(folder: Path) -> bool:
    """Wait for a gateway that died and is started again; say whether it is back."""
    deadline = time.monotonic() + PATIENCE + process.PATIENCE
    while supervisor(folder) and time.monotonic() < deadline:
        if ask(folder, "status", timeout=5.0) is not None:
            return True
        time.sleep(0.1)
    return False


def _start(folder: Path, home: Path, environ: Mapping[str, str]) -> None:
    """Start a gateway and its supervisor, which go on when we end, and return when it serves."""
    name = deployment.name_of(folder)
    (folder / PLACE).unlink(missing_ok=True)
    port = str(deployment.read(folder).port)
    command = [sys.executable, "-m", "nb2prod.gateway.supervisor", str(folder.resolve()), str(home.resolve()), port]
    with (folder / LOG).open("ab") as out:
        child = subprocess.Popen(
            command, cwd=folder, env=dict(environ), stdin=-3, stdout=out, stderr=out, start_new_session=True
        )
    process.keep(child)
    deadline = time.monotonic() + PATIENCE + process.PATIENCE
    while not (folder / PLACE).exists() or ask(folder, "status", timeout=5.0) is None:
        if child.poll() is not None:
            raise GatewayNotReady(name, f"its process ended with code {child.returncode}", _said(folder))
        if time.monotonic() > deadline:
            child.terminate()
            raise GatewayNotReady(name, "its process did not begin to serve", _said(folder))
        time.sleep(0.05)


def _said(folder: Path) -> str:
    try:
        return (folder / LOG).read_text(encoding="utf-8", errors="replace")[-4000:]
    except OSError:
        return ""
