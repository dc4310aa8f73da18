"""Function: the `predict` of a notebook's stage `serve`, and the calls of it that show what it takes."""

from __future__ import annotations

import ast
import copy
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from nb2prod.candidates.expressions import names_in
from nb2prod.dataflow import Unparsable, parse
from nb2prod.stage import code

if TYPE_CHECKING:
    from nb2prod.dataflow.stage_flow import StageFlow
    from nb2prod.pipeline import Pipeline

PREDICT = "predict"
SHOWN = ("example", "examples")  # names of what it is called with, where no call shows it
MOST = 100  # calls that are looked at
HELP = {"date": "a date, such as 2026-01-31", "date-time": "a time, such as 2026-01-31T08:00:00Z", "time": "08:00:00"}


@frozen(kw_only=True)
class Written:
    """A call as the notebook has it: its arguments, as expressions."""

    positional: tuple[str, ...]
    named: tuple[tuple[str | None, str], ...]  # None for `**mapping`


@frozen(kw_only=True)
class Place:
    """Where a notebook defines what its service shall call."""

    cell: int
    calls: tuple[Written, ...]
    name: str = PREDICT

    @property
    def names(self) -> frozenset[str]:
        """Return the names that must still be there when the notebook has ended."""
        texts = [text for call in self.calls for text in (*call.positional, *(value for _, value in call.named))]
        return frozenset({self.name, *SHOWN}.union(*map(names_in, texts)))


@frozen(kw_only=True)
class Function:
    """A function, and what it was called with: for each call its arguments by parameter."""

    name: str = PREDICT
    cell: int
    call: Callable[..., Any] = field(eq=False, repr=False)
    examples: tuple[Mapping[str, Any], ...] = field(eq=False, repr=False)

    @property
    def parameters(self) -> tuple[inspect.Parameter, ...]:
        """Return its parameters; `*args` and `**kwargs` take what nobody can name."""
        rest = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
        return tuple(p for p in inspect.signature(self.call).parameters.values() if p.kind not in rest)


def place_of(line: Pipeline) -> Place | None:
    """Say where a stage of role `serve` defines `predict`."""
    serving = [(flow, name) for flow in line.flows if flow.stage.role == "serve" and (name := _served(flow))]
    if not serving:
        return None
    flow, name = serving[-1]
    cells = [item for flow in line.flows for item in flow.cells if item.fault is None]
    calls = tuple(call for item in cells for call in _calls(code(item.cell), name))[:MOST]
    return Place(cell=flow.leaves[name].place.cell or 0, calls=calls, name=name)


