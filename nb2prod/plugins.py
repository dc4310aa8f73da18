"""Plug-ins: implementations found by entry point, imported on use."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

from nb2prod.errors import PluginMissing


def find(group: str, name: str) -> Any:
    """Return the plug-in `name` of `group`, importing it now and not before.

    Raises:
        PluginMissing: No installed package provides it; the error lists those that are there.
    """
    found = entry_points(group=group)
    if name not in found.names:
        raise PluginMissing(group, name, tuple(sorted(found.names)))
    return found[name].load()
