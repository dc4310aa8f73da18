"""Marks: how a folder knows that a file still is what was written, without reading it.

A blob's time of modification is set when its bytes have been hashed, to a nanosecond that follows from its key, size,
place on the disk and the present boot of the machine. Whatever changes the file afterwards gives it another time, a
copy of it lies in another place, and what a power cut may have lost was written in another boot: each is hashed anew.
Git compares times as well, but has to remember them, and to distrust files that changed in the moment it did.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path

from blake3 import blake3

_SECOND = 1_000_000_000


def trusted(key: str, stat: os.stat_result) -> bool:
    """True when the file was marked in this boot, and nobody touched it since."""
    return stat.st_mtime_ns % _SECOND == _nanosecond(key, stat)


def mark(key: str, file: int, *, at: float | None = None) -> None:
    """Mark a file, given by its descriptor, whose bytes are known to be those of `key`.

    Args:
        key: The key of a blob.
        file: Its file.
        at: When it was used, in seconds since 1970; the second of its time is kept when None.
    """
    stat = os.fstat(file)
    second = stat.st_mtime_ns // _SECOND if at is None else int(at)
    try:
        os.utime(file, ns=(stat.st_atime_ns, second * _SECOND + _nanosecond(key, stat)))
    except OSError:
        return  # somebody else's file, or one on a disk that is only read: it is hashed each time


def _nanosecond(key: str, stat: os.stat_result) -> int:
    text = f"{key} {stat.st_size} {stat.st_dev} {stat.st_ino} {boot()}"
    return int.from_bytes(blake3(text.encode()).digest()[:8], "big") % _SECOND


@functools.cache
def boot() -> str:
    """Return a name of the time since this machine was started."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        import psutil

        return str(int(psutil.boot_time()))
