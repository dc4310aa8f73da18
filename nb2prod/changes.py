"""Changes: what differs between two runs of a notebook: parameters, metrics, stages, edges and code."""

from __future__ import annotations

from difflib import unified_diff
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from nb2prod import pipeline
from nb2prod.stage import code

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nb2prod.notebook import Notebook
    from nb2prod.pipeline import Pipeline

INJECTED = "injected-parameters"  # papermill's cell: its values are told as parameters, not as code


@frozen(kw_only=True)
class Ran:
    """A run that has ended: its result as JSON, and the notebook that it ran."""

    result: Mapping[str, Any]
    book: Notebook

    def line(self) -> Pipeline:
        """Return the pipeline that ran, without the values it was given."""
        cells = tuple(cell for cell in self.book.cells if INJECTED not in cell.tags)
        return pipeline.build(evolve(self.book, cells=cells))


def between(one: Ran, other: Ran) -> dict[str, Any]:
    """Return the differences as JSON; in each pair the first value is of `one`."""
    lines = one.line(), other.line()
    return {
        "runs": [one.result["run"], other.result["run"]],
        "parameters": list(_values(*_of("parameters", one, other))),
        "metrics": list(_values(*_of("metrics", one, other), equal=True)),
        "stages": list(_stages(one, other, *lines)),
        "edges": _edges(*lines),
    }


def _of(name: str, one: Ran, other: Ran) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    return one.result.get(name) or {}, other.result.get(name) or {}


def _values(one: Mapping[str, Any], other: Mapping[str, Any], *, equal: bool = False) -> Iterator[dict[str, Any]]:
    """Yield each name with both values; those that are the same only where they are of interest."""
    for name in dict.fromkeys((*one, *other)):
        if equal or one.get(name) != other.get(name):
            yield {"name": name, "one": one.get(name), "other": other.get(name)}


def _stages(one: Ran, other: Ran, first: Pipeline, second: Pipeline) -> Iterator[dict[str, Any]]:
    codes = [{s.name: _code(s.code_cells) for s in line.stages} for line in (first, second)]
    seconds = [{s["name"]: s["seconds"] for s in ran.result.get("stages") or ()} for ran in (one, other)]
    for name in dict.fromkeys((*codes[0], *codes[1])):
        before, after = (found.get(name) for found in codes)
        change = "added" if before is None else "removed" if after is None else "same" if before == after else "changed"
        diff = list(unified_diff(before or [], after or [], lineterm="", n=2))[2:]
        times = {"one": seconds[0].get(name), "other": seconds[1].get(name)}
        yield {"name": name, "change": change, "diff": diff, "seconds": times}


def _code(cells: Any) -> list[str]:
    return "\n".join(code(cell).strip("\n") for cell in cells).splitlines()


def _edges(first: Pipeline, second: Pipeline) -> dict[str, list[dict[str, str]]]:
    found = [{(e.source, e.target, name): None for e in line.edges for name in e.names} for line in (first, second)]
    named = ("from", "to", "name")
    return {
        "added": [dict(zip(named, edge, strict=True)) for edge in found[1] if edge not in found[0]],
        "removed": [dict(zip(named, edge, strict=True)) for edge in found[0] if edge not in found[1]],
    }
