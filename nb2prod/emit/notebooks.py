"""Notebooks: one runnable, papermill-ready document a stage, each going on where the one before it stopped."""

from __future__ import annotations

import ast
import json
import re
from typing import TYPE_CHECKING, Any

from attrs import evolve, field, frozen

from nb2prod.emit.draft import DEFINITION, called, is_parameters, uses
from nb2prod.emit.source import WIDTH
from nb2prod.stage import untagged

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from nb2prod.dataflow.stage_flow import StageFlow
    from nb2prod.emit.draft import Draft
    from nb2prod.emit.source import Statement
    from nb2prod.notebook import Cell
    from nb2prod.pipeline import Pipeline

_OURS = re.compile(r"^%(load_ext|reload_ext)\s+nb2prod\s*$\n?|^%(pipeline|ship)\b.*$\n?", re.MULTILINE)
_SESSION = re.compile(r"set\w*|use|reset_orig|rc|filterwarnings|simplefilter|basicConfig|register\w*|chdir|insert")
_MAGICS = re.compile(r"^%(?:matplotlib|config|precision|load_ext (?!nb2prod)|autoreload)\b.*$", re.MULTILINE)

PROJECT = """\
import os

if os.path.basename(os.getcwd()) == "notebooks":
    os.chdir("..")  # paths start in the project's folder
"""


@frozen(kw_only=True)
class Chapter:
    """The stages that become one notebook: a stage with the setup cells above it."""

    flows: tuple[StageFlow, ...]
    takes: tuple[str, ...] = ()  # values that the notebook before it left
    leaves: tuple[str, ...] = ()  # values for the notebooks after it
    unsure: frozenset[str] = field(factory=frozenset)  # left, but set on some paths only

    @property
    def name(self) -> str:
        """The stage's name."""
        return self.flows[-1].stage.name

    @property
    def code(self) -> Iterator[Cell]:
        """The code cells, in order."""
        return (cell for flow in self.flows for cell in flow.stage.code_cells)


@frozen(kw_only=True)
class _Book:
    draft: Draft
    chapters: tuple[Chapter, ...]
    folder: str  # the names of what the generated cells define, so that none of the notebook's is hidden
    load: str
    save: str
    seeded: bool


def notebooks(pipeline: Pipeline, draft: Draft) -> Iterator[tuple[str, str]]:
    """Yield file name and text of each stage's notebook, in the order in which they run."""
    folder, load, save = (_free(name, draft.bound) for name in ("artifacts", "load_artifacts", "save_artifacts"))
    chapters = _alive(_chapters(pipeline), draft)
    book = _Book(draft=draft, chapters=chapters, folder=folder, load=load, save=save, seeded=_seeded(draft))
    for number, chapter in enumerate(chapters):
        cells = list(_document(book, number, pipeline.notebook.name))
        yield f"{number + 1:02d}_{chapter.name}.ipynb", _text(cells, pipeline.notebook.kernel)


def _chapters(pipeline: Pipeline) -> tuple[Chapter, ...]:
    groups: list[list[StageFlow]] = []
    open_group: list[StageFlow] = []
    for flow in pipeline.flows:
        open_group.append(flow)
        if flow.stage.role != "setup":
            groups.append(open_group)
            open_group = []
    if open_group:
        groups.append(open_group)
    return tuple(Chapter(flows=tuple(group)) for group in groups)


def _alive(chapters: Sequence[Chapter], draft: Draft) -> tuple[Chapter, ...]:
    """Say which values each notebook takes and leaves: all that any notebook after it needs.

    They travel together, so that what shares objects still does, even when only one of the names is used.
    """
    found: list[Chapter] = []
    needed: set[str] = set()
    order = list(dict.fromkeys(name for c in chapters for flow in c.flows for name in flow.leaves))
    for position in reversed(range(len(chapters))):
        chapter = chapters[position]
        above = {n for other in chapters[:position] for flow in other.flows for n in flow.leaves}
        results = _models(chapter, draft) if position == len(chapters) - 1 else set()
        leaves, certain, reads = needed | results, set[str](), set[str]()
        for flow in chapter.flows:
            reads |= {name for name in flow.stage.reads if name not in certain}
            own = {name for s in draft.statements[flow.stage.name] for name in uses(s)}
            reads |= {name for called_one in called(draft.nested, own) for name in uses(draft.nested[called_one])}
            for item in flow.cells:
                certain = (certain | item.flow.definite) - set(item.flow.deletes)
        needed = {n for n in (reads | (leaves - certain)) & above if _travels(draft, n)}
        found.append(
            evolve(
                chapter,
                takes=tuple(n for n in order if n in needed),
                leaves=tuple(n for n in order if n in leaves),
                unsure=frozenset(leaves - certain - needed),
            )
        )
    return tuple(reversed(found))


