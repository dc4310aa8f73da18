"""LocalTarget: releases served by processes of this machine, for nobody but this machine."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nb2prod.errors.deployments import GatewayNotReady, PortKept
from nb2prod.errors.ships import ServiceNotReady
from nb2prod.gateway import control
from nb2prod.gateway.control import TRIALS
from nb2prod.hosting import process
from nb2prod.hosting.backends import Backends
from nb2prod.hosting.process import Running
from nb2prod.hosting.rehearsed import RehearsedService
from nb2prod.releases import deployment
from nb2prod.releases.deployment import Deployment
from nb2prod.releases.release import Release
from nb2prod.targets import fitness
from nb2prod.targets.base import Order, Service


class LocalTarget:
    """Serves a release at a port of its own (`services/`), or a notebook at one that its releases share."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.services = Backends(home / "services", home)

    def start(self, release: Release, *, port: int | None = None) -> Service:
        """Serve a release, on a free port unless one is given; it goes on when this process ends."""
        if not self.services.settled(release.id, os.environ):
            self.services.stop(release.id)  # it runs, and with other settings
        return _service(release.id, self.services.start(release, port=port))

    def adopt(self, release: Release, rehearsed: RehearsedService, *, port: int | None = None) -> Service:
        """Serve a release by the service that was rehearsed; start another when it cannot go on."""
        if port in {None, rehearsed.heard.port}:
            with contextlib.suppress(ServiceNotReady):
                return _service(release.id, self.services.adopt(release, rehearsed))
        rehearsed.end()
        return self.start(release, port=port)

    def stop(self, release: str) -> Service:
        """End the service of a release and all its processes."""
        self.services.stop(release)
        return Service(release=release, state="stopped")

    def status(self, release: str) -> Service:
        """Say whether the service's process lives and answers."""
        running = self.services.find(release)
        if running is None or not process.answers(running):
            return Service(release=release, state="stopped")
        return _service(release, running)

    def promote(self, release: Release, order: Order) -> Deployment:
        """Let requests at the notebook's port go to a release."""
        folder = deployment.folder_of(self.home, release.place)
        with deployment.locked(folder):
            known = _known(folder)
            if known and order.port not in {None, known.port} and known.live is not None:
                raise PortKept(release.place, known.port)
            port = order.port or (known.port if known else None) or process.free_port()
            before = known or Deployment(notebook=release.place, port=port)
            return self._change(folder, before, _wanted(before, release.id, order, port), release)

    def rollback(self, notebook: str, *, note: str = "", shadow: bool = False) -> Deployment:
        """Withdraw the canary, or go back to what was live before."""
        from nb2prod.releases import release

        folder = deployment.folder_of(self.home, notebook)
        deployment.read(folder)  # before a lock is left where nothing is
        with deployment.locked(folder):
            before = deployment.read(folder)
            wanted = before.unshadowed(note) if shadow else before.rolled_back(note)
            back = release.read(self.home, wanted.live) if wanted.live and wanted.live != before.live else None
            return self._change(folder, before, wanted, back)

    def retire(self, notebook: str, *, note: str = "") -> Deployment:
        """End the gateway and all backends of a notebook."""
        folder = deployment.folder_of(self.home, notebook)
        deployment.read(folder)
        with deployment.locked(folder):
            before = deployment.read(folder)
            control.end(folder)
            wanted = before.stopped(note) if before.live else before
            deployment.write(folder, wanted)
            backends = Backends(folder / "backends", self.home)
            for name in backends.names():  # of a gateway that was killed
                backends.stop(name)
            return wanted

    def watch(self, deployment_: Deployment) -> dict[str, Any]:
        """Ask the gateway of a deployment how it fares."""
        folder = deployment.folder_of(self.home, deployment_.notebook)
        url = f"http://{process.HOST}:{deployment_.port}"
        if deployment_.live is None:
            return {"state": "stopped", "url": None, **_QUIET}
        try:
            said = control.ask(folder, "status", timeout=10.0)
        except GatewayNotReady as wrong:
            return {"state": "down", "url": url, **_QUIET, "trouble": wrong.message}
        if said is None and control.supervisor(folder):
            return {"state": "down", "url": url, **_QUIET, "trouble": "its gateway died, and is started again"}
        if said is None:
            cure = f"its gateway is gone; start it with: nb2prod promote {deployment_.live}"
            return {"state": "down", "url": url, **_QUIET, "trouble": cure}
        ill = [f"{name}: {one['trouble']}" for name, one in said["releases"].items() if one["trouble"]]
        return {"state": "degraded" if ill else "running", "url": url, **said, "trouble": "; ".join(ill) or None}

    def _change(self, folder: Path, before: Deployment, wanted: Deployment, fresh: Release | None) -> Deployment:
        """Carry out what is wanted, after the release that is new to its role has shown that it answers."""
        backends, environ = Backends(folder / "backends", self.home), fitness.environ(folder)
        anew = wanted.promoting is not None and fresh is not None and not backends.settled(fresh.id, environ)
        if fresh is not None and anew:
            self._tried(folder, fresh, environ)
        try:
            if fresh is not None and not anew:
                running = backends.start(fresh, environ=environ)
                fitness.examine(self.home, fresh, running, environ, backends.log(fresh.id))
            control.apply(folder, self.home, wanted, environ)
        except BaseException:
            if fresh is not None and fresh.id not in before.roles:
                backends.stop(fresh.id)
            raise
        return wanted

    def _tried(self, folder: Path, made: Release, environ: Mapping[str, str]) -> None:
        """Have a release that runs with other settings show that it answers with these; the gateway starts it anew."""
        trials = Backends(folder / TRIALS, self.home)
        try:
            running = trials.start(made, environ=environ)
            fitness.examine(self.home, made, running, environ, trials.log(made.id))
        finally:
            trials.stop(made.id)


_QUIET: dict[str, Any] = {
    "pid": None,
    "releases": {},
    "since": None,
    "comparison": None,
    "shadow_report": None,
    "trouble": None,
    "supervised": False,
    "gateway_restarts": 0,
}


def _wanted(before: Deployment, name: str, order: Order, port: int) -> Deployment:
    from attrs import evolve

    before = evolve(before, port=port)
    if order.canary is not None:
        return before.tried(name, order.canary, order.note)
    return before.shadowed(name, order.note) if order.shadow else before.promoted(name, order.note)


def _known(folder: Path) -> Deployment | None:
    return deployment.read(folder) if (folder / deployment.RECORD).exists() else None


def _service(name: str, running: Running) -> Service:
    return Service(release=name, state="running", url=running.url, pid=running.pid)
