"""Imports: the import statements of a cell as statements that can be run again elsewhere."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

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


def postpones(node: ast.ImportFrom) -> bool:
    """Tell whether annotations below are not evaluated (PEP 563); IPython lets that hold for the cells below too."""
    return node.module == "__future__" and any(alias.name == "annotations" for alias in node.names)
