"""Birth: when this process began, as the system tells it to others, who know the process by it."""

from __future__ import annotations

import os
import sys


def began() -> float:
    """Return the time in seconds since 1970."""
    if sys.platform != "linux":
        import psutil

        return float(psutil.Process().create_time())
    # As psutil does it; importing that takes as long as a small plan.
    with open("/proc/self/stat", "rb") as file:
        ticks = int(file.read().rpartition(b")")[2].split()[19])
    with open("/proc/stat", "rb") as file:
        boot = next(int(line.split()[1]) for line in file if line.startswith(b"btime"))
    return boot + ticks / os.sysconf("SC_CLK_TCK")
