"""Statement: a piece of a cell's source that can be moved, with its comments."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from typing import TYPE_CHECKING

from attrs import frozen

from nb2prod import dataflow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from nb2prod.dataflow import Flow
    from nb2prod.notebook import Cell

WIDTH = 120


@frozen(kw_only=True, eq=False)
class Statement:
    """One top-level statement of a cell, with the comments above it."""

    cell: Cell
    node: ast.stmt
    text: str
    flow: Flow
    apart: bool  # a blank line stood above it


def statements(cell: Cell, source: str) -> tuple[Statement, ...]:
    """Cut plain Python into its top-level statements; a comment belongs to the statement below it."""
    lines = source.splitlines()
    cut: list[tuple[ast.stmt, list[str], str]] = []
    done = 0  # lines that have been given to a statement
    for node in ast.parse(source).body:
        first, last = _first_line(node), node.end_lineno or node.lineno
        above = lines[done : first - 1]
        code = _shared(source, node) if first <= done or _crowded(lines[last - 1], node) else None
        code = code or "\n".join(lines[first - 1 : last])
        cut.append((node, above, code))
        done = max(done, last)
    rest = "\n".join(lines[done:]).strip("\n")
    return tuple(
        Statement(
            cell=cell,
            node=node,
            text="\n".join([*_comments(above), code] + ([rest] if rest and position == len(cut) - 1 else [])),
            flow=dataflow.analyse(code),
            apart=bool(above) and not above[0].strip(),
        )
        for position, (node, above, code) in enumerate(cut)
    )


def _first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(d.lineno for d in decorators)])


def _crowded(line: str, node: ast.stmt) -> bool:
    """Tell whether something other than a comment follows the statement on its last line."""
    rest = line.encode()[node.end_col_offset or 0 :].decode().strip()
    return rest.startswith(";")


def _shared(source: str, node: ast.stmt) -> str:
    return ast.get_source_segment(source, node) or ast.unparse(node)


def _comments(lines: Sequence[str]) -> list[str]:
    text = "\n".join(lines).strip("\n")
    return [line for line in text.splitlines() if line.strip() not in {"", ";"}] if text else []


def protected(text: str) -> frozenset[int]:
    """Return the numbers (from 1) of lines that begin inside a string, and so must keep their indentation."""
    found: set[int] = set()
    opened: list[int] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        kind = tokenize.tok_name[token.type]
        if kind in {"FSTRING_START", "TSTRING_START"}:
            opened.append(token.start[0])
        elif kind in {"FSTRING_END", "TSTRING_END"}:
            found.update(range(opened.pop() + 1, token.end[0] + 1))
        elif kind == "STRING":
            found.update(range(token.start[0] + 1, token.end[0] + 1))
    return frozenset(found)


def indented(text: str, by: str = "    ") -> str:
    """Indent code, but not the insides of its strings; runs of blank lines become one."""
    kept = protected(text)
    lines: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if number in kept:
            lines.append(line)
        elif line.strip():
            lines.append(by + line)
        elif lines and lines[-1]:
            lines.append("")
    return "\n".join(lines)


def body(parts: Iterable[Statement]) -> str:
    """Join statements as they stood: a blank line where there was one, between cells, and around definitions."""
    text: list[str] = []
    before: Statement | None = None
    for part in parts:
        if before is not None:
            block = any(
                isinstance(p.node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) for p in (before, part)
            )
            text.append("" if part.apart or block or part.cell.index != before.cell.index else None)  # type: ignore[arg-type]
        text.append(part.text)
        before = part
    return "\n".join(line for line in text if line is not None)


def wrapped(head: str, items: Sequence[str], tail: str, indent: str = "") -> str:
    """Write `head item, item tail` on one line or, when it is too long, broken as Black would."""
    line = indent + head + ", ".join(items) + tail
    if len(line) <= WIDTH or not items:
        return line
    inner = indent + "    "
    together = inner + ", ".join(items)
    fits = len(together) <= WIDTH and not any(item.startswith("*") for item in items[:-1]) and head.startswith("def ")
    middle = together if fits else "\n".join(f"{inner}{item}," if item != "/" else f"{inner}/," for item in items)
    return f"{indent}{head}\n{middle}\n{indent}{tail}"


def outer_to_enclosing(text: str) -> str:
    """Turn `global x` of a function into `nonlocal x`, for a function that has moved into another one."""
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Global):
            lines[node.lineno - 1] = re.sub(r"\bglobal\b", "nonlocal", lines[node.lineno - 1], count=1)
    return "\n".join(lines)


def names_of(targets: Iterable[ast.expr]) -> Iterator[str]:
    """Yield the plain names that assignment targets bind."""
    for target in targets:
        match target:
            case ast.Name(id=name):
                yield name
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                yield from names_of(parts)
            case ast.Starred(value=value):
                yield from names_of([value])
