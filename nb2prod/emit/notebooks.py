"""Notebooks: one runnable, papermill-ready document a stage."""

from __future__ import annotations

import ast
import json
import re
from typing import TYPE_CHECKING, Any

from attrs import frozen

from nb2prod.emit.draft import is_parameters, uses
from nb2prod.emit.source import WIDTH, wrapped
from nb2prod.stage import untagged

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from nb2prod.emit.draft import Draft
    from nb2prod.emit.source import Statement
    from nb2prod.notebook import Cell
    from nb2prod.pipeline import Pipeline, StageFlow
    from nb2prod.stage import Stage

_OURS = re.compile(r"^%(load_ext|reload_ext)\s+nb2prod\s*$\n?|^%(pipeline|ship)\b.*$\n?", re.MULTILINE)
_SESSION = re.compile(
    r"set_\w+|use|reset_orig|rc|filterwarnings|simplefilter|basicConfig|register_matplotlib_converters"
)


@frozen(kw_only=True)
class _Names:
    """What the generated cells call their own, chosen so that no name of the notebook is hidden."""

    folder: str
    load: str
    save: str


@frozen(kw_only=True)
class _Book:
    pipeline: Pipeline
    draft: Draft
    statements: dict[str, tuple[Statement, ...]]  # stage → its statements, in plain Python
    names: _Names
    seeded: bool

    @property
    def setups(self) -> frozenset[str]:
        """Return the stages whose cells run again in every notebook below them."""
        roles = {stage.role for stage in self.pipeline.stages}
        return (
            frozenset(s.name for s in self.pipeline.stages if s.role == "setup") if roles != {"setup"} else frozenset()
        )


def notebooks(
    pipeline: Pipeline, draft: Draft, everything: dict[str, tuple[Statement, ...]]
) -> Iterator[tuple[str, str]]:
    """Yield file name and text of each stage's notebook, in the order in which they run."""
    taken = draft.taken
    names = _Names(
        folder=_free("artifacts", taken), load=_free("load_artifacts", taken), save=_free("save_artifacts", taken)
    )
    book = _Book(pipeline=pipeline, draft=draft, statements=everything, names=names, seeded=_seeded(everything))
    flows = [flow for flow in pipeline.flows if flow.stage.name not in book.setups]
    for number, flow in enumerate(flows, start=1):
        cells = _document(book, flow, number, [other.stage.name for other in flows])
        yield f"{number:02d}_{flow.stage.name}.ipynb", _text(pipeline, cells)


def _document(book: _Book, flow: StageFlow, number: int, order: Sequence[str]) -> Iterator[dict[str, Any]]:
    stage = flow.stage
    above = list(book.pipeline.flows[: book.pipeline.flows.index(flow)])
    setups = [other for other in above if other.stage.name in book.setups]
    leading = [other for other in setups if not any(_between(book, above, other))]
    later = [other for other in setups if other not in leading]
    inputs = _inputs(book, [flow, *later])
    saved = _saved(book, flow)
    yield _markdown("about", _about(book, stage, f"{number} of {len(order)}", inputs, saved))
    yield _code("project", _PROJECT)
    yield from _opening(book, leading, _needed_parameters(book, [flow, *setups]))
    yield from _again(book, flow, [other for other in above if other not in setups])
    yield _code("tools", _tools(book))
    if inputs or book.seeded:
        yield _code("inputs", _loading(book, inputs, order[number - 2] if number > 1 else None))
    for cell in (*(cell for other in later for cell in other.stage.code_cells), *stage.cells):
        yield from () if is_parameters(cell) else _as_it_is(cell)
    if saved or book.seeded:
        yield _code("outputs", _saving(book, stage.name, saved))


