"""LocalStore: a folder of files, each written whole or not at all.

Nothing is forced to the disk (fsync), which would cost more than the writing: after a power cut the results of the last
seconds may be gone, and what is left of them is found out by its hash, never taken for the whole.
"""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import secrets
import shutil
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from blake3 import blake3

from nb2prod.errors.base import ArtifactCorrupt, ArtifactMissing, HomeUnusable
from nb2prod.errors.stores import StoreFull
from nb2prod.stores import marks
from nb2prod.stores.base import KEY, Entry, content_key, framed, is_content, kind_of, unframed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nb2prod.stores.base import Data, Kind

_LARGE = 1 << 20  # bytes from which hashing beside the writing is worth a thread
_PIECE = 1 << 24  # bytes written at once
_FILES = 500  # open files of a process, of 1024 that most may have, from which blobs are read and not mapped
_STALE = 3_600  # seconds after which a file that nobody went on writing is left over
_GONE = (FileNotFoundError, NotADirectoryError)
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class LocalStore:
    """A store in a folder. A blob's file holds its bytes; a record's their hash in hexadecimal, a newline, and them."""

    def __init__(self, url: str) -> None:
        self.root = Path(url)

    @property
    def url(self) -> str:
        """The folder."""
        return str(self.root.resolve())

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folder, by each of its names."""
        return self.root.absolute(), self.root.resolve()

    def path(self, key: str) -> Path:
        """Return the file of a key, which need not exist."""
        if not KEY.fullmatch(key):
            raise ArtifactMissing(key)
        # Two letters of the hash spread the files over folders that stay small.
        return self.root / key.rpartition("-")[2][:2] / key

    def __contains__(self, key: object, /) -> bool:
        """True when a file is there."""
        return isinstance(key, str) and self.path(key).is_file()

    def holds(self, keys: Iterable[str]) -> bool:
        """True when all the files are there."""
        return all(key in self for key in keys)

    def add(self, data: Data) -> str:
        """Write a blob while it is hashed, and put it in its place if there is none like it."""
        if len(data) < _LARGE:
            key = content_key(data)
            if self._holds(key, len(data)):
                return key
        with self._writing(len(data)) as (temporary, file):
            key = _write_hashed(file, data)
            marks.mark(key, file)
            if not self._holds(key, len(data)):
                self._place(temporary, key)
        return key

    def put(self, key: str, data: Data) -> None:
        """Write to a temporary file and rename it: readers see all or nothing."""
        if is_content(key):
            if self.add(data) != key:
                raise ValueError(f"{key} is the key of other bytes")
            return
        with self._record(data) as temporary:
            self._place(temporary, key)

    def commit(self, key: str, data: Data) -> bytes:
        """Write a record and give it its name only if nothing has it."""
        path = self.path(key)
        while True:
            with contextlib.suppress(ArtifactMissing, ArtifactCorrupt):
                return self.get(key)
            with self._record(data) as temporary, contextlib.suppress(FileExistsError):
                path.parent.mkdir(exist_ok=True)
                path.hardlink_to(temporary)
                return bytes(data)

    def fill(self, key: str, pieces: Iterable[bytes]) -> None:
        """Write a blob that comes from elsewhere in pieces.

        Raises:
            ArtifactCorrupt: What came is not it.
        """
        digest = blake3()
        with self._writing(0) as (temporary, file):
            for piece in pieces:
                digest.update(piece)
                _write(file, memoryview(piece))
            if digest.hexdigest() != key:
                raise ArtifactCorrupt(key)
            marks.mark(key, file)
            self._place(temporary, key)

    def get(self, key: str) -> bytes:
        """Read and verify."""
        try:
            data = self.path(key).read_bytes()
        except _GONE:
            raise ArtifactMissing(key) from None
        found = unframed(data) if not is_content(key) else data if content_key(data) == key else None
        if found is None:
            raise self._set_aside(key)
        return found

    def view(self, key: str) -> memoryview:
        """Map a blob copy-on-write; it is hashed only when its mark does not say that it was."""
        return self._view(key, trusting=True)

    def _view(self, key: str, *, trusting: bool) -> memoryview:
        try:
            file = os.open(self.path(key), os.O_RDONLY)
        except _GONE:
            raise ArtifactMissing(key) from None
        try:
            stat = os.fstat(file)
            data = memoryview(_mapped(file, stat.st_size) if stat.st_size else bytearray())
            if not (trusting and marks.trusted(key, stat)):
                if content_key(data) != key:
                    raise self._set_aside(key)
                marks.mark(key, file)
        finally:
            os.close(file)
        return data

    def touch(self, key: str) -> None:
        """Set the time of its file, and with it the mark of a blob that has one."""
        # It may be gone, or another's, or on a disk that is only read.
        with contextlib.suppress(OSError), self.path(key).open("rb") as file:
            if not is_content(key):
                os.utime(file.fileno())
            elif marks.trusted(key, os.fstat(file.fileno())):
                marks.mark(key, file.fileno(), at=time.time())

    def trim(self, before: float) -> int:  # noqa: ARG002 - all of it is here
        """Do nothing: nothing lies elsewhere."""
        return 0

    def check(self, key: str) -> None:
        """Read all of it, a blob piece by piece."""
        if is_content(key):
            self._view(key, trusting=False)
        else:
            self.get(key)

    def entries(self) -> Iterator[Entry]:
        """Walk the folders."""
        for path in self.root.glob("[!.]*/*"):
            yield from _entry(path, *kind_of(f"{path.parent.name}/{path.name}"))
        for path in (self.root / ".writing").glob("*"):
            for entry in _entry(path, f".writing/{path.name}", "leftover"):
                if entry.used < time.time() - _STALE:
                    yield entry

    def remove(self, entry: Entry) -> bool:
        """Unlink its file; who has mapped it, keeps it."""
        path = self.root / entry.key if entry.kind == "leftover" else self.path(entry.key)
        try:
            if path.stat().st_mtime != entry.used:
                return False
            path.unlink()
        except FileNotFoundError:
            return True
        return True

    def _holds(self, key: str, size: int) -> bool:
        """True when the very blob is there, for a day at least; one that was cut off or changed is set aside."""
        if not self.path(key).exists():
            return False  # as most are not, which an error would say at more cost
        try:
            right = len(self.view(key)) == size
        except (ArtifactMissing, ArtifactCorrupt):
            return False
        self.touch(key)  # or it may be taken for one that is not used any more
        return right

    def _set_aside(self, key: str) -> ArtifactCorrupt:
        path = self.path(key)
        with contextlib.suppress(FileNotFoundError):  # another process did so just now
            path.replace(path.with_name(f".corrupt-{key}"))
        return ArtifactCorrupt(key)

    @contextmanager
    def _record(self, data: Data) -> Iterator[Path]:
        """Write a record to a new file, which is gone afterwards unless it was put in its place."""
        with self._writing(len(data)) as (temporary, file):
            _write(file, memoryview(framed(data)))
            yield temporary

    @contextmanager
    def _writing(self, size: int) -> Iterator[tuple[Path, int]]:
        """Open a new file for `size` bytes, which is gone afterwards unless it was put in its place."""
        folder = self.root / ".writing"
        temporary = folder / f"{os.getpid()}-{secrets.token_hex(8)}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._refuse_full(size)
            # Nobody writes to a blob, so that nobody is allowed to.
            file = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o444)
            try:
                yield temporary, file
            finally:
                os.close(file)
                temporary.unlink(missing_ok=True)
        except OSError as wrong:
            if wrong.errno in _FULL:
                raise StoreFull(self.url, size, self._free(), wrong.strerror or "") from wrong
            raise HomeUnusable(self.url, wrong.strerror or str(wrong)) from wrong

    def _refuse_full(self, size: int) -> None:
        if size > _LARGE and size > self._free():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _free(self) -> int:
        return shutil.disk_usage(self.root).free

    def _place(self, temporary: Path, key: str) -> None:
        path = self.path(key)
        path.parent.mkdir(exist_ok=True)
        temporary.replace(path)


def _entry(path: Path, key: str, kind: Kind) -> Iterator[Entry]:
    """Yield a file as an entry, if it is still there."""
    with contextlib.suppress(FileNotFoundError):
        stat = path.stat()
        yield Entry(key=key, kind=kind, bytes=stat.st_size, used=stat.st_mtime)


def _mapped(file: int, size: int) -> mmap.mmap | bytearray:
    if sys.version_info >= (3, 13):
        return mmap.mmap(file, size, access=mmap.ACCESS_COPY, trackfd=False)
    # Before, Python kept a file open for each map. The lowest free number is given to a file: it tells how many are.
    if file < _FILES:
        return mmap.mmap(file, size, access=mmap.ACCESS_COPY)
    data = bytearray(size)
    with open(file, "rb", buffering=0, closefd=False) as source:
        got = 0
        while got < size and (more := source.readinto(memoryview(data)[got:])):
            got += more
    return data


def _write_hashed(file: int, data: Data) -> str:
    """Write all of `data` and return its content key; both at once, since neither holds the interpreter."""
    if len(data) < _LARGE:
        _write(file, memoryview(data))
        return content_key(data)
    digest = blake3()
    hashing = threading.Thread(target=digest.update, args=(data,))
    hashing.start()
    try:
        _write(file, memoryview(data))
    finally:
        hashing.join()
    return digest.hexdigest()


def _write(file: int, data: memoryview) -> None:
    view = data.cast("B")
    while view:
        view = view[os.write(file, view[:_PIECE]) :]
