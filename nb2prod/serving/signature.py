"""Signature: what a function takes, as its annotations say it or as calls of it have shown it."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints

from attrs import frozen
from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from pydantic_core import to_json
from typing_extensions import TypedDict, is_typeddict

from .exact import exact
from .faults import Fault
from .table import refused

STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, arbitrary_types_allowed=False)
CODES = {"missing": "missing", "extra_forbidden": "unexpected"}
SAID = {"missing": "is missing", "extra_forbidden": "is unknown here"}  # as of the fields of a table
ENDLESS = "must be a finite number"
# What an annotation leaves open is taken from what was seen.
OPEN = frozenset({"dict", "list", "tuple", "object", "Any", "Mapping", "Sequence", "ndarray"})
PLAIN = {"integer": int, "number": float, "text": str, "boolean": bool, "null": type(None), "any": Any}


@frozen(kw_only=True)
class Signature:
    """What rows of a function must be."""

    function: Callable[..., Any]
    parameters: tuple[Mapping[str, Any], ...]  # as the service's schema has them
    adapter: TypeAdapter[Any]
    whole: str | None  # the parameter that a row is, where it is not an object of parameters
    arrays: frozenset[str]  # parameters that become arrays

    @classmethod
    def of(cls, function: Callable[..., Any], parameters: Sequence[Mapping[str, Any]]) -> Signature:
        """Read a function's annotations; `parameters` say what was learnt of those that have none."""
        hints = hints_of(function)
        types = {p["name"]: type_of(p["learnt"]) if p["learnt"] else hints[p["name"]] for p in parameters}
        whole = next((p["name"] for p in parameters if p["whole"]), None)
        if whole is not None:
            row: Any = with_config(STRICT)(types[whole]) if _own(types[whole]) else types[whole]
        else:
            required = {p["name"]: p["required"] for p in parameters}
            row = typed("Row", {n: t if required[n] else NotRequired[t] for n, t in types.items()})
        return cls(
            function=function,
            parameters=tuple(parameters),
            adapter=TypeAdapter(row),
            whole=whole,
            arrays=frozenset(p["name"] for p in parameters if p.get("array")),
        )

    def check(self, rows: Sequence[Any]) -> list[Any]:
        """Check rows of plain JSON values, and turn them into what the function takes.

        Raises:
            Refused: With every fault there is.
        """
        made, faults = [], list[Fault]()
        for number, row in enumerate(rows):
            endless = [_fault("not_finite", ENDLESS, number, place) for place in _endless(row)]
            faults += endless
            try:
                # From JSON, so that a time may be a text, as strictly as all else.
                made.append(self.adapter.validate_json(to_json(row), strict=True, extra="forbid"))
            except ValidationError as wrong:
                told = {fault.field for fault in endless}
                faults += [fault for fault in _faults(number, row, wrong) if fault.field not in told]
        if faults:
            raise refused(faults)
        return made

    def arguments(self, row: Any) -> tuple[list[Any], dict[str, Any]]:
        """Return what a function is called with."""
        given = {self.whole: row} if self.whole else dict(row)
        for name in self.arrays & given.keys():
            import numpy as np

            given[name] = np.asarray(given[name])
        kinds = {p["name"]: p["positional"] for p in self.parameters}
        return [given.pop(n) for n, only in kinds.items() if only and n in given], given

    def described(self) -> dict[str, Any]:
        """Describe a row as JSON Schema."""
        return self.adapter.json_schema(ref_template="#/components/schemas/Row/$defs/{model}")


