"""Restored: the values of a run, put back into a fresh `__main__`, as the notebook's process had one."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from nb2prod.artifact import Artifact, Recipe, Version
from nb2prod.worker import arrival

if TYPE_CHECKING:
    from nb2prod.stores.base import Store


def entered() -> dict[str, Any]:
    """Make a fresh `__main__`, as the notebook's process had one."""
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main
    return vars(main)


def needed(values: Mapping[str, Version], names: Iterable[str]) -> dict[str, Version]:
    """Choose the values that names need: their own, and what functions inside look up."""
    found: dict[str, Version] = {}
    pending = list(names)
    while pending:
        name = pending.pop()
        if name in values and name not in found:
            found[name] = values[name]
            pending.extend(values[name].needs)
            # What a function looks up may be kept with it, and then it is no need of theirs.
            if isinstance(kept := values[name], Artifact):
                pending.extend(other for other in kept.names if values.get(other) == kept)
    return found


def restore(store: Store, versions: Mapping[str, Version], space: dict[str, Any]) -> None:
    """Put the values of a run back: imports first, then values, then what is made from them."""
    recipes = [v for v in versions.values() if isinstance(v, Recipe)]
    for recipe in (r for r in recipes if not r.late):
        exec(compile(recipe.code, "<notebook>", "exec"), space)  # noqa: S102  the notebook's own code
    arrival.load(store, versions, space)
    for recipe in (r for r in recipes if r.late):
        exec(compile(recipe.code, "<notebook>", "exec"), space)  # noqa: S102  the notebook's own code
