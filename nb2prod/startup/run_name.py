"""Run name: what a run is called; sorted by name, runs stand in the order in which they began."""

from __future__ import annotations

import os
import time


def new() -> str:
    """Return a name for a run that begins now: its time in UTC to the microsecond, the last part in hex, and a digit.

    The digit is random: two machines that share a folder may begin in one microsecond.
    """
    now = time.time_ns()
    second, rest = divmod(now, 1_000_000_000)
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(second))
    return f"{stamp}-{rest // 1000:05x}{os.urandom(1)[0] % 16:x}"


def began(name: str) -> float:
    """Return when a run began, in seconds since 1970; of an old name to the second."""
    import calendar

    second = calendar.timegm(time.strptime(name[:15], "%Y%m%d-%H%M%S"))
    return second + min(int(name[16:21], 16), 999_999) / 1_000_000
