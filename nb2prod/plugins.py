"""Plug-ins: implementations found by entry point, imported on use."""

from __future__ import annotations

import importlib
import sys
from functools import cache
from pathlib import Path
from typing import Any

from nb2prod.errors.base import PluginMissing

_OWN = __name__.partition(".")[0]


def find(group: str, name: str) -> Any:
    """Return the plug-in `name` of `group`, importing it now and not before.

    Raises:
        PluginMissing: No installed package provides it; the error lists those that are there.
    """
    place = _ours().get((group, name))
    if place is not None:
        module, _, attribute = place.partition(":")
        return getattr(importlib.import_module(module), attribute)
    from importlib.metadata import entry_points  # slow to import, and to look through all packages takes longer still

    others = entry_points(group=group)
    if name not in others.names:
        raise PluginMissing(group, name, tuple(sorted(others.names)))
    return others[name].load()


@cache
def _ours() -> dict[tuple[str, str], str]:
    """Return the places of this package's own plug-ins, which are asked for most, by group and name."""
    found: dict[tuple[str, str], str] = {}
    group = ""
    for line in _declared().splitlines():
        if line.startswith("["):
            group = line.strip("[] ")
        elif "=" in line:
            name, _, place = line.partition("=")
            found[group, name.strip()] = place.strip()
    return found


def _declared() -> str:
    for folder in sys.path:
        for file in Path(folder).glob(f"{_OWN}-*.dist-info/entry_points.txt"):
            return file.read_text(encoding="utf-8")
    return ""
