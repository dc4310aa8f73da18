"""Store: bytes under keys."""

from __future__ import annotations

import hashlib
from typing import Protocol


class Store(Protocol):
    """Bytes under keys. A key that is the hash of its bytes never changes; a record's key may be written again.

    `url` opens the same store in another process: `open_store(url)`.
    """

    @property
    def url(self) -> str:
        """What `open_store` needs to open it elsewhere."""

    def __contains__(self, key: object, /) -> bool:
        """True when something is kept under `key`."""

    def put(self, key: str, data: bytes) -> None:
        """Keep `data` under `key` in place of what was there; a reader sees the old or the new, never half of it."""

    def get(self, key: str) -> bytes:
        """Return the bytes under `key`.

        Raises:
            ArtifactMissing: Nothing is kept under it.
            ArtifactCorrupt: What is there is not what was put; it is set aside, so that it can be made anew.
        """


def content_key(data: bytes) -> str:
    """Return the key of bytes that are kept for their own sake: their SHA-256."""
    return hashlib.sha256(data).hexdigest()
