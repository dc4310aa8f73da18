"""Hint: what a notebook's code says of its rows beside their names: which class is looked for, which are alike."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import evolve, frozen

from nb2prod.candidates.candidate import Candidate
from nb2prod.candidates.confirmed import value_of
from nb2prod.candidates.expressions import called, names_in, text
from nb2prod.candidates.rows import count
from nb2prod.dataflow import parse
from nb2prod.pipeline import Pipeline
from nb2prod.stage import code


@frozen(kw_only=True)
class Hints:
    """Expressions over the notebook's names."""

    positive: str | None = None  # which of two classes its measures are told to look for
    groups: tuple[str, ...] = ()  # what keeps rows together when it splits them; the likeliest first

    @property
    def names(self) -> frozenset[str]:
        """Return the names that must still be there when the notebook has ended."""
        return frozenset(name for one in (self.positive or "", *self.groups) for name in names_in(one))


def of(pipeline: Pipeline) -> Hints:
    """Read the hints of a notebook; cells that cannot be parsed say nothing."""
    return hints(parse(code(item.cell)) for flow in pipeline.flows for item in flow.cells if item.fault is None)


def hints(trees: Iterable[ast.Module]) -> Hints:
    """Read the hints of parsed cells."""
    sought: list[str] = []
    groups: list[str] = []
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.Call):
            sought += [text(k.value) for k in node.keywords if k.arg == "pos_label"]
            groups += _groups(node)
        elif isinstance(node, ast.Assign | ast.For):  # the rows of a part, by their places
            target = node.target if isinstance(node, ast.For) else node.targets[0]
            made = node.iter if isinstance(node, ast.For) else node.value
            parts = [text(t) for t in target.elts] if isinstance(target, ast.Tuple) else []
            splits = [n for n in ast.walk(made) if isinstance(n, ast.Call)]
            groups += [f"({told})[{parts[-1]}]" for call in splits for told in _groups(call) if len(parts) == 2]
    one = set(sought)
    return Hints(positive=one.pop() if len(one) == 1 else None, groups=tuple(dict.fromkeys(reversed(groups))))


def hinted(found: Candidate, known: Hints, namespace: Mapping[str, Any]) -> Candidate:
    """Tell a candidate what the code says of its rows, as far as the values are of that kind."""
    if found.kind in {"ranking", "forecast"}:
        return found
    positive = value_of(known.positive, namespace)
    told = (_told(value_of(text, namespace), found.held.x) for text in known.groups)
    groups = next((one for one in told if one is not None), None)
    return evolve(found, positive=positive, held=evolve(found.held, groups=groups))


def _groups(node: ast.Call) -> list[str]:
    """Return what a call is told to keep together: `GroupKFold().split(X, y, groups)`."""
    named = [text(k.value) for k in node.keywords if k.arg == "groups"]
    third = node.args[2:3] if called(node) == "split" and isinstance(node.func, ast.Attribute) else []
    return named + [text(one) for one in third if not isinstance(one, ast.Constant)]


def _told(groups: Any, rows: Any) -> Any:
    """Return the group of each row, where groups can be told and are fewer than the rows."""
    import numpy as np
    import pandas as pd

    frames = (pd.DataFrame, pd.Series)
    if isinstance(groups, pd.Series) and isinstance(rows, frames) and groups.index.is_unique:
        groups = groups.reindex(rows.index) if rows.index.isin(groups.index).all() else None
    if groups is None or isinstance(groups, str) or np.ndim(groups) != 1 or len(groups) != count(rows):
        return None
    found = np.asarray(groups)
    return found if 1 < len(pd.unique(found)) < len(found) else None
