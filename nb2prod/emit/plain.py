"""Plain Python: what IPython's syntax means, said without IPython."""

from __future__ import annotations

import ast
import re
import textwrap
from typing import TYPE_CHECKING

from attrs import define, frozen

from nb2prod.dataflow.syntax import interpolated, magic
from nb2prod.errors.base import NotebookError, Place
from nb2prod.stage import code

if TYPE_CHECKING:
    from nb2prod.dataflow.syntax import Magic
    from nb2prod.notebook import Cell

# They show something or set up the session: a module needs none of them.
DROPPED = frozenset(
    [
        "autoreload",
        "alias",
        "colors",
        "conda",
        "config",
        "debug",
        "doctest_mode",
        "history",
        "load_ext",
        "logstart",
        "lsmagic",
        "lprun",
        "matplotlib",
        "memit",
        "mamba",
        "mprun",
        "pdb",
        "pdoc",
        "pfile",
        "pinfo",
        "pinfo2",
        "pip",
        "pipeline",
        "precision",
        "prun",
        "psource",
        "quickref",
        "reload_ext",
        "reset_selective",
        "ship",
        "timeit",
        "uv",
        "who",
        "who_ls",
        "whos",
        "xmode",
    ]
)
RUN_AS_IS = frozenset({"time", "capture", "memit", "snakeviz", "pyinstrument", "scalene"})
SHOWN = frozenset({"html", "HTML", "javascript", "js", "latex", "markdown", "svg", "SVG", "timeit", "prun"})
SHELLS = frozenset({"bash", "sh"})


@define
class CannotExtract(NotebookError):
    """A cell does something that a module cannot do."""

    where: Place
    what: str
    advice: str

    code = "NB190"

    @property
    def message(self) -> str:
        """What happened."""
        return f"{self.what} cannot become part of a Python function."

    @property
    def cure(self) -> str:
        """What to do about it."""
        return self.advice

    @property
    def place(self) -> Place:
        """Where in the notebook."""
        return self.where


@frozen(kw_only=True)
class Plain:
    """A cell's source in plain Python, and the modules that its translation uses."""

    source: str
    imports: frozenset[str] = frozenset()


def plain(cell: Cell, stage: str) -> Plain:
    """Translate a cell.

    Raises:
        CannotExtract: A magic has no meaning outside IPython, or the cell is neither Python nor IPython.
    """
    return _Translation(cell, stage).of(code(cell))