def _opening(book: _Book, setups: Sequence[StageFlow], parameters: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield the setup cells, with the parameters where the notebook has them."""
    cells = [cell for other in setups for cell in other.stage.code_cells]
    declared = [cell for cell in cells if is_parameters(cell)][:1]
    if not declared:
        yield _parameters(book, parameters)
    for cell in cells:
        if cell in declared:
            yield _parameters(book, parameters)
        elif not is_parameters(cell):
            yield from _as_it_is(cell)


def _between(book: _Book, above: Sequence[StageFlow], setup: StageFlow) -> Iterator[bool]:
    for other in above[: above.index(setup)]:
        yield other.stage.name not in book.setups


_PROJECT = """\
import os

if os.path.basename(os.getcwd()) == "notebooks":
    os.chdir("..")  # paths start in the project's folder
"""


def _about(book: _Book, stage: Stage, where: str, inputs: dict[str, list[str]], saved: Sequence[str]) -> str:
    lines = [f"# Stage {where}: `{stage.name}`", "", f"Made from `{book.pipeline.notebook.name}`."]
    for source, names in inputs.items():
        lines.append(f"Reads {_listed(names)} from `{source}`.")
    if saved:
        lines.append(f"Leaves {_listed(saved)}.")
    return "\n".join(lines)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _functions(book: _Book) -> dict[str, Statement]:
    """Return the functions that later notebooks define again, instead of loading them with old globals."""
    found = {**book.draft.defined, **book.draft.nested}
    return {name: s for name, s in found.items() if isinstance(s.node, ast.FunctionDef | ast.AsyncFunctionDef)}


def _inputs(book: _Book, readers: Sequence[StageFlow]) -> dict[str, list[str]]:
    """Return for each stage above the names that are taken from it."""
    targets = {reader.stage.name for reader in readers}
    found: dict[str, list[str]] = {}
    for edge in book.pipeline.edges:
        if edge.target in targets and edge.source not in book.setups | targets:
            names = [name for name in edge.names if _travels(book, edge.source, name)]
            found[edge.source] = list(dict.fromkeys([*found.get(edge.source, []), *names]))
    return {source: names for source, names in found.items() if names}


def _travels(book: _Book, source: str, name: str) -> bool:
    """Tell whether a name goes from notebook to notebook as a value."""
    if name in book.draft.imports or name in _functions(book) or name not in book.draft.taken:
        return False
    return name not in book.draft.parameters or any(name in s.flow.binds for s in book.statements[source])


def _saved(book: _Book, flow: StageFlow) -> list[str]:
    stage = flow.stage.name
    targets = {edge.target for edge in book.pipeline.edges}
    read = {
        name
        for edge in book.pipeline.edges
        if edge.source == stage and edge.target in targets
        for name in edge.names
        if _travels(book, stage, name)
    }
    part = next((p for p in book.draft.parts if p.stage.name == stage), None)
    fitted = {f.receiver for c in flow.cells for f in c.flow.fits if f.method == "fit"}
    read |= fitted & set(part.gives if part else ())
    return [name for name in flow.leaves if name in read]


def _needed_parameters(book: _Book, flows: Sequence[StageFlow]) -> list[str]:
    known = book.draft.parameters
    pending = [name for flow in flows for name in {*flow.stage.reads, *_looked_up(book, flow)} if name in known]
    found: set[str] = set()
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending.extend(other for other in uses(known[name]) if other in known)
    return [name for name in known if name in found]


def _looked_up(book: _Book, flow: StageFlow) -> Iterator[str]:
    for statement in book.statements[flow.stage.name]:
        yield from uses(statement)


def _parameters(book: _Book, names: Iterable[str]) -> dict[str, Any]:
    lines = [book.draft.parameters[name].text for name in names]
    lines.append(f'{book.names.folder} = "artifacts"  # the folder where stages leave what later ones read')
    return _code("parameters", "\n".join(lines), tags=["parameters"])


def _again(book: _Book, flow: StageFlow, above: Sequence[StageFlow]) -> Iterator[dict[str, Any]]:
    """Yield a cell with what is said again: imports, session settings and functions of the stages above."""
    functions = {n: s for n, s in _functions(book).items() if any(s in book.statements[o.stage.name] for o in above)}
    registered = {
        name: s
        for name, s in book.draft.defined.items()
        if name not in flow.stage.reads and getattr(s.node, "decorator_list", ())
        if any(s in book.statements[o.stage.name] for o in above)
    }
    functions = {**functions, **registered}
    needed = [name for name in functions if name in flow.stage.reads or name in registered]
    settings = [s.text for o in above for s in book.statements[o.stage.name] if _sets_session(book, s)]
    texts = [s for o in above for s in book.statements[o.stage.name] if _sets_session(book, s)]
    read = {*flow.stage.reads, *(n for s in texts for n in uses(s)), *(n for f in needed for n in uses(functions[f]))}
    bound = {name for o in above for i in o.imports for name in i.names}
    imports = book.draft.imports.lines(name for name in read if name in bound)
    parts = [*([imports] if imports else []), *(["\n".join(settings)] if settings else [])]
    parts += ["\n\n".join(functions[name].text for name in needed)] if needed else []
    if parts:
        yield _code("again", "# As in the stages above.\n" + "\n\n".join(parts))


def _sets_session(book: _Book, statement: Statement) -> bool:
    """Tell whether a statement sets an option of an imported module: `pd.set_option(…)`, `plt.rcParams[…] = …`."""
    match statement.node:
        case ast.Expr(value=ast.Call(func=ast.Attribute() as func)):
            return _base(func) in book.draft.imports and (
                bool(_SESSION.fullmatch(func.attr)) or "rcParams" in ast.unparse(func)
            )
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript() as target]):
            return _base(target) in book.draft.imports
    return False


def _base(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _seeded(everything: dict[str, tuple[Statement, ...]]) -> bool:
    """Tell whether the notebook seeds a global random generator, whose state must then go along."""
    nodes = (node for found in everything.values() for s in found for node in ast.walk(s.node))
    calls = (node.func for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute))
    return any(func.attr == "seed" for func in calls)


def _tools(book: _Book) -> str:
    names = book.names
    random = _RANDOM if book.seeded else ""
    return (
        f"""\
def {names.load}(stage, *names):
    \"\"\"Return values that an earlier stage left.\"\"\"
    import pathlib

    import cloudpickle

    values = cloudpickle.loads(pathlib.Path({names.folder}, f"{{stage}}.pkl").read_bytes())
    return [values[name] for name in names]


def {names.save}(stage, **values):
    \"\"\"Keep values for later stages; objects they share stay shared.\"\"\"
    import pathlib

    import cloudpickle

    pathlib.Path({names.folder}).mkdir(parents=True, exist_ok=True)
    pathlib.Path({names.folder}, f"{{stage}}.pkl").write_bytes(cloudpickle.dumps(values))
"""
        + random
    )


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


def _loading(book: _Book, inputs: dict[str, list[str]], before: str | None) -> str:
    lines = []
    for source, names in inputs.items():
        left = ", ".join(names) if len(names) > 1 else f"({names[0]},)"
        line = f"{left} = {book.names.load}({', '.join(json.dumps(n) for n in (source, *names))})"
        items = [json.dumps(n) for n in (source, *names)]
        lines.append(line if len(line) <= WIDTH else wrapped(f"{left} = {book.names.load}(", items, ")"))
    if book.seeded and before is not None:
        lines.append(f'random_state({book.names.load}("{before}", "random_state")[0])  # draw on where it stopped')
    return "\n".join(lines)


def _saving(book: _Book, stage: str, names: Sequence[str]) -> str:
    items = [f'"{stage}"', *(f"{name}={name}" for name in names)]
    items += ["random_state=random_state()"] if book.seeded else []
    return wrapped(f"{book.names.save}(", items, ")")


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


def _text(pipeline: Pipeline, cells: Iterable[dict[str, Any]]) -> str:
    kernel = pipeline.notebook.kernel
    document = {
        "cells": list(cells),
        "metadata": {
            "kernelspec": {"display_name": kernel, "language": "python", "name": kernel},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _free(name: str, taken: Iterable[str]) -> str:
    while name in set(taken):
        name += "_"
    return name
