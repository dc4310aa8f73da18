"""Product: the tables and figures that a notebook without a model ends with, as its code and outputs tell them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import frozen

from nb2prod.dataflow import Unparsable, parse
from nb2prod.stage import code

if TYPE_CHECKING:
    from nb2prod.dataflow.stage_flow import StageFlow
    from nb2prod.pipeline import Pipeline

PUBLISH = "publish"  # the name of a stage whose tables and figures are the product, whatever else there is
# What shows a frame without becoming another one.
SHOWS = frozenset({"head", "tail", "style", "format", "round", "plot", "bar", "barh", "line", "area", "scatter"})
# In the order in which a browser likes them; a figure in JSON is drawn by its own library.
FORMS: Mapping[str, tuple[str, ...]] = {
    "svg": ("image/svg+xml",),
    "png": ("image/png",),
    "json": ("application/vnd.plotly.v1+json", "application/vnd.vegalite"),
}
LARGE = 20 * 2**20  # bytes of a figure: more is no picture for people


@frozen(kw_only=True)
class Named:
    """What the code says may be published, likeliest first."""

    tables: tuple[str, ...]
    read: tuple[str, ...]  # by the last stages, where these neither show nor leave a table
    stages: tuple[str, ...]  # whose figures are meant
    asked: bool  # by the user, and not guessed


@frozen(kw_only=True)
class Figure:
    """A picture that a cell has drawn."""

    name: str
    title: str
    cell: int
    forms: Mapping[str, bytes]  # svg, png, json


def named(line: Pipeline) -> Named:
    """Say what a notebook's code would publish."""
    said = chosen(line)
    publishing = [flow for flow in line.flows if flow.stage.name == PUBLISH]
    final = publishing or list(_final(line))
    made = {name for flow in line.flows for name in flow.leaves}
    made -= {name for flow in line.flows for one in flow.imports for name in one.names}
    shown = [name for flow in final for name in _shown(flow) if name in made]
    passing = {name for flow in final for name in _passing(flow)}
    left = [name for flow in final for name in flow.leaves if not name.startswith("_") and name not in passing]
    # What a last stage only reads may be raw data that nobody meant to publish; it is all there is in one that draws.
    read = [] if said else [name for flow in final for name in flow.reads if name in made]
    return Named(
        tables=said or tuple(dict.fromkeys(name for name in [*shown, *left] if name in made)),
        read=tuple(dict.fromkeys(read)),
        stages=tuple(flow.stage.name for flow in final),
        asked=bool(said or publishing),
    )


def chosen(line: Pipeline) -> tuple[str, ...]:
    """Return the tables that the user named: on a stage, or in the notebook's metadata."""
    texts = [str(stage.options["tables"]) for stage in line.stages if stage.options.get("tables")]
    given = line.notebook.metadata.get("tables", ())
    listed = [given] if isinstance(given, str) else [one for one in given if isinstance(one, str)]
    return tuple(dict.fromkeys(name.strip() for text in [*texts, *listed] for name in text.split(",") if name.strip()))


def _final(line: Pipeline) -> Iterator[StageFlow]:
    """Yield the stages that no other one needs."""
    needed = {edge.source for edge in line.edges}
    stages = [flow for flow in line.flows if flow.stage.role not in {"setup", "parameters"}]
    found = [flow for flow in stages if flow.stage.name not in needed]
    yield from found or list(line.flows)[-1:]


def _bodies(flow: StageFlow) -> Iterator[list[ast.stmt]]:
    for item in flow.cells:
        try:
            yield parse(code(item.cell)).body
        except Unparsable:
            continue


def _passing(flow: StageFlow) -> Iterator[str]:
    """Yield the names that loops of a stage bind on each turn."""
    loops = (n for body in _bodies(flow) for s in body for n in ast.walk(s) if isinstance(n, ast.For))
    yield from (n.id for loop in loops for n in ast.walk(loop.target) if isinstance(n, ast.Name))


def _shown(flow: StageFlow) -> Iterator[str]:
    """Yield the names that cells of a stage show: as their last line, or by `display`."""
    for body in _bodies(flow):
        for statement in body:
            if not isinstance(statement, ast.Expr):
                continue
            called = isinstance(statement.value, ast.Call) and ast.unparse(statement.value.func) == "display"
            shown = statement.value.args if called and isinstance(statement.value, ast.Call) else [statement.value]
            for value in shown if called or statement is body[-1] else []:
                if name := _root(value):
                    yield name


def _root(value: ast.expr) -> str | None:
    """Return the frame that an expression shows: `sales`, `sales.head(10)`, `sales.plot.bar()`."""
    while True:
        match value:
            case ast.Name(id=name):
                return name
            case ast.Call(func=ast.Attribute() as inner):
                value = inner
            case ast.Attribute(value=inner, attr=attribute) if attribute in SHOWS:
                value = inner
            case _:
                return None


def figures(document: Mapping[str, Any], line: Pipeline, stages: Sequence[str]) -> tuple[Figure, ...]:
    """Return the figures in an executed notebook: those of `stages`, or all of them when these have none."""
    owners = {cell.index: stage.name for stage in line.stages for cell in stage.code_cells}
    found = list(_drawn(document, owners))
    meant = [one for one in found if owners[one[0]] in stages] or found
    names: dict[str, int] = {}
    made = []
    for cell, forms in meant:
        name = owners[cell]
        names[name] = names.get(name, 0) + 1
        own = name if names[name] == 1 else f"{name}_{names[name]}"
        made.append(Figure(name=own, title=_heading(document, cell) or _words(own), cell=cell, forms=forms))
    return tuple(made)


def _drawn(document: Mapping[str, Any], owners: Mapping[int, str]) -> Iterator[tuple[int, dict[str, bytes]]]:
    for index, cell in enumerate(document["cells"]):
        for output in cell.get("outputs", ()) if index in owners else ():
            forms = dict(_forms(output.get("data") or {}))
            if forms:
                yield index, forms


def _forms(data: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    import json
    from base64 import b64decode

    for form, kinds in FORMS.items():
        raw = next((data[key] for key in data if key.startswith(kinds)), None)
        if raw is None:
            continue
        text = "".join(raw) if isinstance(raw, list) else raw
        made = json.dumps(text).encode() if form == "json" else b64decode(text) if form == "png" else text.encode()
        if len(made) <= LARGE:
            yield form, made


def _heading(document: Mapping[str, Any], cell: int) -> str:
    """Return the heading right above a cell."""
    for above in reversed(document["cells"][:cell]):
        if above["cell_type"] == "code":
            return ""
        text = "".join(above["source"])
        found: list[str] = re.findall(r"^#{1,6} +(.+?)[ #]*$", text, re.MULTILINE)
        if found:
            return re.sub(r"[*_`]", "", found[-1])
    return ""


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()


def is_table(value: Any) -> bool:
    """Say whether a value is a table, without importing what makes tables."""
    kind = type(value)
    home = kind.__module__.partition(".")[0]
    return (home, kind.__name__) in {
        ("pandas", "DataFrame"),
        ("pandas", "Series"),
        ("polars", "DataFrame"),
        ("pyarrow", "Table"),
    }


def tables(names: Iterable[str], space: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tables among some names, in their order; one under two names is given once."""
    found: dict[int, str] = {}
    for name in names:
        value = space.get(name)
        if is_table(value) and id(value) not in found:
            found[id(value)] = name
    return {name: space[name] for name in found.values()}
