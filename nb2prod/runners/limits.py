"""Limits: what a stage may take of the machine, as far as its own process can see to it."""

from __future__ import annotations

import os
import resource
from pathlib import Path
from typing import Any

# How many threads numeric libraries start, by those that read it when they are imported or first used.
_THREADS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMEXPR_MAX_THREADS",
    "VECLIB_MAXIMUM_THREADS", "RAYON_NUM_THREADS", "POLARS_MAX_THREADS", "ARROW_NUM_THREADS", "LOKY_MAX_CPU_COUNT",
)  # fmt: skip


def threads(cpus: int) -> dict[str, str]:
    """Return environment variables that keep numeric libraries to so many threads."""
    return dict.fromkeys(_THREADS, str(cpus))


def gpus(count: int, visible: str | None) -> dict[str, str]:
    """Return environment variables that show only the first so many of the GPUs that are visible now."""
    known = visible.split(",") if visible else [str(number) for number in range(count)]
    return {"CUDA_VISIBLE_DEVICES": ",".join(known[:count])}


def apply(task: dict[str, Any], cores: list[int]) -> None:
    """Keep this process, and those it starts, to what its task may take."""
    wanted: dict[str, str] = {}
    if task["cpus"] is not None:
        os.sched_setaffinity(0, cores)
        wanted = {name: value for name, value in threads(task["cpus"]).items() if name not in os.environ}
    if task["gpus"] is not None:
        wanted |= gpus(task["gpus"], os.environ.get("CUDA_VISIBLE_DEVICES"))
    os.environ.update(wanted)
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard) if soft else (soft, hard))  # the report says more than a dump


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
