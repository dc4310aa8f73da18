"""Names: what loads, binds, deletes and touches a name, and in which scope it is found."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from attrs import define, field

from nb2prod.dataflow import calls
from nb2prod.dataflow.flow import Load

if TYPE_CHECKING:
    from nb2prod.dataflow.flow import Deferred, Flow


@define
class Scope:
    """A scope within a cell."""

    kind: str  # function, class, comprehension
    names: set[str]
    outer: set[str] = field(factory=set)  # declared global or nonlocal
    params: dict[str, int] = field(factory=dict)
    owner: str | None = None  # the class, for its body's scope


class Names(ast.NodeVisitor):
    """Keeps the scopes around what is visited; `self.flow.definite` is what is bound for sure so far."""

    def __init__(self, flow: Flow, *, lazy: bool) -> None:
        self.flow = flow
        self.lazy = lazy  # annotations are not evaluated
        self.scopes: list[Scope] = []
        self.deferred: Deferred | None = None
        self.target: str | None = None
        self.assigned: ast.expr | None = None
        self.branches = 0  # how many `if`, loops and `try` stand around
        self.offset = 0  # lines above the code of a cell magic

    def _at(self, node: ast.AST) -> int:
        return getattr(node, "lineno", 1) + self.offset

    def _find(self, name: str) -> Scope | None:
        """Return the local scope that has `name`, or None when it is the notebook's or a builtin."""
        for depth, scope in enumerate(reversed(self.scopes)):
            if scope.kind == "class" and depth:
                continue
            if name in scope.names and name not in scope.outer:
                return scope
        return None

    def _load(self, name: str, line: int) -> None:
        if self._find(name) is not None:
            return
        if self.deferred is not None:
            # A lambda without a name sees what is bound where it stands.
            if self.deferred is not self.flow.anonymous or name not in self.flow.definite:
                self.deferred.reads.setdefault(name, line)
            return
        if name not in self.flow.loads:
            self.flow.loads[name] = Load(line, frozenset(self.flow.definite))
        if name not in self.flow.definite:
            self.flow.reads.setdefault(name, line)

    def _store(self, name: str, line: int) -> None:
        scope = self.scopes[-1] if self.scopes else None
        if scope is not None and name not in scope.outer:
            scope.names.add(name)
        elif self.deferred is not None:
            self.deferred.binds.setdefault(name, line)
        else:
            self.flow.binds.setdefault(name, line)
            self.flow.definite.add(name)

    def _touch(self, name: str, line: int) -> None:
        scope = self._find(name)
        if scope is not None:
            if self.deferred is not None and name in scope.params:
                self.deferred.touched_params |= {name, scope.params[name]}
        elif self.deferred is not None:
            self.deferred.touches.setdefault(name, line)
        else:
            self.flow.touches.setdefault(name, line)

    def visit_Name(self, node: ast.Name) -> None:
        """Load, bind or delete."""
        if isinstance(node.ctx, ast.Load):
            self._load(node.id, self._at(node))
        elif isinstance(node.ctx, ast.Store):
            self._store(node.id, self._at(node))
        else:
            self._load(node.id, self._at(node))
            if not self.scopes:
                self.flow.deletes.setdefault(node.id, self._at(node))
                self.flow.definite.discard(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """Touch what an attribute is set on; one of a module is patched."""
        if not isinstance(node.ctx, ast.Load):
            self._touch_base(node)
        if node.attr == "__traceback__" and isinstance(node.value, ast.Name):
            self.flow.traces.setdefault(node.value.id, self._at(node))
        if node.attr in calls.LOOKING_ABOUT:
            self.flow.opaque = self.flow.opaque or self._at(node)
        dotted = calls.dotted(node)
        if isinstance(node.ctx, ast.Store) and dotted and self._find(dotted.partition(".")[0]) is None:
            self.flow.patches.setdefault(dotted, self._at(node))
        self.visit(node.value)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        """Touch what an item is set in; `Out[3]` is `_3`."""
        match node:
            case ast.Subscript(value=ast.Name(id="Out" | "_oh" as name), slice=ast.Constant(value=int(number))):
                if number >= 0 and name not in self.flow.binds and self._find(name) is None:
                    self._load(f"_{number}", self._at(node))  # the same value by another name
                    return
            case ast.Subscript(
                value=ast.Attribute(value=ast.Name(id="sys"), attr="modules"),
                slice=ast.Constant(value="__main__") | ast.Name(id="__name__"),
            ):
                self.flow.opaque = self.flow.opaque or self._at(node)
        if not isinstance(node.ctx, ast.Load):
            self._touch_base(node)
        self.visit(node.value)
        self.visit(node.slice)

    def _touch_base(self, node: ast.expr) -> None:
        for name in calls.base(node):
            self._touch(name, self._at(node))
