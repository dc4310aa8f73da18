"""Moving: what is made where it cannot be handed on from goes to the stage that reads it, or into setup."""

from __future__ import annotations

import ast
import builtins
from typing import TYPE_CHECKING

from nb2prod import dataflow, tagging
from nb2prod.checks import fixes
from nb2prod.checks.fixes import Fix
from nb2prod.dataflow import unkept
from nb2prod.edits import Edit
from nb2prod.stage import code

if TYPE_CHECKING:
    from nb2prod.dataflow.makers import Maker
    from nb2prod.dataflow.stage_flow import CellFlow, StageFlow
    from nb2prod.notebook import Cell
    from nb2prod.pipeline import Pipeline

_BUILTIN = frozenset(dir(builtins))


def together(pipeline: Pipeline, maker: Maker) -> tuple[Fix, ...]:
    """Return the ways in which a value that cannot be stored reaches its reader."""
    names = [stage.name for stage in pipeline.stages]
    if maker.place.stage not in names or maker.reader not in names:
        return ()
    first, last = names.index(maker.place.stage), names.index(maker.reader)
    moved = _to_setup(pipeline, maker, first) if maker.kind in unkept.ANEW else None
    return (fixes.merge(pipeline, first, last), *([moved] if moved else ()))


def _to_setup(pipeline: Pipeline, maker: Maker, position: int) -> Fix | None:
    """Let a statement run again in every stage: in a setup cell above its stage, with the imports that it needs."""
    flow = pipeline.flows[position]
    item = next((item for item in flow.cells if item.cell.index == maker.place.cell), None)
    statement = None if item is None else _statement(item, maker.place.line)
    if item is None or statement is None:
        return None
    needed = _imports(pipeline.flows[:position], flow, statement, maker.name)
    if needed is None:
        return None
    if _is_all(flow, statement):
        edits: tuple[Edit, ...] = (_as_setup(item.cell),)
    else:
        lines = item.cell.source.splitlines(keepends=True)
        taken = "".join(lines[statement.lineno - 1 : statement.end_lineno]).rstrip("\n")
        rest = "".join([*lines[: statement.lineno - 1], *lines[statement.end_lineno or 0 :]]).rstrip("\n")
        edits = _above(flow.stage.code_cells[0], "\n".join([*needed, taken]), item.cell, rest)
    return Fix(kind="setup", title="Move to setup", edits=edits, safe=False)


def _statement(item: CellFlow, line: int | None) -> ast.stmt | None:
    """Return the statement of a line that no other statement shares."""
    body = dataflow.parse(code(item.cell)).body
    there = [node for node in body if node.lineno <= (line or 0) <= (node.end_lineno or 0)]
    span = [node for node in body if there and node.lineno <= (there[0].end_lineno or 0)]
    alone = len(there) == 1 and all(node is there[0] or (node.end_lineno or 0) < there[0].lineno for node in span)
    return there[0] if alone else None


def _imports(above: tuple[StageFlow, ...], flow: StageFlow, statement: ast.stmt, name: str) -> list[str] | None:
    """Return the imports of its own stage that a statement needs; None if it needs anything else of that stage."""
    known = _BUILTIN | {n for one in above for n in (*one.leaves, *(n for i in one.imports for n in i.names))}
    wanted = set(dataflow.analyse(ast.unparse(statement)).reads) - known - {name}
    found = [i.code for i in flow.imports if wanted & set(i.names)]
    return found if wanted <= {n for i in flow.imports for n in i.names} else None


def _is_all(flow: StageFlow, statement: ast.stmt) -> bool:
    """Tell whether a stage does nothing else, but for imports."""
    cells = flow.stage.code_cells
    body = dataflow.parse(code(cells[0])).body
    others = (node for node in body if node.lineno != statement.lineno)
    return len(cells) == 1 and all(isinstance(node, ast.Import | ast.ImportFrom) for node in others)


def _as_setup(cell: Cell) -> Edit:
    bare = tagging.untag(cell)
    tags = cell.tags if bare.tags is None else bare.tags
    return Edit(cell=cell.index, cell_id=cell.id, source=bare.source, metadata=bare.metadata, tags=(*tags, "setup"))


def _above(first: Cell, source: str, cell: Cell, rest: str) -> tuple[Edit, ...]:
    """Put a setup cell above the first cell of a stage, and leave of another what is left of it."""
    if first.index == cell.index:
        edit = Edit(cell=cell.index, cell_id=cell.id, source=rest, above=source, above_tags=("setup",))
        return (edit,)
    made = Edit(cell=first.index, cell_id=first.id, above=source, above_tags=("setup",))
    return made, Edit(cell=cell.index, cell_id=cell.id, source=rest)
