"""Preload: the imports of a notebook that one process may do ahead of all its stages.

Only libraries from a list are: they are slow to import, start no work of their own then, and may be used in a fork.
What is imported below a line that sets an environment variable is left out, since a library may read it.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from nb2prod.dataflow import Unparsable, parse
from nb2prod.stage import code

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nb2prod.notebook import Cell

LIBRARIES = frozenset({
    "PIL", "altair", "bs4", "joblib", "lightgbm", "lxml", "matplotlib", "mlxtend", "networkx", "numpy", "openpyxl",
    "pandas", "patsy", "plotly", "pyarrow", "pydantic", "requests", "scipy", "seaborn", "sklearn", "sqlalchemy",
    "statsmodels", "sympy", "xgboost",
})  # fmt: skip

_SETTERS = frozenset({"update", "setdefault", "pop", "popitem", "clear", "__setitem__", "__ior__"})
_FUNCTIONS = frozenset({"putenv", "unsetenv", "load_dotenv"})
_MAGICS = frozenset({"env", "set_env", "dotenv"})


def modules(cells: Iterable[Cell], more: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the modules to import ahead, dotted, in the order of their first import.

    `from a import b` gives `a` and `a.b`, which need not be a module.

    Args:
        cells: The code cells of a notebook, in order.
        more: Top-level packages that the user says may be imported ahead too.
    """
    allowed = LIBRARIES | set(more)
    found: dict[str, None] = {}
    for node in _nodes(cells):
        if _sets_environment(node):
            break
        for name in _imported(node):
            if name.partition(".")[0] in allowed:
                found.setdefault(name)
    return tuple(found)


def _nodes(cells: Iterable[Cell]) -> Iterator[ast.AST]:
    """Yield imports and what may set the environment, from top to bottom."""
    for cell in cells:
        try:
            tree = parse(code(cell))
        except Unparsable:
            continue
        wanted = (ast.Import, ast.ImportFrom, ast.Call, ast.Subscript, ast.Attribute, ast.AugAssign)
        yield from sorted((n for n in ast.walk(tree) if isinstance(n, wanted)), key=lambda n: (n.lineno, n.col_offset))


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names if alias.name != "*")


def _sets_environment(node: ast.AST) -> bool:
    if isinstance(node, ast.Subscript):
        return isinstance(node.ctx, ast.Store | ast.Del) and _is_environment(node.value)
    if isinstance(node, ast.AugAssign):
        return _is_environment(node.target)
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name in _SETTERS and isinstance(node.func, ast.Attribute):
        return _is_environment(node.func.value)
    if name in {"run_line_magic", "run_cell_magic"} and node.args:
        return isinstance(node.args[0], ast.Constant) and node.args[0].value in _MAGICS
    return name in _FUNCTIONS


def _is_environment(node: ast.AST) -> bool:
    """True for `os.environ` and `environ`."""
    return (node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")) == "environ"
