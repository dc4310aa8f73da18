"""Plug-ins: implementations found by entry point, imported on use."""

from __future__ import annotations

from importlib.metadata import EntryPoints, PackageNotFoundError, distribution, entry_points
from typing import Any

from nb2prod.errors.base import PluginMissing


def find(group: str, name: str) -> Any:
    """Return the plug-in `name` of `group`, importing it now and not before.

    Raises:
        PluginMissing: No installed package provides it; the error lists those that are there.
    """
    ours = _ours().select(group=group, name=name)
    if ours:
        found: Any = next(iter(ours)).load()
        return found
    others = entry_points(group=group)
    if name not in others.names:
        raise PluginMissing(group, name, tuple(sorted(others.names)))
    return others[name].load()


def _ours() -> EntryPoints:
    """Return those of this package, which are asked for most: to look through all packages takes long."""
    try:
        return distribution(__name__.partition(".")[0]).entry_points
    except PackageNotFoundError:
        return EntryPoints()
