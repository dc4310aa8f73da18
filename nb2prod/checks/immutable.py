"""Immutable types: where a cell sets an attribute of a type written in C, which Python refuses when it gets there."""

from __future__ import annotations

import ast
import builtins
import sys
from typing import TYPE_CHECKING, Any

from attrs import frozen

from nb2prod.dataflow import calls
from nb2prod.dataflow.syntax import parse
from nb2prod.stage import code

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nb2prod.dataflow.stage_flow import CellFlow, StageFlow

_IMMUTABLE, _HEAP = 1 << 8, 1 << 9  # of `type.__flags__`, as CPython's object.h names them


@frozen(kw_only=True)
class Setting:
    """A statement that sets an attribute of an immutable type."""

    flow: StageFlow
    item: CellFlow
    line: int
    cls: str
    attribute: str


def settings(flows: Sequence[StageFlow]) -> Iterator[Setting]:
    """Yield the statements that are sure to be refused: outside of any block, on types of the standard library."""
    if not any(item.flow.patches for flow in flows for item in flow.cells):
        return
    known: dict[str, Any] = dict(vars(builtins))
    for flow in flows:
        for item in flow.cells:
            if item.fault is not None:
                continue
            if item.flow.patches:
                yield from _settings(flow, item, known | _imported(item))
            known |= dict.fromkeys(item.flow.binds) | _imported(item)


def _settings(flow: StageFlow, item: CellFlow, known: dict[str, Any]) -> Iterator[Setting]:
    for statement in parse(code(item.cell)).body:
        for target in statement.targets if isinstance(statement, ast.Assign) else ():
            owner = calls.dotted(target.value) if isinstance(target, ast.Attribute) else None
            if owner is None or not isinstance(target, ast.Attribute) or owner.partition(".")[0] in item.flow.binds:
                continue
            if _is_immutable(_resolved(owner, known)):
                yield Setting(flow=flow, item=item, line=statement.lineno, cls=owner, attribute=target.attr)


def _imported(item: CellFlow) -> dict[str, Any]:
    """Return what imports bind: modules of the standard library that are loaded anyway, and what is in them."""
    found: dict[str, Any] = {}
    for statement in (s for each in item.flow.imports for s in ast.parse(each.code).body):
        for alias in statement.names if isinstance(statement, ast.Import | ast.ImportFrom) else ():
            name = alias.asname or alias.name.partition(".")[0]
            if isinstance(statement, ast.ImportFrom):
                found[name] = getattr(_module(statement.module or ""), alias.name, None)
            else:
                found[name] = _module(alias.name if alias.asname else name)
    return found


def _module(name: str) -> Any:
    return sys.modules.get(name) if name.partition(".")[0] in sys.stdlib_module_names else None


def _resolved(dotted: str, known: dict[str, Any]) -> Any:
    root, *rest = dotted.split(".")
    value = known.get(root)
    for name in rest:
        value = getattr(value, name, None) if isinstance(value, type | type(sys)) else None
    return value


def _is_immutable(value: Any) -> bool:
    return isinstance(value, type) and bool(value.__flags__ & _IMMUTABLE or not value.__flags__ & _HEAP)
