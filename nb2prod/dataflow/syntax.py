"""Syntax: a cell's source as a Python syntax tree, IPython's additions turned into Python by IPython itself."""

from __future__ import annotations

import ast
import re
import warnings
from functools import lru_cache
from typing import Any

from attrs import frozen

# Names under which IPython keeps what cells returned and said.
HISTORY = re.compile(r"_{1,3}|_i{1,3}|_i?\d+|_[oi]h|_dh|In|Out")


@frozen(kw_only=True)
class Unparsable(Exception):
    """The source is neither Python nor IPython."""

    reason: str
    line: int


@lru_cache(maxsize=4096)
def parse(source: str) -> ast.Module:
    """Return the tree of a cell; the same object for the same source, to be read only.

    Raises:
        Unparsable: Neither Python nor IPython can read it; has the reason and the line (from 1).
    """
    try:
        return _tree(source)
    except SyntaxError:
        # Only now, since IPython takes longer to import than most notebooks take to analyse.
        translated = _translate(source)
    try:
        return _tree(translated)
    except SyntaxError as wrong:
        raise Unparsable(reason=wrong.msg or "invalid syntax", line=_line(source, wrong)) from None


def _tree(source: str) -> ast.Module:
    with warnings.catch_warnings():
        # Invalid escapes and `is` with a literal warn while compiling; they are the kernel's to report.
        warnings.simplefilter("ignore")
        try:
            return ast.parse(source)
        except (RecursionError, MemoryError):
            raise Unparsable(reason="an expression is nested too deeply", line=1) from None
        except UnicodeEncodeError as wrong:
            line = source.count("\n", 0, wrong.start) + 1
            raise Unparsable(reason="it has half of a character (a lone surrogate)", line=line) from None
        except ValueError as wrong:  # such as a null byte
            raise Unparsable(reason=str(wrong), line=1) from None


def _line(source: str, wrong: SyntaxError) -> int:
    return min(max(wrong.lineno or 1, 1), source.count("\n") + 1)


@lru_cache(maxsize=1)
def _transformer() -> Any:
    from IPython.core.inputtransformer2 import TransformerManager

    return TransformerManager()


def _translate(source: str) -> str:
    try:
        return str(_transformer().transform_cell(source))
    except SyntaxError:
        return source


@frozen(kw_only=True)
class Magic:
    """A call that IPython made of a magic or a shell line."""

    kind: str  # run_cell_magic, run_line_magic, getoutput, system
    name: str
    line: str
    body: str = ""


def magic(node: ast.AST) -> Magic | None:
    """Return the magic behind `get_ipython().run_line_magic('time', …)` and its like, or None."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return None
    owner = node.func.value
    if not (isinstance(owner, ast.Call) and isinstance(owner.func, ast.Name) and owner.func.id == "get_ipython"):
        return None
    texts = [a.value if isinstance(a, ast.Constant) and isinstance(a.value, str) else "" for a in node.args]
    if node.func.attr in {"run_cell_magic", "run_line_magic"} and len(texts) >= 2:
        return Magic(kind=node.func.attr, name=texts[0], line=texts[1], body=texts[2] if len(texts) > 2 else "")
    if node.func.attr in {"getoutput", "system"} and texts:
        return Magic(kind=node.func.attr, name="", line=texts[0])
    return None


_INTERPOLATED = re.compile(r"(?<!\$)\$([A-Za-z_]\w*)|\{([^{}]+)\}")


def interpolated(line: str) -> list[ast.expr]:
    """Return the expressions that IPython puts into a shell or magic line: `$name` and `{expression}`."""
    found: list[ast.expr] = []
    for name, text in _INTERPOLATED.findall(line):
        try:
            found.append(ast.parse(name or text.strip(), mode="eval").body)
        except SyntaxError:
            continue  # braces of the shell's own, such as `{a,b}` or awk's
    return found
