"""RemoteStore: object storage that several machines share, with a folder near by for what this one has seen.

fsspec brings the services (S3, Google Cloud Storage, Azure, …), each with the credentials that its own tools use:
environment, profile, role. They are never part of a URL. Blobs are read through the folder near by, so that they can be
mapped; they are held against their hash when they come. Records are read from the service each time.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import platformdirs
from blake3 import blake3

from nb2prod.errors.base import ArtifactCorrupt, ArtifactMissing, ExtraMissing, StoreError
from nb2prod.errors.stores import CredentialsInUrl, StoreDenied, StoreUnreachable
from nb2prod.stores.base import KEY, Entry, framed, is_content, kind_of, unframed
from nb2prod.stores.local import LocalStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from nb2prod.stores.base import Data

_PIECE = 1 << 24  # bytes asked for at once
_HANDS = 6  # pieces on their way at once
_LARGE = 1 << 20  # bytes from which it is worth asking whether a blob is there already
_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "az": "azure", "abfs": "azure"}
# The services' libraries try again by themselves; without this, AWS's waits minutes for an address that is not there.
_PATIENCE = {"connect_timeout": 10, "read_timeout": 60, "retries": {"max_attempts": 3}}


class RemoteStore:
    """A store under a URL that fsspec understands."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.username or parts.password or parts.query:
            raise CredentialsInUrl(f"{parts.scheme}://{parts.hostname or ''}{parts.path}")
        self._url = url.rstrip("/")
        self._scheme = parts.scheme
        self._root = self._url.partition("://")[2]
        self._there: set[str] = set()  # blobs that the service is known to hold
        self._files: Any = None
        name = hashlib.sha256(self._url.encode()).hexdigest()[:16]
        self.near = LocalStore(str(Path(platformdirs.user_cache_dir("nb2prod")) / "stores" / name))

    @property
    def url(self) -> str:
        """The URL, in which there are no credentials."""
        return self._url

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folder near by."""
        return self.near.folders

    def path(self, key: str) -> str:
        """Return where a key lies, which need not exist."""
        if not KEY.fullmatch(key):
            raise ArtifactMissing(key)
        # Services spread keys by how they begin.
        return f"{self._root}/{key.rpartition('-')[2][:2]}/{key}"

    def __contains__(self, key: object, /) -> bool:
        """Ask the service, unless a blob is near by."""
        if not isinstance(key, str):
            return False
        if is_content(key) and (key in self._there or key in self.near):
            return True
        return self._size(key) is not None

    def holds(self, keys: Iterable[str]) -> bool:
        """Ask the service for those that are not near by, several at once."""
        asked = [key for key in keys if not (is_content(key) and (key in self._there or key in self.near))]
        if len(asked) < 2:
            return all(key in self for key in asked)
        with ThreadPoolExecutor(_HANDS) as hands:
            return all(hands.map(self.__contains__, asked))

    def add(self, data: Data) -> str:
        """Put a blob into the folder near by, and from there to the service."""
        key = self.near.add(data)
        if key not in self._there:
            if len(data) < _LARGE:
                self._ask(lambda files: files.pipe_file(self.path(key), bytes(data)))
            elif self._size(key) != len(data):
                self._ask(lambda files: files.put_file(str(self.near.path(key)), self.path(key)))
            self._there.add(key)
        return key

    def put(self, key: str, data: Data) -> None:
        """Write a record; services show an object when it is whole."""
        if is_content(key):
            if self.add(data) != key:
                raise ValueError(f"{key} is the key of other bytes")
            return
        self._ask(lambda files: files.pipe_file(self.path(key), framed(data)))

    def commit(self, key: str, data: Data) -> bytes:
        """Write a record by a conditional write; where the service has none, the last of two counts."""
        try:
            self._ask(lambda files: files.pipe_file(self.path(key), framed(data), mode="create"))
        except (StoreUnreachable, TypeError):
            # The services' libraries tell in many ways that something is there, or that they know no such condition.
            with contextlib.suppress(ArtifactMissing, ArtifactCorrupt):
                return self.get(key)
            self.put(key, data)
        return bytes(data)

    def get(self, key: str) -> bytes:
        """Read a blob from near by, and a record from the service."""
        if is_content(key):
            self._fetch(key)
            return self.near.get(key)
        data = unframed(self._ask(lambda files: files.cat_file(self.path(key)), key))
        if data is None:
            raise self._set_aside(key)
        return data

    def view(self, key: str) -> memoryview:
        """Map a blob that is near by, or comes there now."""
        self._fetch(key)
        return self.near.view(key)

    def touch(self, key: str) -> None:
        """Do nothing: services know only when a thing was written."""

    def trim(self, before: float) -> int:
        """Remove blobs that were not used since; they are brought again when they are."""
        old = [entry for entry in self.near.entries() if entry.used < before]
        return sum(entry.bytes for entry in old if self.near.remove(entry))

    def check(self, key: str) -> None:
        """Read it from the service, and what is near by as well."""
        if not is_content(key):
            self.get(key)
            return
        digest = blake3()
        for piece in self._pieces(key):
            digest.update(piece)
        if digest.hexdigest() != key:
            raise self._set_aside(key)
        with contextlib.suppress(ArtifactMissing):
            self.near.check(key)

    def entries(self) -> Iterator[Entry]:
        """List what the service holds."""
        try:
            found = self._ask(lambda files: files.find(self._root, detail=True), self._root)
        except ArtifactMissing:
            return
        for path, about in found.items():
            below = path.partition(self._root.strip("/") + "/")[2]
            if about["type"] != "file":
                continue
            key, kind = kind_of(below)
            yield Entry(key=key, kind=kind, bytes=about["size"] or 0, used=_written(about))

    def remove(self, entry: Entry) -> bool:
        """Remove it there and near by, unless it was written again."""
        path = f"{self._root}/{entry.key}" if entry.kind == "leftover" else self.path(entry.key)
        try:
            if _written(self._ask(lambda files: files.info(path), entry.key)) > entry.used:
                return False
            self._ask(lambda files: files.rm_file(path), entry.key)
        except ArtifactMissing:
            return True
        self._there.discard(entry.key)
        if entry.kind == "blob":
            self.near.path(entry.key).unlink(missing_ok=True)
        return True

    def _fetch(self, key: str) -> None:
        """Bring a blob near by."""
        if key in self.near:
            self.near.touch(key)
            return
        try:
            self.near.fill(key, self._pieces(key))
        except ArtifactCorrupt:
            raise self._set_aside(key) from None

    def _pieces(self, key: str) -> Iterator[bytes]:
        """Yield the content of a blob in order, several pieces being on their way at once."""
        size = self._size(key)
        if size is None:
            raise ArtifactMissing(key)
        path, starts = self.path(key), range(0, size, _PIECE)
        if len(starts) < 2:
            yield self._ask(lambda files: files.cat_file(path), key)
            return

        def piece(start: int) -> bytes:
            found: bytes = self._ask(
                lambda files: files.cat_file(path, start=start, end=min(start + _PIECE, size)), key
            )
            return found

        with ThreadPoolExecutor(_HANDS) as hands:
            for first in range(0, len(starts), _HANDS):
                yield from hands.map(piece, starts[first : first + _HANDS])

    def _size(self, key: str) -> int | None:
        path = self.path(key)
        try:
            found = self._ask(lambda files: files.info(path), key)
        except ArtifactMissing:
            return None
        return int(found["size"] or 0) if found["type"] == "file" else None

    def _set_aside(self, key: str) -> ArtifactCorrupt:
        self._there.discard(key)
        folder, _, name = self.path(key).rpartition("/")
        with contextlib.suppress(StoreError):
            self._ask(lambda files: files.mv(f"{folder}/{name}", f"{folder}/.corrupt-{name}"), key)
        return ArtifactCorrupt(key)

    def _ask(self, question: Callable[[Any], Any], key: str = "") -> Any:
        """Ask the service; what its libraries raise, each its own way, is told in our words."""
        try:
            return question(self._opened())
        except FileNotFoundError as wrong:
            if key:
                raise ArtifactMissing(key) from None
            raise StoreUnreachable(self._url, f"there is no such bucket or container ({_said(wrong)})") from wrong
        except PermissionError as wrong:
            raise StoreDenied(self._url, _said(wrong)) from wrong
        except (StoreError, ExtraMissing, TypeError):
            raise
        except Exception as wrong:
            if "credential" in type(wrong).__name__.lower() or "authentication" in type(wrong).__name__.lower():
                raise StoreDenied(self._url, _said(wrong)) from wrong
            raise StoreUnreachable(self._url, _said(wrong)) from wrong

    def _opened(self) -> Any:
        if self._files is None:
            import fsspec

            try:
                self._files = fsspec.filesystem(self._scheme, use_listings_cache=False, **_options(self._scheme))
            except ImportError as wrong:
                raise ExtraMissing(self._scheme, wrong.name or str(wrong), _EXTRAS.get(self._scheme, "")) from wrong
        return self._files


def _options(scheme: str) -> dict[str, Any]:
    if scheme not in {"s3", "s3a"}:
        return {}
    # AWS's library finds the address by itself, but fsspec would give us what it opened for another one.
    address = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    return {"config_kwargs": _PATIENCE, **({"endpoint_url": address} if address else {})}


def _written(about: dict[str, Any]) -> float:
    """Return when an object was written; the services have several names for it."""
    for name in ("LastModified", "last_modified", "updated", "mtime", "modified", "created"):
        when = about.get(name)
        if isinstance(when, datetime):
            return when.timestamp()
        if isinstance(when, int | float):
            return float(when)
    return 0.0


def _said(wrong: Exception) -> str:
    return str(wrong).strip().rstrip(".") or type(wrong).__name__
