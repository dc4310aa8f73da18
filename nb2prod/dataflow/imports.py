"""Imports: the import statements of a cell as statements that can be run again elsewhere."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from nb2prod.dataflow.binding import is_stored
from nb2prod.dataflow.flow import Import

if TYPE_CHECKING:
    from collections.abc import Iterator


def of_import(node: ast.Import) -> Iterator[Import]:
    """Yield one import for each name that `import a.b, c as d` binds; each carries the whole statement."""
    for alias in node.names:
        root = alias.name.split(".")[0]
        yield Import(names=(alias.asname or root,), code=ast.unparse(node), root=root, line=node.lineno)


def of_import_from(node: ast.ImportFrom) -> Import:
    """Return what `from a import b as c` binds; nothing is known of `from a import *`."""
    star = node.names[0].name == "*"
    names = () if star else tuple(alias.asname or alias.name for alias in node.names)
    root = (node.module or ".").split(".")[0]
    return Import(names=names, code=ast.unparse(node), root=root, line=node.lineno, star=star)


def of_try(node: ast.Try | ast.TryStar) -> Import | None:
    """Return `try: import a / except ImportError: a = None` whole, since one branch alone means something else.

    None when the statement does more than import and assign.
    """
    parts = [*node.body, *(s for h in node.handlers for s in h.body), *node.orelse, *node.finalbody]
    found = [p for p in parts if isinstance(p, ast.Import | ast.ImportFrom)]
    simple = (ast.Import, ast.ImportFrom, ast.Pass, ast.Assign)
    if not found or not all(isinstance(part, simple) for part in parts):
        return None
    assigned = {n.id for p in parts for n in ast.walk(p) if isinstance(n, ast.Name) and is_stored(n)}
    imported = {alias.asname or alias.name.split(".")[0] for item in found for alias in item.names}
    first = found[0]
    root = first.names[0].name if isinstance(first, ast.Import) else first.module or "."
    return Import(
        names=tuple(sorted(assigned | imported)), code=ast.unparse(node), root=root.split(".")[0], line=node.lineno
    )