def _served(flow: StageFlow) -> str | None:
    """Return the function that a stage is there for: `predict`, or the only one that it defines."""
    if PREDICT in flow.leaves:
        return PREDICT
    bodies = [parse(code(item.cell)).body for item in flow.cells if item.fault is None]
    own = [n.name for body in bodies for n in body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    return own[0] if len(own) == 1 and own[0] in flow.leaves else None


def _calls(source: str, name: str) -> Iterator[Written]:
    """Yield the calls of a function outside of any function or loop, whose names are the notebook's."""
    try:
        pending: list[ast.AST] = list(parse(source).body)
    except Unparsable:
        return
    while pending:
        node = pending.pop(0)
        local = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.For, ast.While)
        if isinstance(node, (*local, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            continue
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            starred = any(isinstance(a, ast.Starred) for a in node.args)
            if not starred:
                yield Written(
                    positional=tuple(ast.unparse(a) for a in node.args),
                    named=tuple((k.arg, ast.unparse(k.value)) for k in node.keywords),
                )
        pending.extend(ast.iter_child_nodes(node))


def found(place: Place, space: Mapping[str, Any]) -> Function | None:
    """Confirm by the values what the code says; None where it is nothing that can be called."""
    call = space.get(place.name)
    if not callable(call) or isinstance(call, type):
        return None
    signature = inspect.signature(call)
    bound = [one for written in place.calls if (one := _bound(signature, written, space)) is not None]
    bound = bound or list(_given(signature, space))
    return Function(name=place.name, cell=place.cell, call=call, examples=tuple(bound))


def _bound(signature: inspect.Signature, written: Written, space: Mapping[str, Any]) -> dict[str, Any] | None:
    """Evaluate a call's arguments again; None where that no longer works."""
    here = dict(space)
    try:
        positional = [eval(text, here) for text in written.positional]  # noqa: S307  the notebook's own code
        named: dict[str, Any] = {}
        for name, text in written.named:
            value = eval(text, here)  # noqa: S307  likewise
            named.update(value if name is None else {name: value})
        # A function may change what it is given.
        return copy.deepcopy(dict(signature.bind(*positional, **named).arguments))
    except Exception:  # noqa: BLE001  it is the user's code: it may raise anything, and then it shows nothing
        return None


def _given(signature: inspect.Signature, space: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what `example`, or `examples`, says the function is called with."""
    many = space.get("examples")
    shown = [space["example"]] if "example" in space else list(many) if isinstance(many, list | tuple) else []
    for value in shown:
        # An object says the parameters by name, or is the one that a function of one parameter takes.
        ways = [((), value), ((value,), {})] if isinstance(value, dict) else [((value,), {})]
        for positional, named in ways:
            with suppress(TypeError):
                yield copy.deepcopy(dict(signature.bind(*positional, **named).arguments))
                break


def example_of(about: Mapping[str, Any], every: Mapping[str, Any] | None = None) -> Any:
    """Make a value that a JSON Schema allows, for want of one that somebody has given."""
    every = every or about
    if "$ref" in about:
        return example_of(every["$defs"][about["$ref"].rpartition("/")[2]], every)
    for key in ("default", "const"):
        if key in about:
            return about[key]
    for key in ("examples", "enum"):
        if about.get(key):
            return about[key][0]
    for key in ("anyOf", "oneOf", "allOf"):
        if key in about:
            return example_of(next((one for one in about[key] if one.get("type") != "null"), about[key][0]), every)
    return _plain(about, every)


def _plain(about: Mapping[str, Any], every: Mapping[str, Any]) -> Any:
    kind = about.get("type")
    if kind == "object":
        required = about.get("required", ())
        return {k: example_of(v, every) for k, v in about.get("properties", {}).items() if k in required}
    if kind == "array":
        items = about.get("prefixItems") or [about.get("items", {})] * max(1, about.get("minItems", 1))
        return [example_of(one, every) for one in items]
    if kind in {"integer", "number"}:
        low = about.get("minimum", about.get("exclusiveMinimum", 0) + 1 if "exclusiveMinimum" in about else None)
        return low if low is not None else min(1, about.get("maximum", 1))
    if kind == "string":
        texts = {"date-time": "2026-01-31T08:00:00Z", "date": "2026-01-31", "time": "08:00:00"}
        return texts.get(about.get("format", ""), "text".ljust(about.get("minLength", 0), "."))
    return {"boolean": True, "null": None}.get(str(kind), "text")


def fields_of(row: Mapping[str, Any], usual: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Describe the parts of a row for a form: plain ones by their type, others as JSON, each with its usual value."""
    required: Sequence[str] = row.get("required", ())
    made = []
    for key, about in row.get("properties", {}).items():
        options = [o for o in about.get("anyOf", [about]) if o.get("type") != "null"]
        one = options[0] if options else {}
        one = row["$defs"][one["$ref"].rpartition("/")[2]] if "$ref" in one else one
        kinds = {"string": "text", "integer": "integer", "number": "number", "boolean": "boolean"}
        kind = kinds.get(one.get("type", ""), "json") if len(options) == 1 else "json"
        choices = one.get("enum", []) if kind == "text" else []
        made.append(
            {
                "key": key,
                "kind": kind,
                "nullable": key not in required or len(options) < len(about.get("anyOf", [about])),
                "required": key in required,
                "categories": choices,
                "category": bool(choices),
                "closed": bool(choices),
                "low": None,
                "high": None,
                "long": kind == "json" or (kind == "text" and not choices and "format" not in one),
                "help": about.get("description") or HELP.get(one.get("format", "")),
                "example": usual.get(key, about.get("default")),
            }
        )
    return made
