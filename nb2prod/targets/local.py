"""LocalTarget: a release served by processes of this machine, for nobody but this machine."""

from __future__ import annotations

import json
from pathlib import Path

from nb2prod import bundle, journal, process, release
from nb2prod.process import Running
from nb2prod.refusals import ServiceNotReady
from nb2prod.release import Release
from nb2prod.targets.base import Service


class LocalTarget:
    """Keeps what it started in `services/<release>.json` of a notebook's records."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def start(self, release: Release, *, port: int | None = None) -> Service:
        """Serve a release, on a free port unless one is given; it goes on when this process ends."""
        running = self._running(release.id)
        if running is not None and process.answers(running):
            return _service(release.id, running)
        self.stop(release.id)
        if port is not None and not process.is_free(port):
            raise ServiceNotReady(f"port {port} is in use", "")
        store = bundle.user_home()
        bundle.import_bento(self._archive(release), release.bento, home=store)
        path = self._path(release.id)
        path.parent.mkdir(parents=True, exist_ok=True)
        running = process.serve(
            release.bento, home=store, port=port or process.free_port(), log=path.with_suffix(".log")
        )
        record = {"pid": running.pid, "port": running.port, "url": running.url, "started": running.started}
        journal.write_whole(path, json.dumps({**record, "family": running.family}))
        return _service(release.id, running)

    def stop(self, release: str) -> Service:
        """End the service of a release and all its processes."""
        running = self._running(release)
        if running is not None:
            process.stop(running)
            self._path(release).unlink(missing_ok=True)
        return Service(release=release, state="stopped")

    def status(self, release: str) -> Service:
        """Say whether the service's process lives and answers."""
        running = self._running(release)
        if running is None or not process.answers(running):
            return Service(release=release, state="stopped")
        return _service(release, running)

    def _archive(self, made: Release) -> Path:
        return release.folder_of(self.home, made.id) / made.archive

    def _path(self, name: str) -> Path:
        release.folder_of(self.home, name)  # refuses what is no id
        return self.home / "services" / f"{name}.json"

    def _running(self, name: str) -> Running | None:
        try:
            raw = json.loads(self._path(name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        family = tuple((int(pid), float(started)) for pid, started in raw["family"])
        return Running(pid=raw["pid"], port=raw["port"], started=raw["started"], family=family)


def _service(name: str, running: Running) -> Service:
    return Service(release=name, state="running", url=running.url, pid=running.pid)
