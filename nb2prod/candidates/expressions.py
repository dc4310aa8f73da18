"""Expression: what a piece of a notebook's code says by itself: which names it reads, what it calls, with what."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

# Arguments by name, in the order in which scikit-learn's methods and those like them take them.
KNOWN = (
    "estimator", "X", "data", "dtrain", "train_set", "y", "label", "y_true", "y_pred", "y_score", "exog", "steps",
)  # fmt: skip


def names_in(text: str) -> frozenset[str]:
    """Return the names that an expression reads; none of what is no expression."""
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError):
        return frozenset()
    return frozenset(n.id for n in ast.walk(tree) if isinstance(n, ast.Name))


def called(node: ast.expr) -> str:
    """Return the last name of the function that a call calls, or an empty text."""
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else text(node.func)


def arguments(node: ast.Call) -> list[ast.expr]:
    """Return what a call is given, in the order scikit-learn's methods take it."""
    named: Mapping[str | None, ast.expr] = {k.arg: k.value for k in node.keywords}
    return [a for a in node.args if not isinstance(a, ast.Starred)] + [named[k] for k in KNOWN if k in named]


def root(node: ast.expr) -> str | None:
    """Return the name that an expression goes out from: `models` of `models.items()` or `enumerate(models)`."""
    while not isinstance(node, ast.Name):
        if isinstance(node, ast.Attribute | ast.Subscript):
            node = node.value
        elif isinstance(node, ast.Call):
            node = node.func.value if isinstance(node.func, ast.Attribute) else next(iter(node.args), node.func)
        else:
            return None
    return node.id


def parts_of(node: ast.expr) -> Iterator[str]:
    """Yield the names that a value is, or that stand in it: in a tuple, a list or a dictionary."""
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Tuple | ast.List | ast.Dict):
        for one in node.values if isinstance(node, ast.Dict) else node.elts:
            yield from parts_of(one)


def bound(loop: ast.AST) -> Iterator[str]:
    """Yield the names that a loop, or a target, binds."""
    yield from (n.id for n in ast.walk(loop) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))


def simple(node: ast.expr) -> bool:
    """Say whether labels are named as they are, and not changed on the way (`y == "yes"`)."""
    return isinstance(node, ast.Name | ast.Subscript | ast.Attribute)


def text(node: ast.expr) -> str:
    """Write an expression as code."""
    return ast.unparse(node)
