"""Witness: the files that a process read and wrote, and the modules it used, as Python itself saw them.

What a stage's result depends on cannot be told from its code alone: a path may be put together while it runs, and a
value may come from a module that the cell never names. Files that native libraries open by themselves are not seen.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# What belongs to the installation: its versions are part of the record already.
_INSTALLED = tuple({os.path.realpath(p) for p in (*sysconfig.get_paths().values(), sys.prefix, sys.base_prefix) if p})


@define(kw_only=True)
class Witness:
    """Sees what happens from `begin` on; a process has one, since Python's audit hooks cannot be taken away."""

    folder: Path
    ours: tuple[Path, ...] = ()  # folders that nb2prod itself reads and writes, such as the store
    read: set[str] = field(factory=set)
    wrote: set[str] = field(factory=set)
    modules: set[str] = field(factory=set)  # those loaded before

    def see(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Note a file that is opened."""
        if event != "open" or not isinstance(arguments[0], str | bytes | os.PathLike):
            return
        path = os.path.abspath(os.fsdecode(arguments[0]))  # noqa: PTH100 - a hook must not make objects that open files
        mode, flags = arguments[1], arguments[2]
        writes = any(c in mode for c in "wax+") if isinstance(mode, str) else bool((flags or 0) & _WRITING)
        (self.wrote if writes else self.read).add(path)

    def files(self) -> tuple[list[str], list[str]]:
        """Return the files read and not written, and those written, below the notebook's folder or beside it."""
        wrote = sorted(filter(None, map(self._name, self.wrote)))
        return sorted({name for name in map(self._name, self.read) if name} - set(wrote)), wrote

    def sources(self) -> list[str]:
        """Return the files of modules that were loaded and are not installed, such as those beside the notebook."""
        names = sys.modules.keys() - self.modules - _ahead
        found = {getattr(sys.modules.get(name), "__file__", None) for name in names}
        return sorted(str(file) for file in found if file and file.endswith(".py") and not installed(file))

    def packages(self) -> list[str]:
        """Return the top-level packages that were loaded."""
        return sorted({name.partition(".")[0] for name in set(sys.modules) - self.modules if not name.startswith("_")})

    def _name(self, path: str) -> str | None:
        """Return a path as the notebook would name it, None for what is no data of its own."""
        if installed(path) or path.startswith(("/dev/", "/proc/", "/sys/")) or path.endswith((".pyc", ".py")):
            return None
        hidden = any(part.startswith(".") for part in Path(path).parts[1:])
        if hidden or any(Path(path).is_relative_to(folder) for folder in self.ours) or not os.path.isfile(path):  # noqa: PTH113
            return None
        return os.path.relpath(path, self.folder) if Path(path).is_relative_to(self.folder) else path


def begin(*ours: Path) -> Witness:
    """Begin to watch this process, but for what it does in folders of ours."""
    witness = Witness(folder=Path.cwd(), ours=ours, modules=set(sys.modules))
    sys.addaudithook(witness.see)
    return witness


_ahead: set[str] = set()  # modules that were imported ahead of stages, and are part of the installation


def imported(modules: Mapping[str, ModuleType]) -> None:
    """Note modules that are imported ahead, so that a stage need not look at each of them."""
    for name in modules.keys() - _ahead:
        file = getattr(modules[name], "__file__", None)
        if not file or installed(file):
            _ahead.add(name)


@lru_cache(maxsize=1 << 14)
def installed(path: str) -> bool:
    """Tell whether a file is part of the installation; remembered, since a stage has thousands of modules."""
    return _installed(os.path.dirname(path))  # noqa: PTH120 - a hook must not make objects that open files


@lru_cache(maxsize=1 << 12)
def _installed(folder: str) -> bool:
    return os.path.realpath(folder).startswith(_INSTALLED)
