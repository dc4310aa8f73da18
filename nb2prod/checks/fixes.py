"""Fix: the edits that do what a finding's cure says, at one click; where there are several ways, one fix for each."""

from __future__ import annotations

import ast
import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal

from attrs import evolve, frozen

from nb2prod import dataflow, tagging
from nb2prod.dataflow import Unparsable
from nb2prod.edits import Edit
from nb2prod.stage import code

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nb2prod.notebook import Cell
    from nb2prod.pipeline import Pipeline
    from nb2prod.stage import Stage

Kind = Literal[
    "skip", "rename", "untag", "order", "merge", "setup", "options", "parameter", "load_extension", "require"
]


@frozen(kw_only=True)
class Requires:
    """A line for a file of requirements, named as seen from the notebook; empty where only a tool can write it."""

    file: str
    requirement: str


@frozen(kw_only=True)
class Fix:
    """Edits of cells, or a requirement to be written down, and what they do in a few words."""

    kind: Kind
    title: str
    edits: tuple[Edit, ...]
    safe: bool = True  # False: whether it is meant so, only a person can tell
    requires: Requires | None = None


def skip(cell: Cell) -> Fix:
    """Leave a cell out."""
    edit = Edit(cell=cell.index, cell_id=cell.id, tags=(*cell.tags, "skip"))
    return Fix(kind="skip", title="Leave this cell out of the pipeline", edits=(edit,), safe=False)


def respell(cell: Cell, name: str, known: Iterable[str]) -> tuple[Fix, ...]:
    """Write a name as a similar one above is written."""
    near = get_close_matches(name, sorted(known), n=2, cutoff=0.8) if len(name) > 2 else []
    return tuple(_respelt(cell, name, other) for other in near)


def _respelt(cell: Cell, name: str, other: str) -> Fix:
    made = re.sub(rf"(?<![\w.]){re.escape(name)}(?!\w)", other, cell.source)
    edit = Edit(cell=cell.index, cell_id=cell.id, source=made)
    return Fix(kind="rename", title=f"Write '{other}' instead of '{name}'", edits=(edit,), safe=False)


def rename_stage(pipeline: Pipeline, stage: Stage, wanted: str, *, everywhere: bool = True) -> Fix:
    """Give a stage another name, also where others say that they come after it."""
    used = {other.name for other in pipeline.stages} - {stage.name}
    name = next(n for i in range(1, len(used) + 3) if (n := wanted if i == 1 else f"{wanted}_{i}") not in used)
    own = [tagging.rename(cell, name) for cell, tag in stage.tags if tag.name == stage.name]
    others = [cell for other in pipeline.stages if everywhere for cell, tag in other.tags if stage.name in tag.after]
    told = [tagging.after(cell, lambda after: name if after == stage.name else after) for cell in others]
    return Fix(kind="rename", title=f"Call the stage '{name}'", edits=(*own, *told))


def untag(stage: Stage) -> Fix:
    """Take a stage's tags away."""
    return Fix(kind="untag", title="Remove the tag", edits=tuple(tagging.untag(cell) for cell, _ in stage.tags))


def forget_after(stage: Stage, name: str) -> Fix:
    """Take away that a stage comes after another."""
    cells = [cell for cell, tag in stage.tags if name in tag.after]
    edits = tuple(tagging.after(cell, lambda after: None if after == name else after) for cell in cells)
    return Fix(kind="order", title=f"Do not wait for '{name}'", edits=edits)


def merge(pipeline: Pipeline, first: int, last: int) -> Fix:
    """Make one stage of all from one to another, by their positions."""
    into, below = pipeline.stages[first].name, pipeline.stages[first + 1 : last + 1]
    edits = tuple(tagging.untag(cell) for stage in below for cell, _ in stage.tags)
    others = [name for name in dict.fromkeys(stage.name for stage in below) if name != into]
    return Fix(kind="merge", title=f"Merge {' and '.join(map(repr, others))} into '{into}'", edits=edits)


def keep(cell: Cell, name: str) -> Fix:
    """Keep of several names that a cell's tags give it only one."""
    return Fix(kind="untag", title=f"Keep '{name}' only", edits=(tagging.keep(cell, name),))


def keep_valid(cell: Cell) -> Fix:
    """Take faulty options away."""
    return Fix(kind="options", title="Remove the options that are wrong", edits=(tagging.keep_valid(cell),))


def load_extension(pipeline: Pipeline) -> tuple[Fix, ...]:
    """Load the magics at the top."""
    top = next((cell for cell in pipeline.notebook.cells if cell.kind == "code"), None)
    if top is None:
        return ()
    edit = Edit(cell=top.index, cell_id=top.id, above="%load_ext nb2prod")
    return (Fix(kind="load_extension", title="Load the magic at the top", edits=(edit,)),)


_DEFAULTS = {"int": "0", "float": "0.0", "input": '""', "str": '""'}


def parameter(cell: Cell) -> tuple[Fix, ...]:
    """Make a parameter, in a cell above, of what a cell asks for by `name = input(…)`."""
    try:
        body = dataflow.parse(code(cell)).body
    except Unparsable:
        return ()
    lines = cell.source.splitlines(keepends=True)
    set_above: list[str] = []
    for node in reversed(body):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=ast.Name(id=outer), args=given)) if (
                outer in _DEFAULTS and (outer == "input" or _asks(given))
            ):
                set_above.insert(0, f"{name} = {_DEFAULTS[outer]}")
                del lines[node.lineno - 1 : node.end_lineno]
    if not set_above:
        return ()
    rest = "".join(lines).rstrip("\n")
    edit = Edit(cell=cell.index, cell_id=cell.id, source=rest, above="\n".join(set_above), above_tags=("parameters",))
    return (Fix(kind="parameter", title="Make it a parameter", edits=(edit,), safe=False),)


def _asks(given: list[ast.expr]) -> bool:
    match given:
        case [ast.Call(func=ast.Name(id="input"))]:
            return True
    return False


def apart(found: Iterable[Fix]) -> tuple[Fix, ...]:
    """Return those fixes that change something, with each cell named once."""
    made = (evolve(fix, edits=tuple(edit for edit in fix.edits if _changes(edit))) for fix in found)
    return tuple(fix for fix in made if fix.requires or _is_whole(fix.edits))


def _is_whole(edits: tuple[Edit, ...]) -> bool:
    return bool(edits) and len({edit.cell for edit in edits}) == len(edits)


def _changes(edit: Edit) -> bool:
    return (edit.source, edit.metadata, edit.tags, edit.above) != (None, None, None, None)
