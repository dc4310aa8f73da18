"""Backends: the processes that serve releases, each remembered in a file, so that any process of ours finds them."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from attrs import asdict, frozen

from nb2prod import journal
from nb2prod.bundle import bento
from nb2prod.errors.ships import ServiceNotReady
from nb2prod.hosting import process
from nb2prod.hosting.process import Running
from nb2prod.hosting.rehearsed import RehearsedService
from nb2prod.releases import release, trust
from nb2prod.releases.release import Release


@frozen
class Backends:
    """The backends that a folder remembers, one a release; `<release>.log` is what one prints."""

    folder: Path
    home: Path  # of the records of the releases

    def start(self, made: Release, *, port: int | None = None, environ: Mapping[str, str] = os.environ) -> Running:
        """Serve a release, and return when it answers; one that answers already is left as it is.

        Args:
            made: The release.
            port: Where it shall listen; anywhere when None.
            environ: The environment that it gets.

        Raises:
            ReleaseChanged, ReleaseForeign: It is not what was released, or by nobody who is trusted.
            ServiceNotReady: It does not start; nothing of it is left.
        """
        made = trust.trusted(self.home, made.id)
        with self._alone(made.id):
            running = self.find(made.id)
            if running is not None and process.answers(running):
                return running
            self._end(made.id)
            if port is not None and not process.is_free(port):
                raise ServiceNotReady(f"port {port} is in use", "")
            store = bento.user_home()
            bento.import_bento(release.folder_of(self.home, made.id) / made.archive, made.bento, home=store)
            place = bento.source(made.bento, home=store)
            trust.genuine(made, place)
            trust.described(made, release.folder_of(self.home, made.id) / made.archive, place.parent)
            return process.serve(
                made.bento,
                home=store,
                port=port or process.free_port(),
                log=self.log(made.id),
                environ=self.environ(made.id, environ),
                # Also of one that is not ready: were this process killed now, somebody must know whom to end.
                begun=lambda running: self._remember(made.id, running, environ),
            )

    def settled(self, name: str, environ: Mapping[str, str]) -> bool:
        """Say whether a backend has the settings of an environment, SERVICE_*; of an older one that is not known."""
        try:
            known = json.loads(self._path(name).read_text(encoding="utf-8")).get("settings")
        except FileNotFoundError:
            return True
        return known is None or known == _settings(environ, known.partition("$")[0])

    def to_rehearse(self, name: str) -> RehearsedService:
        """Make the service of a release that is not there yet; it is to be rehearsed, and then perhaps adopted."""
        return RehearsedService(self.folder, name, self.environ(name, os.environ))

    def adopt(self, made: Release, rehearsed: RehearsedService) -> Running:
        """Let the service that was rehearsed be the release's.

        Raises:
            ReleaseChanged, ReleaseForeign: It is not what was released, or by nobody who is trusted.
            ServiceNotReady: It does not go on.
        """
        made = trust.trusted(self.home, made.id)
        with self._alone(made.id):
            trust.genuine(made, bento.source(made.bento, home=bento.user_home()))
            self._remember(made.id, rehearsed.heard)
            return rehearsed.let_in()

    def stop(self, name: str) -> None:
        """End a backend and all its processes."""
        with self._alone(name):
            self._end(name)

    def find(self, name: str) -> Running | None:
        """Return a backend that was started, and may have ended since."""
        try:
            raw = json.loads(self._path(name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        family = tuple((int(pid), float(started)) for pid, started in raw["family"])
        return Running(pid=raw["pid"], port=raw["port"], started=raw["started"], family=family)

    def names(self) -> list[str]:
        """Return the releases that have a backend, dead or alive."""
        return sorted(path.stem for path in self.folder.glob("*.json") if release.ID.fullmatch(path.stem))

    def log(self, name: str) -> Path:
        """Return the file that takes what a backend prints."""
        return self._path(name).with_suffix(".log")

    def environ(self, name: str, environ: Mapping[str, str]) -> dict[str, str]:
        """Return the variables of a backend: under which name, and where, it remembers what it is asked."""
        own = environ.get("SERVICE_STATE_DIR")
        folder = Path(own) / name if own else release.state_of(self.home, name)
        return {**environ, "SERVICE_RELEASE": name, "SERVICE_STATE_DIR": str(folder.resolve())}

    def _end(self, name: str) -> None:
        running = self.find(name)
        if running is not None:
            process.stop(running)
            self._path(name).unlink(missing_ok=True)

    def _remember(self, name: str, running: Running, environ: Mapping[str, str] = os.environ) -> None:
        own = {"url": running.url, "settings": _settings(environ, secrets.token_hex(8))}
        journal.write_whole(self._path(name), json.dumps({**asdict(running), **own}))

    def _path(self, name: str) -> Path:
        release.folder_of(self.home, name)  # refuses what is no id
        return self.folder / f"{name}.json"

    @contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        """Let only one process at a time start or stop a backend; a killed one holds nobody up."""
        self._path(name)
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / f"{name}.lock").open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _settings(environ: Mapping[str, str], salt: str) -> str:
    """Return a hash that tells settings from others; what they are, keys among them, is not for a file."""
    own = sorted((name, value) for name, value in environ.items() if name.startswith("SERVICE_"))
    return f"{salt}${hashlib.sha256((salt + json.dumps(own)).encode()).hexdigest()}"