def _models(chapter: Chapter, draft: Draft) -> set[str]:
    fitted = {fit.receiver for flow in chapter.flows for c in flow.cells for fit in c.flow.fits if fit.method == "fit"}
    return {name for name in fitted if name in draft.bound and _travels(draft, name)}


def _travels(draft: Draft, name: str) -> bool:
    """Tell whether a name goes from notebook to notebook as a value, not as source or as a parameter."""
    if name in draft.imports or name not in draft.bound or draft.bound[name] == {"parameter"}:
        return False
    said = draft.defined.get(name) or draft.nested.get(name)
    return said is None or isinstance(said.node, ast.ClassDef)


def _document(book: _Book, number: int, origin: str) -> Iterator[dict[str, Any]]:
    chapter, above = book.chapters[number], book.chapters[:number]
    yield _markdown("about", _about(book, number, origin))
    yield _code("project", PROJECT)
    parameters = _parameters(book, _needed_parameters(book, chapter))
    if not any(is_parameters(cell) for cell in chapter.code):
        yield parameters
    yield from _again(book, chapter, above)
    yield _code("tools", _tools(book))
    if above and (chapter.takes or book.seeded):
        yield _code("inputs", _loading(book, chapter, above[-1].name))
    for cell in (cell for c in above for flow in c.flows for cell in flow.stage.everywhere):
        yield from _as_it_is(cell)
    declared = False
    for cell in (cell for flow in chapter.flows for cell in flow.stage.cells):
        if is_parameters(cell):
            yield from [] if declared else [parameters]
            declared = True
        else:
            yield from _as_it_is(cell)
    if chapter.leaves or book.seeded:
        yield _code("outputs", _saving(book, chapter))


def _about(book: _Book, number: int, origin: str) -> str:
    chapter = book.chapters[number]
    lines = [f"# Stage {number + 1} of {len(book.chapters)}: `{chapter.name}`", "", f"Made from `{origin}`."]
    if chapter.takes:
        lines.append(f"Takes {_listed(chapter.takes)} from `{book.chapters[number - 1].name}`.")
    if chapter.leaves:
        lines.append(f"Leaves {_listed(chapter.leaves)}.")
    return "\n".join(lines)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _needed_parameters(book: _Book, chapter: Chapter) -> list[str]:
    known = book.draft.parameters
    reads = {name for flow in chapter.flows for name in flow.stage.reads}
    own = {name for flow in chapter.flows for s in book.draft.statements[flow.stage.name] for name in uses(s)}
    pending = [name for name in known if name in (reads | own) - set(chapter.takes)]
    found: set[str] = set()
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending.extend(other for other in uses(known[name]) if other in known)
    return [name for name in known if name in found]


def _parameters(book: _Book, names: Iterable[str]) -> dict[str, Any]:
    lines = [book.draft.parameters[name].text for name in names]
    lines.append(f'{book.folder} = "artifacts"  # the folder where stages leave what later ones read')
    return _code("parameters", "\n".join(lines), tags=["parameters"])


def _again(book: _Book, chapter: Chapter, above: Sequence[Chapter]) -> Iterator[dict[str, Any]]:
    """Yield a cell with what is said again: imports, session settings and functions of the stages above."""
    flows = [flow for other in above for flow in other.flows]
    if not flows:
        return
    statements = [s for flow in flows for s in book.draft.statements[flow.stage.name]]
    own = {name for flow in chapter.flows for s in book.draft.statements[flow.stage.name] for name in uses(s)}
    reads = own.union(*(flow.stage.reads for flow in chapter.flows))
    said = {**book.draft.defined, **book.draft.nested}
    source = {s for s in said.values() if s in statements and _registers(s, reads)}
    source |= {s for name, s in said.items() if name in reads and not isinstance(s.node, ast.ClassDef)}
    for _ in said:  # what they are made of, too
        source |= {said[name] for s in source for name in uses(s) if name in said}
    functions = [s for s in statements if s in source]
    settings = [s for s in statements if _sets_session(book.draft, s)]
    needed = reads.union(*(uses(s) for s in (*functions, *settings)))
    magics = [line for flow in flows for cell in flow.stage.code_cells for line in _MAGICS.findall(cell.source)]
    parts = [
        "\n".join(dict.fromkeys(magics)),
        book.draft.imports.lines(needed),
        "\n".join(s.text for s in settings),
        "\n\n".join(s.text for s in functions),
    ]
    if any(parts):
        yield _code("again", "# As in the stages above.\n" + "\n\n".join(filter(None, parts)))


