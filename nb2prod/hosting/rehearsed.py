"""Rehearsed: a service that is rehearsed, and that goes on as the one that is served once its release is there."""

from __future__ import annotations

import fcntl
import http
import json
import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from attrs import define, field

from nb2prod.errors.ships import ServiceNotReady
from nb2prod.hosting import process
from nb2prod.hosting.process import Running

VARIABLE = "SERVICE_REHEARSAL"  # of its environment: the file of its key
KEY = ".rehearsal"
FORGOTTEN = 3600.0  # seconds until a key that nobody took away is no longer needed


@define(eq=False)
class RehearsedService:
    """A service that answers nobody but us. It ends by itself when this process does before it was let in."""

    folder: Path  # where it runs
    name: str  # of the release that it may become
    environ: Mapping[str, str]  # what it will be served with
    running: Running | None = None
    key: str = field(factory=lambda: secrets.token_urlsafe(32), repr=False)
    _file: BinaryIO | None = None
    _over: bool = False

    @property
    def log(self) -> Path:
        """Return the file that takes what it prints."""
        return self.folder / f"{self.name}.log"

    @property
    def headers(self) -> dict[str, str]:
        """Return what its requests are known by."""
        return {"X-Rehearsal": self.key}

    @property
    def heard(self) -> Running:
        """Return its processes, which were started."""
        assert self.running is not None
        return self.running

    def start(self, bento: str, *, home: Path, port: int | None = None) -> Running:
        """Start it, at this port if it is free, and return when it answers.

        Raises:
            ServiceNotReady: It does not start; nothing of it is left.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock()
        wanted = port if port is not None and process.is_free(port) else process.free_port()
        self.running = process.serve(
            bento,
            home=home,
            port=wanted,
            log=self.log,
            environ={**self.environ, VARIABLE: str(self._place.resolve())},
            begun=self._begun,
        )
        return self.running

    def let_in(self) -> Running:
        """Let it answer everybody whom it is for.

        Raises:
            ServiceNotReady: It does not say that it will.
        """
        try:
            status, _ = process.ask(self.heard, "/rehearsed", {}, self.headers)
        except (OSError, http.client.HTTPException, json.JSONDecodeError) as wrong:
            raise ServiceNotReady(f"it did not go on after its rehearsal ({wrong})", self._said()) from wrong
        if status != http.HTTPStatus.OK:
            raise ServiceNotReady(f"it did not go on after its rehearsal (status {status})", self._said())
        self._unlock()
        made, self.running = self.heard, None
        return made

    def end(self) -> None:
        """End it, unless it was let in."""
        self._over = True
        if self.running is not None:
            process.stop(self.running)
            self.running = None
        self._unlock()

    @property
    def _place(self) -> Path:
        return self.folder / f"{self.name}{KEY}"

    def _begun(self, running: Running) -> None:
        self.running = running
        if self._over:  # called off in between
            raise InterruptedError

    def _lock(self) -> None:
        """Write the key for nobody else to read. Its lock ends with this process: so the service knows of a kill."""
        for path in self.folder.glob(f"*{KEY}"):  # of others that were killed
            if path.stat().st_mtime < time.time() - FORGOTTEN:
                path.unlink(missing_ok=True)
        handle = os.open(self._place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._file = os.fdopen(handle, "wb", buffering=0)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        self._file.write(self.key.encode())

    def _unlock(self) -> None:
        if self._file is not None:
            self._place.unlink(missing_ok=True)
            self._file.close()
            self._file = None

    def _said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")[-4000:]
