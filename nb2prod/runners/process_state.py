"""Process state: what a kernel changes of its process, undone and done again, so that another can be forked between."""

from __future__ import annotations

import builtins
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Mapping


@define
class ProcessState:
    """What a kernel has changed of this process."""

    objects: list[tuple[Any, str, Any, Any]] = field(factory=list)  # holder, name, before, with the kernel
    environment: tuple[dict[str, str], dict[str, str]] = ({}, {})
    interrupt: tuple[Any, Any] = (None, None)

    @classmethod
    def seen(cls, before: Mapping[str, Any]) -> ProcessState:
        """Note what changed since `snapshot` gave `before`."""
        after = snapshot()
        objects = [
            (holder, name, before["objects"][holder.__name__, name][1], value)
            for (_, name), (holder, value) in after["objects"].items()
        ]
        return cls(objects, (before["environment"], after["environment"]), (before["interrupt"], after["interrupt"]))

    def revert(self) -> None:
        """Make the process what it was."""
        self._set(0)

    def apply(self) -> None:
        """Make it the kernel's again; its environment is the one of now and the kernel's additions."""
        self._set(1)

    def _set(self, which: int) -> None:
        for holder, name, *values in self.objects:
            if holder is sys and name == "__main__":
                sys.modules[name] = values[which]
            elif values[which] is _MISSING:
                holder.__dict__.pop(name, None)
            else:
                setattr(holder, name, values[which])
        before, after = self.environment
        for name in {*before, *after}:
            if before.get(name) != after.get(name):
                _put(name, (before, after)[which].get(name))
        signal.signal(signal.SIGINT, self.interrupt[which])


_MISSING = object()
_TOUCHED = (
    (sys, ("stdout", "stderr", "displayhook", "excepthook", "ps1", "ps2", "ps3")),
    (builtins, ("__IPYTHON__", "display", "get_ipython")),
)


def snapshot() -> dict[str, Any]:
    """Return what a kernel would change of this process."""
    objects = {
        (holder.__name__, name): (holder, getattr(holder, name, _MISSING))
        for holder, names in _TOUCHED
        for name in names
    }
    objects["sys", "__main__"] = (sys, sys.modules["__main__"])
    return {"objects": objects, "environment": dict(os.environ), "interrupt": signal.getsignal(signal.SIGINT)}


def _put(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value