def _registers(statement: Statement, reads: set[str]) -> bool:
    """Tell whether a definition is there for what its decorator does with it."""
    decorated = isinstance(statement.node, DEFINITION) and bool(statement.node.decorator_list)
    return decorated and not reads & set(statement.flow.binds)


def _sets_session(draft: Draft, statement: Statement) -> bool:
    """Tell whether a statement sets an option of an imported module: `pd.set_option(…)`, `plt.rcParams[…] = …`."""
    match statement.node:
        case ast.Expr(value=ast.Call(func=ast.Attribute() as func)):
            session = bool(_SESSION.fullmatch(func.attr)) or "rcParams" in ast.unparse(func)
            return _base(func) in draft.imports and session
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript() as target]):
            return _base(target) in draft.imports
    return False


def _base(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _seeded(draft: Draft) -> bool:
    """Tell whether the notebook seeds a global random generator, whose state must then go along."""
    nodes = (node for found in draft.statements.values() for s in found for node in ast.walk(s.node))
    calls = (node.func for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute))
    return any(func.attr == "seed" for func in calls)


def _tools(book: _Book) -> str:
    text = f'''\
def {book.load}(stage, *names):
    """Return values that an earlier stage left."""
    import pathlib

    import cloudpickle

    values = cloudpickle.loads(pathlib.Path({book.folder}, f"{{stage}}.pkl").read_bytes())
    return [values[name] for name in names]


def {book.save}(stage, **values):
    """Keep values for later stages; objects that they share stay shared."""
    import pathlib

    import cloudpickle

    pathlib.Path({book.folder}).mkdir(parents=True, exist_ok=True)
    pathlib.Path({book.folder}, f"{{stage}}.pkl").write_bytes(cloudpickle.dumps(values))
'''
    return text + (_RANDOM if book.seeded else "")


_RANDOM = '''

def random_state(state=None):
    """Return the state of the global random generators, or go on from one."""
    import random

    import numpy

    if state is not None:
        random.setstate(state[0])
        numpy.random.set_state(state[1])
    return random.getstate(), numpy.random.get_state()
'''


def _loading(book: _Book, chapter: Chapter, source: str) -> str:
    lines, items = [], [json.dumps(name) for name in (source, *chapter.takes)]
    if chapter.takes:
        left = ", ".join(chapter.takes) if len(chapter.takes) > 1 else f"({chapter.takes[0]},)"
        line = f"{left} = {book.load}({', '.join(items)})"
        if len(line) > WIDTH:
            line = "(\n" + "".join(f"    {name},\n" for name in chapter.takes) + f") = {_call(book.load, items, 4)}"
        lines.append(line)
    if book.seeded:
        lines.append(f'_ = random_state(*{book.load}("{source}", "random_state"))  # draw on from where it stopped')
    return "\n".join(lines)


def _saving(book: _Book, chapter: Chapter) -> str:
    items = [f'"{chapter.name}"']
    items += [f'{n}=globals().get("{n}")' if n in chapter.unsure else f"{n}={n}" for n in chapter.leaves]
    return _call(book.save, items + (["random_state=random_state()"] if book.seeded else []))


def _call(function: str, items: Sequence[str], used: int = 0) -> str:
    """Write a call as Black would."""
    line = f"{function}({', '.join(items)})"
    if len(line) + used <= WIDTH:
        return line
    together = f"    {', '.join(items)}"
    return (
        f"{function}(\n" + (together if len(together) <= WIDTH else ",\n".join(f"    {i}" for i in items) + ",") + "\n)"
    )


def _as_it_is(cell: Cell) -> Iterator[dict[str, Any]]:
    """Yield the user's cell without what only nb2prod understands."""
    if cell.kind != "code":
        yield {"cell_type": cell.kind, "id": cell.id, "metadata": {}, "source": _lines(cell.source)}
        return
    source = _OURS.sub("", untagged(cell.source)).strip("\n")
    if source.strip():
        tags = [tag for tag in cell.tags if not tag.startswith("stage:")]
        yield _code("", source, tags=tags, identity=cell.id)


def _code(role: str, source: str, *, tags: Sequence[str] = (), identity: str = "") -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": identity or f"stage-{role}",
        "metadata": {"tags": list(tags)} if tags else {},
        "outputs": [],
        "source": _lines(source.strip("\n")),
    }


def _markdown(role: str, source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": f"stage-{role}", "metadata": {}, "source": _lines(source)}


def _lines(source: str) -> list[str]:
    return source.splitlines(keepends=True)


def _text(cells: list[dict[str, Any]], kernel: str) -> str:
    metadata = {
        "kernelspec": {"display_name": kernel, "language": "python", "name": kernel},
        "language_info": {"name": "python"},
    }
    document = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _free(name: str, taken: Mapping[str, Any]) -> str:
    while name in taken:
        name += "_"
    return name
