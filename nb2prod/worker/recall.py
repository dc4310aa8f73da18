"""Recall: puts the results and inputs of the cells above where IPython keeps them, as if they had run here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nb2prod.dataflow import HISTORY

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def sources(shell: Any, above: Sequence[str]) -> None:
    """Let `In`, `_i` and `_i3` be what they would be below cells with these sources."""
    for number, source in enumerate(above, start=1):
        shell.history_manager.store_inputs(number, shell.transform_cell(source), source)


def results(shell: Any, names: Iterable[str]) -> None:
    """Let IPython take names that hold results of cells above for its own: `Out` has them, and `_` moves on."""
    space = shell.user_ns
    for name in names:
        if name not in space:
            continue
        if name.strip("_"):
            space["_oh"][int(name[1:])] = space[name]
        else:
            # Where IPython looks whether somebody else has set the name.
            shell.user_ns_hidden[name] = space[name]
            setattr(shell.displayhook, name, space[name])


def seen(space: dict[str, Any]) -> dict[str, Any]:
    """Return what the history's names hold: what is still there when a stage ends is no result of it."""
    return {name: value for name, value in space.items() if HISTORY.fullmatch(name)}