def _endless(value: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the places of numbers that are not finite, also where a type does not say what may be there."""
    if type(value) is float and not math.isfinite(value):
        yield place
    items = value.items() if type(value) is dict else enumerate(value) if type(value) is list else ()
    for key, one in items:
        yield from _endless(one, (*place, str(key)))


def _faults(number: int, row: Any, wrong: ValidationError) -> Iterator[Fault]:
    """Yield what is wrong with a row, one fault a place; what may be of several types says so once."""
    found: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for one in wrong.errors(include_url=False, include_context=False):
        place = tuple(_place(row, one["loc"], missing=one["type"] == "missing"))
        found.setdefault(place, []).append(dict(one))
    for place, several in found.items():
        said = (SAID.get(one["type"]) or str(one["msg"]).replace("Input should", "must", 1) for one in several)
        first, *others = dict.fromkeys(said)
        message = " or ".join([first, *(one.removeprefix("must be ") for one in others)])
        yield _fault(_code(several[0]["type"]), message, number, place)


def _fault(code: str, message: str, row: int, place: Sequence[str]) -> Fault:
    return Fault(code=code, message=message, row=row, field=".".join(place) or None)


def _code(kind: str) -> str:
    given = "category" if kind in {"enum", "literal_error"} else "type" if "type" in kind else "value"
    return CODES.get(kind) or given


def _place(value: Any, path: Sequence[Any], *, missing: bool) -> Iterator[str]:
    """Yield the keys of a place; pydantic also names there which of several types it has tried."""
    for n, key in enumerate(path):
        inside = key in value if type(value) is dict else type(value) is list and type(key) is int and key < len(value)
        if inside or (missing and n == len(path) - 1):
            value = value[key] if inside else None
            yield str(key)


def hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the annotations of a function; an object that is called has them on its method."""
    bare = function if inspect.isroutine(function) else type(function).__call__
    try:
        return {name: modern(kind) for name, kind in get_type_hints(bare, include_extras=True).items()}
    except (NameError, TypeError, AttributeError):
        return dict(getattr(bare, "__annotations__", {}))


def modern(kind: Any) -> Any:
    """Return a type read exactly, with typed dictionaries as pydantic wants them: not those of `typing` before 3.12."""
    if is_typeddict(kind):
        marked = get_type_hints(kind, include_extras=True)  # where annotations are texts, only this sees the marks
        bare = {key: modern(one) for key, one in get_type_hints(kind).items()}
        needed = {k for k in kind.__required_keys__ if get_origin(marked[k]) is not NotRequired}
        return typed(kind.__name__, {k: t if k in needed else NotRequired[t] for k, t in bare.items()})
    inner, home = get_args(kind), get_origin(kind)
    if not inner or home is Literal:
        return exact(kind)
    if home is Annotated:
        return Annotated[(modern(inner[0]), *inner[1:])]
    made = tuple(modern(one) for one in inner)
    if made == inner:
        return kind
    return Union[made] if home in {Union, UnionType} else home[made]  # noqa: UP007  of types that are known only now


def typed(name: str, fields: Mapping[str, Any]) -> Any:
    """Make the type of an object with some keys, and no others."""
    return with_config(STRICT)(TypedDict(name, dict(fields)))  # type: ignore[operator]


def _own(kind: Any) -> bool:
    """Say whether a type may be given a configuration: pydantic's models have their own."""
    return isinstance(kind, type) and hasattr(kind, "__total__")


def type_of(learnt: Mapping[str, Any]) -> Any:
    """Return the type that was learnt from values."""
    kind = learnt["type"]
    if kind == "array":
        items: Any = type_of(learnt["items"]) if learnt.get("items") else Any
        made: Any = list[items]
    elif kind == "object":
        fields = {key: type_of(one) for key, one in learnt["fields"].items()}
        made = typed("Fields", {k: t if learnt["fields"][k]["required"] else NotRequired[t] for k, t in fields.items()})
    else:
        made = PLAIN[kind]
    return made | None if learnt.get("nullable") else made


def learnt_of(values: Sequence[Any], *, required: bool = True) -> dict[str, Any]:
    """Learn from values what others may be: their type, down to the keys of objects."""
    given = [value for value in values if value is not None]
    kinds = {_kind(value) for value in given}
    kind = (
        kinds.pop() if len(kinds) == 1 else "number" if kinds == {"integer", "number"} else "any" if kinds else "null"
    )
    made: dict[str, Any] = {"type": kind, "required": required, "nullable": len(given) < len(values) and kind != "null"}
    if kind == "array":
        items = [item for value in given for item in value]
        made["items"] = learnt_of(items) if items else None
    if kind == "object":
        keys = dict.fromkeys(str(key) for value in given for key in value)
        seen = {key: [value[key] for value in given if key in value] for key in keys}
        made["fields"] = {key: learnt_of(found, required=len(found) == len(given)) for key, found in seen.items()}
    return made


def _kind(value: Any) -> str:
    # `True` is an integer to Python.
    names = ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "text"), (list, "array"), (dict, "object"))
    return next((name for kind, name in names if isinstance(value, kind)), "any")


def plain(value: Any) -> Any:
    """Turn what NumPy, pandas and their like return into what JSON has."""
    if hasattr(value, "to_dict") and hasattr(value, "columns"):  # a frame: a gap in it is a gap, and no number
        return [{str(k): gap(v) for k, v in row.items()} for row in value.to_dict("records")]
    if hasattr(value, "to_dicts"):  # polars
        return value.to_dicts()
    for method in ("model_dump", "tolist", "to_list", "item", "isoformat"):
        if callable(getattr(value, method, None)):
            return getattr(value, method)()
    raise TypeError(f"a value of type {type(value).__name__} has no form in JSON")


def gap(value: Any) -> Any:
    """Return None for what stands for a missing value in a frame."""
    return None if value is None or type(value).__name__ in {"NaTType", "NAType"} or value != value else value
