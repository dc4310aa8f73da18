"""Displays: where a cell changes what a cell of an earlier stage shows, which is no longer there to be changed."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from attrs import frozen

from nb2prod.dataflow.syntax import Unparsable, parse
from nb2prod.stage import code

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nb2prod.flows import CellFlow, StageFlow

_SHOW = ("display", "update_display")


@frozen(kw_only=True)
class Update:
    """A change of an output that another stage shows."""

    flow: StageFlow
    item: CellFlow
    line: int
    shown: str  # the stage that shows it


def updates(flows: Iterable[StageFlow]) -> Iterator[Update]:
    """Yield what changes displays of earlier stages, by their id as it is written or by the name of their handle."""
    shown: dict[str, str] = {}  # id or handle → stage
    for flow in flows:
        for item in flow.cells:
            for name in item.flow.binds:
                shown.pop(name, None)
            nodes = list(_nodes(item))
            for node in nodes:
                key = _identity(node) or _handle(node)
                if isinstance(node, ast.Call) and shown.get(key, flow.stage.name) != flow.stage.name:
                    yield Update(flow=flow, item=item, line=node.lineno, shown=shown[key])
            for node in nodes:
                for key in (_identity(node), *_handles(node)):
                    shown.setdefault(key, flow.stage.name)
            shown.pop("", None)


def _nodes(item: CellFlow) -> Iterator[ast.AST]:
    if "display" not in item.cell.source and ".update(" not in item.cell.source:
        return
    try:
        yield from ast.walk(parse(code(item.cell)))
    except Unparsable:  # another rule says so
        return


def _identity(node: ast.AST) -> str:
    """Return the display id in a call that shows something, as it is written; empty where there is none."""
    if not isinstance(node, ast.Call) or getattr(node.func, "attr", getattr(node.func, "id", "")) not in _SHOW:
        return ""
    given = next((word.value for word in node.keywords if word.arg == "display_id"), None)
    text = isinstance(given, ast.Constant) and isinstance(given.value, str)
    return repr(given.value) if text and isinstance(given, ast.Constant) else ""


def _handle(node: ast.AST) -> str:
    """Return the name whose `update` is called."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "update":
        return node.func.value.id if isinstance(node.func.value, ast.Name) else ""
    return ""


def _handles(node: ast.AST) -> list[str]:
    """Return the names that are given the handle of what is shown."""
    if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)):
        return []
    called = getattr(node.value.func, "id", "")
    if called != "display" or all(word.arg != "display_id" for word in node.value.keywords):
        return []
    return [target.id for target in node.targets if isinstance(target, ast.Name)]
