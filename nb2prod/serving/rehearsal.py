"""Rehearsal: a service is tried before anybody may ask it; once it is released, the very same goes on."""

from __future__ import annotations

import hmac
import logging
import os
import signal
import threading
from collections.abc import Mapping
from pathlib import Path

from attrs import define, field

VARIABLE = "SERVICE_REHEARSAL"  # names a file, which its maker locks as long as it lives
HEADER = b"x-rehearsal"
OVER = "/rehearsed"
PERIOD = 1.0  # seconds between two looks at who rehearses

log = logging.getLogger("bentoml.service")


@define(eq=False)
class Rehearsal:
    """Lets in who rehearses and nobody else, and ends the service when they are gone without a word."""

    place: Path
    key: bytes = field(repr=False)
    _over: threading.Event = field(init=False, factory=threading.Event)
    _thread: threading.Thread | None = field(init=False, default=None)

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Rehearsal | None:
        """Return the rehearsal that a service is started for; a worker that is started after it was let in has none."""
        try:
            place = Path(environ[VARIABLE])
            return cls(place, place.read_bytes())
        except (KeyError, FileNotFoundError):
            return None

    def admits(self, headers: Mapping[bytes, bytes]) -> bool:
        """Say whether a request is of those who rehearse."""
        return hmac.compare_digest(headers.get(HEADER, b""), self.key)

    def start(self) -> None:
        """Begin to look whether anybody still rehearses."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="rehearsal", daemon=True)
            self._thread.start()

    def end(self) -> None:
        """Let the service go on; it is nobody's rehearsal, from here on and for workers that are started later."""
        self._over.set()
        self.place.unlink(missing_ok=True)

    def _run(self) -> None:
        while not self._over.wait(PERIOD):
            # They let go of the file only after they have let the service in, or when they die.
            if self._forsaken() and not self._over.is_set():
                log.warning("Whoever rehearsed this service is gone, so it ends.")
                parent = os.getppid()  # BentoML's supervisor, which would start another worker
                os.kill(parent if parent > 1 else os.getpid(), signal.SIGTERM)
                return

    def _forsaken(self) -> bool:
        import fcntl  # which not every system has that runs a Bento

        try:
            with self.place.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # the file is gone
            return True
        return True
