"""Supervisor: holds a deployment's port, and starts the gateway that serves it again when that dies.

`python -m nb2prod.gateway.supervisor FOLDER HOME PORT`, started by `nb2prod.gateway.control`. Clients who come while
there is no gateway wait in the port's queue. It holds little and does little, so that there is little to go wrong.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

HOST = "127.0.0.1"
QUEUE = 1024  # clients that may wait
PAUSES = (0.0, 1.0, 2.0, 5.0, 15.0, 30.0)  # seconds before one start and the next; the last one from then on
WELL = 60.0  # seconds that a gateway has lived when it counts as well


def main() -> None:
    """Serve until the gateway is told to end, or cannot begin."""
    folder, home, port = sys.argv[1:]
    try:
        listening = _listening(int(port))
    except OSError as wrong:
        sys.exit(f"port {port}: {wrong}")
    place, environ, pause = Path(folder) / "gateway.json", dict(os.environ), iter(PAUSES)
    for starts in itertools.count():
        begun = time.monotonic()
        code = _gateway([folder, home, str(listening.fileno()), str(os.getpid()), str(starts)], listening, environ)
        # One that ends well was told to; the first one that never served has said what is wrong.
        if code == 0 or not (starts or place.exists()):
            sys.exit(code)
        pause = iter(PAUSES) if time.monotonic() - begun > WELL else pause
        seconds = next(pause, PAUSES[-1])
        print(f"the gateway ended with code {code}; it is started again in {seconds:g} s", file=sys.stderr, flush=True)  # noqa: T201
        time.sleep(seconds)


def _listening(port: int) -> socket.socket:
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.bind((HOST, port))
    found.listen(QUEUE)
    return found


def _gateway(arguments: list[str], listening: socket.socket, environ: dict[str, str]) -> int:
    """Run a gateway to its end; it tells the variables of backends, which the next one needs and no disk shall have."""
    heard, told = os.pipe()
    child = subprocess.Popen(
        [sys.executable, "-m", "nb2prod.gateway", *arguments, str(told)],
        env=environ,
        stdin=subprocess.DEVNULL,
        pass_fds=(listening.fileno(), told),
    )
    os.close(told)
    listener = threading.Thread(target=_hear, args=(heard, environ), daemon=True)
    listener.start()
    over = threading.Event()

    def end(*_: object) -> None:
        over.set()
        child.terminate()
        if child.poll() is not None:  # between one and the next
            sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    code = child.wait()
    listener.join(1)
    return 0 if over.is_set() else code


def _hear(pipe: int, environ: dict[str, str]) -> None:
    with os.fdopen(pipe, encoding="utf-8") as lines:
        for line in lines:
            for name in [name for name in environ if name.startswith("SERVICE_")]:
                del environ[name]
            environ.update(json.loads(line))


if __name__ == "__main__":
    main()
