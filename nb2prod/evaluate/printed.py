"""Printed metrics: the numbers that cells of an evaluating stage print or show under a name, as Kale reads them."""

from __future__ import annotations

import ast
import math
import re
from typing import TYPE_CHECKING, Any

from nb2prod import dataflow
from nb2prod.dataflow import Unparsable
from nb2prod.stage import code

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from nb2prod.notebook import Cell
    from nb2prod.stage import Stage

# A number as it is printed, or as numpy shows it: `np.float64(0.9)`.
_NUMBER = re.compile(r"(?:np\.\w+\()?(-?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)\)?\s*\Z", re.IGNORECASE)


# What people print of a measure: `ROC AUC: 0.91`, `rmse (test) = 3.2`, `recall 0.8`; a number in a label is another's.
_WORD = r"(?:[A-Za-z][\w@/.-]*|\([A-Za-z][\w@/.-]*\))"
_LABELLED = re.compile(rf"\s*({_WORD}(?: {_WORD})*(?=\s*[:=])|[A-Za-z_]\w*(?=\s))\s*[:=]?\s*(\S+)\s*\Z")


def names(stages: Iterable[Stage]) -> frozenset[str]:
    """Return the names whose values evaluating stages print or show, and those of the tables of numbers they make."""
    cells = [cell for stage in stages if stage.role == "evaluate" for cell in stage.code_cells]
    return frozenset(name for cell in cells for name in (*_told(cell), _shown(cell)) if name)


def metrics(stages: Iterable[Stage], document: Mapping[str, Any]) -> dict[str, float]:
    """Read the metrics from the outputs of an executed notebook; what cannot be told apart is left out."""
    found: dict[str, float] = {}
    for stage in stages:
        for cell in stage.code_cells if stage.role == "evaluate" else ():
            found.update(_read(cell, _outputs(document, cell)))
    return found


def _read(cell: Cell, outputs: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    printed, whole = _prints(cell)
    said = "".join(_text(item["text"]) for item in outputs if item.get("name") == "stdout").splitlines()
    pairs = list(zip(printed, said, strict=True)) if whole and len(printed) == len(said) else []
    labelled = [(_slug(match[1]), match[2]) for line in said if (match := _LABELLED.match(line))]
    results = [item["data"] for item in outputs if item["output_type"] == "execute_result"]
    pairs = [*labelled, *pairs]
    pairs += [(_shown(cell), _text(data.get("text/plain", ""))) for data in results]
    numbers = {name: float(match[1]) for name, text in pairs if name and (match := _NUMBER.match(text.strip()))}
    return {name: number for name, number in numbers.items() if math.isfinite(number)}


def _slug(label: str) -> str:
    return re.sub(r"\W+", "_", label).strip("_").lower()


def _told(cell: Cell) -> Iterator[str]:
    """Yield the names that a cell prints, in a text or alone, and those of dictionaries it makes."""
    for node in (node for statement in _statements(cell) for node in ast.walk(statement)):
        match node:
            case ast.Call(func=ast.Name(id="print"), args=args):
                yield from (name for arg in args for name in _parts(arg))
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Dict() | ast.Call(func=ast.Name(id="dict"))):
                yield name


def _parts(arg: ast.expr) -> Iterator[str]:
    match arg:
        case ast.Name(id=name) | ast.Subscript(value=ast.Name(id=name)):
            yield name
        case ast.Call(func=ast.Name(id="round"), args=[first, *_]):
            yield from _parts(first)
        case ast.JoinedStr(values=values):
            yield from (name for one in values if isinstance(one, ast.FormattedValue) for name in _parts(one.value))


def _outputs(document: Mapping[str, Any], cell: Cell) -> Sequence[Mapping[str, Any]]:
    cells = document["cells"]
    return cells[cell.index].get("outputs", ()) if cell.index < len(cells) else ()


def _prints(cell: Cell) -> tuple[list[str | None], bool]:
    """Return what a cell prints, a name or None a line, and whether nothing else in it is seen to print."""
    lines: list[str | None] = []
    whole = True
    for node in _statements(cell):
        match node:
            case ast.Expr(value=ast.Call(func=ast.Name(id="print"), args=[ast.Name(id=name)], keywords=[])):
                lines.append(name)
            case ast.Expr(value=ast.Call(func=ast.Name(id="print"), keywords=[])):
                lines.append(None)
            case _:
                whole = whole and not any(isinstance(n, ast.Name) and n.id == "print" for n in ast.walk(node))
    return lines, whole


def _shown(cell: Cell) -> str | None:
    match _statements(cell)[-1:]:
        case [ast.Expr(value=ast.Name(id=name))]:
            return name
    return None


def _statements(cell: Cell) -> list[ast.stmt]:
    try:
        return dataflow.parse(code(cell)).body
    except Unparsable:
        return []


def _text(value: str | list[str]) -> str:
    return value if isinstance(value, str) else "".join(value)