@define
class _Translation:
    cell: Cell
    stage: str

    def of(self, source: str) -> Plain:
        try:
            tree = ast.parse(source)
        except SyntaxError:
            return self._translated(source)
        return Plain(source=_as_main(source, tree))

    def _translated(self, source: str) -> Plain:
        from IPython.core.inputtransformer2 import TransformerManager

        try:
            text = TransformerManager().transform_cell(source)
            tree = ast.parse(text)
        except SyntaxError as wrong:
            raise self._refused("A cell that is not valid Python", "Mend the syntax error.", wrong.lineno) from None
        if len(tree.body) == 1 and (whole := _call(tree.body[0])) and whole.kind == "run_cell_magic":
            return self._cell_magic(whole)
        above = len(source) - len(source.lstrip("\n"))  # blank lines that IPython takes away
        lines, imports = text.splitlines(), set[str]()
        alone = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in reversed([n for n in ast.walk(tree) if isinstance(n, ast.Call) and magic(n)]):
            found = magic(node)
            assert found is not None
            new, needs = self._line(found, node.lineno + above)
            if node not in alone and (new == "pass" or "] = " in new):
                raise self._refused(f"The value of `%{found.name}`", self._cure(found.name), node.lineno + above)
            imports |= needs
            line = lines[node.lineno - 1].encode()
            lines[node.lineno - 1] = (line[: node.col_offset] + new.encode() + line[node.end_col_offset :]).decode()
        return Plain(source=_without_nothing("\n".join(lines)), imports=frozenset(imports))

    def _line(self, found: Magic, line: int) -> tuple[str, set[str]]:
        """Return the Python that a line magic or shell line stands for."""
        command = _text(found.line)
        if found.kind == "getoutput":
            run = f"subprocess.run({command}, shell=True, capture_output=True, text=True)"
            return f"{run}.stdout.splitlines()", {"subprocess"}
        if found.kind == "system":
            if re.match(r"\s*(python -m )?(pip|conda|mamba|uv)\s", found.line):
                return "pass", set()
            return f"subprocess.run({command}, shell=True)", {"subprocess"}
        if found.name == "time":
            return self.of(found.line).source.strip(), set()
        if found.name == "cd":
            folder = re.sub(r"^-q\s+", "", found.line).strip()
            return f"os.chdir({_text(folder)})", {"os"}
        if found.name in {"env", "set_env"} and (given := re.fullmatch(r"(\w+)[= ]\s*(.*)", found.line)):
            return f"os.environ[{_quoted(given[1])}] = {_text(given[2])}", {"os"}
        if found.name in DROPPED:
            return "pass", set()
        raise self._refused(f"`%{found.name}`", self._cure(found.name), line)

    def _cell_magic(self, found: Magic) -> Plain:
        if found.name in RUN_AS_IS:
            return self.of(found.body)
        if found.name in SHOWN:
            return Plain(source="")
        if found.name in SHELLS and not found.line.strip():
            text = _block(found.body)
            return Plain(
                source=f'subprocess.run(["{found.name}"], input={text}, text=True, check=True)',
                imports=frozenset({"subprocess"}),
            )
        if found.name == "writefile" and "-a" not in found.line.split():
            text = f"pathlib.Path({_text(found.line.strip())}).write_text({_block(found.body)})"
            return Plain(source=text, imports=frozenset({"pathlib"}))
        raise self._refused(f"`%%{found.name}`", self._cure(found.name), 1)

    def _cure(self, name: str) -> str:
        if name == "run":
            return "Import what the file defines instead: `from file import name`."
        if name == "pylab":
            return "Import numpy and matplotlib.pyplot by name instead."
        return "Say it in Python, or tag the cell 'skip' if the pipeline does not need it."

    def _refused(self, what: str, advice: str, line: int | None) -> CannotExtract:
        place = Place(cell=self.cell.index, cell_id=self.cell.id, line=line, stage=self.stage)
        return CannotExtract(place, what, advice)


def _as_main(source: str, tree: ast.Module) -> str:
    """Take the body out of `if __name__ == "__main__":`, which is true in a notebook and would not be in a module."""
    lines = source.splitlines()
    for node in reversed(tree.body):
        if isinstance(node, ast.If) and not node.orelse and ast.unparse(node.test) == "__name__ == '__main__'":
            first, last = node.body[0].lineno, node.end_lineno
            if first > node.lineno:
                lines[node.lineno - 1 : last] = textwrap.dedent("\n".join(lines[first - 1 : last])).splitlines()
    return "\n".join(lines)


def _call(node: ast.stmt) -> Magic | None:
    return magic(node.value) if isinstance(node, ast.Expr) else None


def _without_nothing(text: str) -> str:
    """Take out the top-level `pass` lines that dropped magics leave."""
    return "\n".join(line for line in text.splitlines() if line != "pass").strip("\n")


def _text(command: str) -> str:
    """Write a command as a string, as an f-string where IPython would put in values."""
    if not interpolated(command):
        return _quoted(command)
    named = re.sub(r"(?<!\$)\$([A-Za-z_]\w*)", r"{\1}", command)
    return "f" + _quoted(named)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _block(text: str) -> str:
    if "\\" in text or '"""' in text or text.rstrip("\n").endswith('"'):
        return repr(text)
    return f'"""\\\n{text}"""'
