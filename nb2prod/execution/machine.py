"""Machine: the cores, memory and GPUs that stages running at once share."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from nb2prod.errors.base import Place
from nb2prod.errors.runs import ResourcesMissing

_MANY = 64  # stages that a run sends elsewhere at once, if nobody says


@frozen(kw_only=True)
class Ask:
    """What a stage asks for; None is its share of what there is."""

    cpus: int | None = None
    memory: int | None = None  # bytes
    gpus: int | None = None


def ask(options: Mapping[str, Any]) -> Ask:
    """Return what a stage's options ask for."""
    return Ask(cpus=options.get("cpus"), memory=options.get("memory"), gpus=options.get("gpus"))


@define(kw_only=True)
class Machine:
    """What there is, and what is taken. A stage that comes first in the notebook is served first."""

    jobs: int = field(factory=lambda: cores())  # stages at once
    cpus: int = field(factory=lambda: cores())
    memory: int = field(factory=lambda: _memory())  # bytes
    gpus: int = field(factory=lambda: _gpus())
    _taken: list[Ask] = field(factory=list, init=False)
    _waiting: list[tuple[int, int]] = field(factory=list, init=False)  # rank, and number of arrival
    _arrivals: int = field(default=0, init=False)
    _changed: threading.Condition = field(factory=threading.Condition, init=False)

    @classmethod
    def here(cls, jobs: int | None) -> Machine:
        """Return this machine, for so many stages at once, or as many as there are cores."""
        return cls(jobs=jobs) if jobs else cls()

    @classmethod
    def boundless(cls, jobs: int | None) -> Machine:
        """Return what refuses nothing, for stages that run elsewhere."""
        return cls(jobs=jobs or _MANY, cpus=sys.maxsize, memory=sys.maxsize, gpus=sys.maxsize)

    def refuse(self, wanted: Ask, place: Place) -> None:
        """Stop a stage that could never run here.

        Raises:
            ResourcesMissing: It asks for more than there is.
        """
        for kind, asked, there in (
            ("cores", wanted.cpus, self.cpus),
            ("bytes of memory", wanted.memory, self.memory),
            ("GPUs", wanted.gpus, self.gpus),
        ):
            if asked is not None and asked > there:
                raise ResourcesMissing(place, kind, asked, there)

    def fits(self, wanted: Ask) -> bool:
        """Tell whether a stage could start now, without keeping others waiting."""
        with self._changed:
            return not self._waiting and self._fits(wanted)

    @contextmanager
    def given(self, wanted: Ask, rank: int, given_up: Callable[[], bool]) -> Iterator[bool]:
        """Wait until there is what a stage asks for, and give it until the block ends; a lower rank comes first.

        Yields:
            False when the stage was given up before there was.
        """
        with self._changed:
            self._arrivals += 1
            mine = (rank, self._arrivals)
            self._waiting.append(mine)
            try:
                self._changed.wait_for(lambda: given_up() or (min(self._waiting) == mine and self._fits(wanted)))
            finally:
                self._waiting.remove(mine)
            if given_up():
                self._changed.notify_all()
                yield False
                return
            self._taken.append(wanted)
            self._changed.notify_all()
        try:
            yield True
        finally:
            with self._changed:
                self._taken.remove(wanted)
                self._changed.notify_all()

    def wake(self) -> None:
        """Let those who wait look whether they were given up."""
        with self._changed:
            self._changed.notify_all()

    def _fits(self, wanted: Ask) -> bool:
        # Alone, a stage gets whatever there is: what it asks for was compared with that before it waited.
        if not self._taken:
            return True
        everybody = [*self._taken, wanted]
        return (
            len(everybody) <= self.jobs
            and sum(item.cpus or 1 for item in everybody) <= max(self.cpus, self.jobs)
            and sum(item.memory or 0 for item in everybody) <= self.memory
            and sum(item.gpus or 0 for item in everybody) <= self.gpus
        )


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory() -> int:
    """Return the memory of this machine, or of the container that this process is in."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else sys.maxsize
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):  # `max`, or no such file
            total = min(total, int(Path(limit).read_text(encoding="ascii")))
    return total


def _gpus() -> int:
    """Return how many GPUs CUDA would show to a process here, without loading it."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([name for name in visible.split(",") if name.strip() not in {"", "-1"}])
    cards = Path("/proc/driver/nvidia/gpus")
    return len(list(cards.iterdir())) if cards.is_dir() else 0
