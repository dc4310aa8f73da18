"""Sight: what a code cell seems to be for, seen by its calls and by the titles above it."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Literal

from attrs import define, evolve, field, frozen

from nb2prod.dataflow import Unparsable, parse
from nb2prod.stage import code, tag_of
from nb2prod.suggest import activities
from nb2prod.suggest.headings import Heading, headings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nb2prod.notebook import Cell, Notebook

Kind = Literal["parameters", "setup", "defines", "shows", "works"]


@frozen(kw_only=True)
class Sight:
    """A code cell, what it seems to do, and the titles between it and the code above."""

    cell: Cell
    kind: Kind
    weights: dict[str, float] = field(factory=dict, eq=False)  # activity → how much its calls speak for it
    calls: tuple[str, ...] = ()  # those that do
    fits: frozenset[str] = frozenset()  # names that are fitted and no mere preparation
    titles: tuple[Heading, ...] = ()
    comment: str = ""  # the cell's first line, where it is a comment

    @property
    def activity(self) -> str | None:
        """What its calls speak for most, or else its comment."""
        if self.weights:
            return max(self.weights, key=self.weights.__getitem__)
        return activities.of_words(self.comment) if self.comment else None


def look(notebook: Notebook) -> tuple[Sight, ...]:
    """Look at the code cells of a notebook that run and are not empty."""
    looking, titles, found = _Looking(), list[Heading](), list[Sight]()
    for cell in notebook.cells:
        if cell.kind == "markdown":
            titles.extend(headings(cell.source))
        elif cell.kind == "code" and code(cell).strip():
            tag = tag_of(cell)
            if tag is None or tag.role != "skip":
                found.append(evolve(looking.at(cell), titles=tuple(titles)))
                titles.clear()
    return tuple(found)


@define
class _Looking:
    """Reads cells in order, since what a call does may depend on the definitions above."""

    bodies: dict[str, tuple[str, ...]] = field(factory=dict)  # function of the notebook → what it calls
    makers: dict[str, str] = field(factory=dict)  # name → the class that was called for it

    def at(self, cell: Cell) -> Sight:
        try:
            statements = parse(code(cell)).body
        except Unparsable:
            return Sight(cell=cell, kind="works")
        kind = _kind(statements)
        for node in statements:
            self._define(node)
        calls = [] if kind in {"parameters", "setup", "defines"} else list(self._calls(statements))
        return Sight(
            cell=cell,
            kind=kind,
            weights=activities.of_calls(calls),
            calls=tuple(dict.fromkeys(name for name in calls if activities.of_calls([name]))),
            fits=frozenset(self._fits(statements)),
            comment=_comment(code(cell)),
        )

    def _define(self, node: ast.stmt) -> None:
        if isinstance(node, ast.FunctionDef):
            self.bodies[node.name] = tuple(_last(call.func) for call in ast.walk(node) if isinstance(call, ast.Call))
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            self.makers.update({t.id: _last(node.value.func) for t in node.targets if isinstance(t, ast.Name)})

    def _calls(self, statements: Iterable[ast.stmt]) -> Iterator[str]:
        """Yield the names of what is called; for a function of the notebook that tells nothing, what it calls."""
        for call in _running(statements):
            name = _last(call.func)
            if name == "fit" and self._prepares(call):
                yield "fit_transform"
            elif name in self.bodies and not activities.of_calls([name]):
                yield from self.bodies[name]
            else:
                yield name

    def _fits(self, statements: Iterable[ast.stmt]) -> Iterator[str]:
        for call in _running(statements):
            if isinstance(call.func, ast.Attribute) and call.func.attr == "fit" and not self._prepares(call):
                yield ast.unparse(call.func.value)

    def _prepares(self, call: ast.Call) -> bool:
        owner = call.func.value if isinstance(call.func, ast.Attribute) else call.func
        made = self.makers.get(owner.id, "") if isinstance(owner, ast.Name) else ""
        made = _last(owner.func) if isinstance(owner, ast.Call) else made
        return bool(activities.PREPARES.match(made))


def _kind(statements: list[ast.stmt]) -> Kind:
    if statements and all(map(_constant, statements)):
        return "parameters"
    if all(map(_sets_up, statements)):
        return "setup"
    if all(isinstance(s, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or _sets_up(s) for s in statements):
        return "defines"
    return "shows" if all(map(_shows, statements)) else "works"


def _constant(node: ast.stmt) -> bool:
    """Recognise `rows = 100`: one name and a number, text or truth value."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    value = getattr(node, "value", None)
    if isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.USub):
        value = value.operand
    return len(targets) == 1 and isinstance(targets[0], ast.Name) and isinstance(value, ast.Constant)


def _sets_up(node: ast.stmt) -> bool:
    """Recognise imports, constants, and calls that only configure something."""
    if isinstance(node, ast.Import | ast.ImportFrom | ast.Pass) or _constant(node):
        return True
    if isinstance(node, ast.Try | ast.If):
        inside = [*node.body, *node.orelse]
        return all(map(_sets_up, inside))
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.Expr):
        calls = [_last(call.func) for call in _running([node])]
        shown = isinstance(node, ast.Expr) and not calls and not isinstance(node.value, ast.Constant)
        return not shown and all(activities.CONFIGURES.match(name) for name in calls)
    return False


_SHOWING = frozenset(
    {"head", "tail", "sample", "info", "describe", "display", "print", "summary", "round", "len", "type"}
)


def _shows(node: ast.stmt) -> bool:
    """Recognise `frame.head()` and its like, which leave nothing."""
    return isinstance(node, ast.Expr) and all(_last(call.func) in _SHOWING for call in _running([node]))


def _running(statements: Iterable[ast.stmt]) -> Iterator[ast.Call]:
    """Yield the calls that run with the cell, not those in the bodies of what it defines."""
    pending: list[ast.AST] = [*reversed(tuple(statements))]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            continue
        if isinstance(node, ast.Call):
            yield node
        pending.extend(ast.iter_child_nodes(node))


def _last(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _comment(source: str) -> str:
    first = next((line.strip() for line in source.splitlines() if line.strip()), "")
    return first.lstrip("#% -=") if first.startswith("#") else ""
