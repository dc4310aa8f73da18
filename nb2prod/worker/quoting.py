"""Quoting: functions that arrive from cells above get back the lines that defined them.

They travel without the name of their file, in which IPython puts the process. Here they get the name that this process
gives their cell, so that tracebacks and `inspect.getsource` quote the cell as if it had run here.
"""

from __future__ import annotations

import ast
import re
import types
from typing import TYPE_CHECKING, Any

from nb2prod.formats.objects import FILE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Places = dict[str, tuple[str, int]]  # qualified name → file and line of a definition

_SEVERAL = 3  # nesting of wrappers and classes that is looked into


def locate(shell: Any, cells: Sequence[str]) -> None:
    """Tell the functions in the namespace of `shell` where they were defined.

    Args:
        shell: An IPython shell.
        cells: Sources of all the cells that ran above, in their order.
    """
    found = [function for value in list(shell.user_ns.values()) for function in _functions(value)]
    names = {function.__code__.co_qualname.partition(".")[0] for function in found}
    if not names:
        return
    defines = re.compile(
        rf"^\s*(?:async\s+def|def|class)\s+(?:{'|'.join(map(re.escape, sorted(names)))})\b", re.MULTILINE
    )
    places: Places = {}
    for number, source in enumerate(cells, start=1):
        if defines.search(source):
            places |= _places(shell, number, source)
    for function in found:
        place = places.get(function.__code__.co_qualname)
        if place is not None:
            function.__code__ = _placed(function.__code__, *place)


def _functions(value: Any, depth: int = _SEVERAL) -> Iterator[types.FunctionType]:
    """Yield what a value has of functions that came from elsewhere: itself, what it wraps, the methods of its class."""
    if depth == 0:
        return
    if isinstance(value, types.FunctionType):
        if value.__code__.co_filename == FILE:
            yield value
            yield from _functions(getattr(value, "__wrapped__", None), depth - 1)
    elif isinstance(value, type):
        if value.__module__ == "__main__":
            for member in vars(value).values():
                yield from _functions(_unbound(member), depth - 1)
    elif type(value).__module__ == "__main__":
        yield from _functions(type(value), depth)


def _unbound(member: Any) -> Any:
    return getattr(member, "__func__", getattr(member, "fget", getattr(member, "func", member)))


def _places(shell: Any, number: int, source: str) -> Places:
    code = shell.transform_cell(source)
    try:
        statements = ast.parse(code).body
    except SyntaxError:  # its definitions came some other way
        return {}
    file = shell.compile.cache(code, number, raw_code=source)
    return {name: (file, line) for name, line in _definitions(statements, "")}


def _definitions(statements: Sequence[ast.stmt], above: str) -> Iterator[tuple[str, int]]:
    for statement in statements:
        for node in ast.walk(statement) if not isinstance(statement, _DEFINITIONS) else [statement]:
            if isinstance(node, ast.ClassDef):
                yield from _definitions(node.body, f"{above}{node.name}.")
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                # Code begins where its decorators do.
                yield f"{above}{node.name}", min((d.lineno for d in node.decorator_list), default=node.lineno)
                yield from _definitions(node.body, f"{above}{node.name}.<locals>.")


_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _placed(code: types.CodeType, file: str, line: int) -> types.CodeType:
    below = line - code.co_firstlineno
    constants = tuple(
        _placed(c, file, c.co_firstlineno + below) if isinstance(c, types.CodeType) else c for c in code.co_consts
    )
    return code.replace(co_filename=file, co_firstlineno=line, co_consts=constants)
