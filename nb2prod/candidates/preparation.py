"""Preparation: what a notebook does to rows before its model gets them; a service of the model alone does not."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from attrs import define, field, frozen

from nb2prod.candidates.clue import Clue
from nb2prod.candidates.expressions import called, root, text
from nb2prod.dataflow import parse
from nb2prod.pipeline import Pipeline
from nb2prod.stage import code

TRANSFORMS = frozenset({"transform", "fit_transform"})
DUMMIES = frozenset({"get_dummies", "factorize"})
OWN = re.compile(r"feature|prep|clean|encod|transform|engineer|scale|normali[sz]e", re.IGNORECASE)


@frozen(kw_only=True)
class Preparation:
    """What made rows, and labels, of others: names or calls, as the notebook has them."""

    rows: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


def of(pipeline: Pipeline, clue: Clue) -> Preparation:
    """Say what a notebook does to the rows that a model learns from, by its code."""
    cells = [item for flow in pipeline.flows for item in flow.cells if item.fault is None]
    return preparation((parse(code(item.cell)) for item in cells), clue)


def preparation(cells: Iterable[ast.Module], clue: Clue) -> Preparation:
    """Likewise, of cells in their order."""
    reader = Reader()
    for tree in cells:
        reader.visit(tree)
    if not clue.train:
        return Preparation()
    pair = clue.train[0]
    rows, labels = (reader.makers(ast.parse(one or "None", mode="eval")) for one in (pair.rows, pair.labels))
    return Preparation(rows=rows, labels=tuple(one for one in labels if one not in rows))


@define
class Reader(ast.NodeVisitor):
    """Follow values from name to name."""

    made: dict[str, tuple[str, ...]] = field(factory=dict)  # name -> what made its value of another
    own: set[str] = field(factory=set)  # functions of the notebook that prepare, by their names

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """Note a function; what it does inside is its own."""
        if OWN.search(node.name):
            self.own.add(node.name)

    def visit_Assign(self, node: ast.Assign) -> None:
        """Note what a name is made of."""
        target, makers = node.targets[0], self.makers(node.value)
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Call):
            split = called(node.value) == "train_test_split"
            for place, one in enumerate(target.elts):
                parts = node.value.args[place // 2 : place // 2 + 1] if split else [node.value]
                self._put(one, tuple(maker for part in parts for maker in self.makers(part)))
        else:
            self._put(target, makers)

    def makers(self, value: ast.AST) -> tuple[str, ...]:
        """Return what made an expression, and what it goes out from, of other rows."""
        found: dict[str, None] = {}
        for node in ast.walk(value):
            if isinstance(node, ast.Name):
                found |= dict.fromkeys(self.made.get(node.id, ()))
            elif isinstance(node, ast.Call) and (maker := self._maker(node)):
                found[maker] = None
        return tuple(found)

    def _maker(self, node: ast.Call) -> str | None:
        if called(node) in TRANSFORMS and isinstance(node.func, ast.Attribute):
            return text(node.func.value)
        if called(node) in DUMMIES or (isinstance(node.func, ast.Name) and node.func.id in self.own):
            return text(node.func)
        return None

    def _put(self, target: ast.expr, makers: tuple[str, ...]) -> None:
        name = root(target)
        if name is not None:
            before = () if isinstance(target, ast.Name) else self.made.get(name, ())
            self.made[name] = (*before, *(one for one in makers if one not in before))
