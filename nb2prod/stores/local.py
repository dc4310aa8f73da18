"""LocalStore: a folder of files, each written whole or not at all."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path

from nb2prod.errors import ArtifactCorrupt, ArtifactMissing

_HEAD = hashlib.sha256().digest_size * 2 + 1  # bytes of the hash and the newline above the content
_KEY = re.compile(r"[0-9a-z]+(-[0-9a-z]+)*")


class LocalStore:
    """A store in a folder. A file holds the SHA-256 of its content as hex, a newline, and the content."""

    def __init__(self, url: str) -> None:
        self.root = Path(url)

    @property
    def url(self) -> str:
        """The folder."""
        return str(self.root.resolve())

    def path(self, key: str) -> Path:
        """Return the file of a key, which need not exist."""
        if not _KEY.fullmatch(key):
            raise ArtifactMissing(key)
        # Two letters of the hash spread the files over folders that stay small.
        return self.root / key.rpartition("-")[2][:2] / key

    def __contains__(self, key: object, /) -> bool:
        """True when a file is there."""
        return isinstance(key, str) and self.path(key).is_file()

    def put(self, key: str, data: bytes) -> None:
        """Write to a temporary file beside the key's and rename it: readers see all or nothing."""
        path = self.path(key)
        digest = hashlib.sha256(data).hexdigest()
        if digest == key and path.is_file() and path.stat().st_size == len(data) + _HEAD:
            return  # a file of another length was cut off, and is replaced
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".tmp-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(digest.encode() + b"\n")
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def get(self, key: str) -> bytes:
        """Read and verify."""
        path = self.path(key)
        try:
            whole = path.read_bytes()
        except FileNotFoundError:
            raise ArtifactMissing(key) from None
        digest, _, data = whole.partition(b"\n")
        if hashlib.sha256(data).hexdigest().encode() != digest:
            path.replace(path.with_name(f".corrupt-{key}"))
            raise ArtifactCorrupt(key)
        return data
