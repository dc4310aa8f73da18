"""Magics: what IPython's magic and shell lines do to names, as Python statements."""

from __future__ import annotations

import ast
import itertools
import re
from typing import TYPE_CHECKING

from nb2prod.dataflow.syntax import Magic, Unparsable, interpolated, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Line magics that set up the session, and must do so in each process.
SESSION = frozenset({
    "alias", "alias_magic", "autoreload", "config", "load_ext", "matplotlib", "precision", "pylab", "reload_ext",
    "xmode",
})  # fmt: skip
# Magics after which names may be anything, or that look at all of them.
OPAQUE = frozenset(
    {"edit", "load", "macro", "pylab", "recall", "rerun", "reset", "reset_selective", "run", "who", "who_ls", "whos"}
)
# Cell magics whose body is Python that runs in the notebook's namespace.
CODE = frozenset({"capture", "memit", "mprun", "prun", "pyinstrument", "snakeviz", "stage", "time", "timeit"})
# Cell magics whose body IPython hands on as it is; of others it may put values into it.
VERBATIM = frozenset({
    "HTML", "SVG", "bash", "cmd", "file", "html", "javascript", "js", "latex", "markdown", "perl", "pypy", "python",
    "python2", "python3", "ruby", "script", "sh", "svg", "writefile",
})  # fmt: skip
_INPUTS = frozenset({"hist", "history", "macro", "recall", "rerun", "save"})  # they look at what was typed above
_HELP = frozenset({"pdef", "pdoc", "pfile", "pinfo", "pinfo2", "psource"})
_TIMED = re.compile(r"^(\s*-\w+(\s*\d+)?)*\s*")


def statements(found: Magic) -> Iterator[tuple[int, list[ast.stmt]]]:
    """Yield what a magic does to names, with the number of lines of the magic that stand above."""
    cell = found.kind == "run_cell_magic"
    if found.name not in CODE:
        text = found.line + found.body if cell and found.name not in VERBATIM else found.line
        yield 0, [ast.Expr(expression) for expression in interpolated(text)]
    if cell and found.name in CODE:
        # `%%time` and its like run their body in the notebook's namespace; %%timeit's stays its own.
        if found.name == "timeit":
            yield 0, _parsed(_TIMED.sub("", found.line))
        yield 1, _parsed(found.body)
        yield 0, _bind(found.line.split() if found.name == "capture" else ())
    elif cell:
        yield 0, _bind(_script_results(found.line))
    elif found.kind == "run_line_magic":
        if found.name in {"time", "timeit"}:
            yield 0, _parsed(_TIMED.sub("", found.line))
        if found.name == "xdel":
            yield 0, _parsed(f"del {found.line.split()[-1]}" if found.line.split() else "")
        names = ["In"] if found.name in _INPUTS else [found.line] if found.name in _HELP else []
        yield 0, [ast.Expr(ast.Name(id=name, ctx=ast.Load(), lineno=1)) for name in names if name.isidentifier()]


def _parsed(source: str) -> list[ast.stmt]:
    try:
        return parse(source).body
    except Unparsable:
        return []


def _bind(names: Iterable[str]) -> list[ast.stmt]:
    return [
        ast.Assign(targets=[ast.Name(id=name, ctx=ast.Store(), lineno=1)], value=ast.Constant(value=None), lineno=1)
        for name in names
        if name.isidentifier()
    ]


def _script_results(line: str) -> list[str]:
    """Return the names that `%%bash --out name --err name` and its like bind."""
    words = line.replace("=", " ").split()
    return [name for flag, name in itertools.pairwise(words) if flag in {"--out", "--err", "--proc"}]
