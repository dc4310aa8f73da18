"""Limits: what a stage may take of the machine, as far as that can be seen to."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if sys.platform != "win32":
    import resource

if TYPE_CHECKING:
    from collections.abc import Iterator

OFTEN = 0.2  # seconds between two looks at the memory of a stage

# How many threads numeric libraries start, by those that read it when they are imported or first used.
_THREADS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMEXPR_MAX_THREADS",
    "VECLIB_MAXIMUM_THREADS", "RAYON_NUM_THREADS", "POLARS_MAX_THREADS", "ARROW_NUM_THREADS", "LOKY_MAX_CPU_COUNT",
)  # fmt: skip


def environment(cpus: int | None, gpus: int | None) -> dict[str, str]:
    """Return environment variables that keep libraries to what a stage may take."""
    found: dict[str, str] = {}
    if cpus is not None:
        found = {name: str(cpus) for name in _THREADS if name not in os.environ}
    if gpus is not None:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        known = visible.split(",") if visible else [str(number) for number in range(gpus)]
        found["CUDA_VISIBLE_DEVICES"] = ",".join(known[:gpus])
    return found


def apply(task: dict[str, Any], cores: list[int]) -> None:
    """Keep this process, and those it starts, to what its task may take."""
    if task["cpus"] is not None:
        os.sched_setaffinity(0, cores)
    os.environ.update(environment(task["cpus"], task["gpus"]))
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard) if soft else (soft, hard))  # the report says more than a dump


def keep_to(pid: int, cpus: int | None) -> None:
    """Keep another process to so many cores, where the system can."""
    if cpus is not None and sys.platform == "linux":
        os.sched_setaffinity(pid, choose(cpus, []))


@contextmanager
def watched(group: int, most: int | None) -> Iterator[list[int]]:
    """Kill the processes of a group when they take too much memory; what they took is then in the list."""
    over: list[int] = []
    if most is None or sys.platform != "linux":
        yield over
        return
    done = threading.Event()

    def watch() -> None:
        while not done.wait(OFTEN) and not over:
            taken = memory(group)
            if taken > most:
                over.append(taken)
                with suppress(ProcessLookupError):
                    os.killpg(group, signal.SIGKILL)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield over
    finally:
        done.set()
        thread.join()


def choose(count: int, taken: list[int]) -> list[int]:
    """Choose cores for a stage: those that the fewest of the others have."""
    return sorted(sorted(os.sched_getaffinity(0), key=lambda core: (taken.count(core), core))[: max(count, 1)])


def memory(group: int) -> int:
    """Return the bytes of memory that the processes of a group hold for themselves."""
    found = 0
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if _group(folder) == group:
                    found += _own(folder)
            except OSError:
                continue  # it has just ended
    return found


def _group(folder: Path) -> int:
    # After the name in brackets, which may have any character: state, parent, group.
    return int((folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[2])


def _own(folder: Path) -> int:
    """Return what a process holds that is no file: shared pages count for each only their part."""
    lines = (folder / "smaps_rollup").read_text().splitlines()
    sizes = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines) if name in _OWN}
    return 1024 * sum(sizes.values())


_OWN = ("Pss_Anon", "Pss_Shmem", "SwapPss")
