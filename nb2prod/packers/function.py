"""Function packer: learns what the `predict` of a stage `serve` takes, and writes the files of its service."""

from __future__ import annotations

import ast
import copy
import importlib.util
import inspect
import json
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from attrs import asdict, frozen
from pydantic import TypeAdapter
from pydantic.errors import PydanticUserError
from pydantic_core import to_jsonable_python

from nb2prod.bundle import bento, pins
from nb2prod.bundle.lift import Lifted, lift
from nb2prod.candidates import functions
from nb2prod.candidates.functions import Function
from nb2prod.errors.products import FileLeftBehind, FunctionUnclear
from nb2prod.notebook import Notebook
from nb2prod.openapi.function import document
from nb2prod.packers import fields, profile
from nb2prod.packers.call import Call, Fault
from nb2prod.packers.local_modules import local
from nb2prod.packers.order import Order, Packed
from nb2prod.packers.package import wrap
from nb2prod.packers.restored import needed, restore
from nb2prod.pipeline import Pipeline
from nb2prod.policy import Rules, served
from nb2prod.serving.faults import Refused
from nb2prod.serving.frame import framed
from nb2prod.serving.kinds.function import each, finite, waited
from nb2prod.serving.signature import Signature, hints_of, learnt_of, plain
from nb2prod.serving.table import Table
from nb2prod.stores import open_store

RUNTIME = frozenset({"anyio", "attrs", "bentoml", "numpy", "prometheus_client", "pydantic", "pydantic_core"})
OPTIONAL = ("httptools", "uvloop")
OPEN = frozenset({"dict", "list", "tuple", "object", "Any", "Mapping", "Sequence", "ndarray", "DataFrame"})
PASSED = {"unknown": "pass", "ranges": "pass"}
LONG = 200  # characters: longer texts are no names of files
Json = dict[str, Any]


@frozen(kw_only=True)
class Model:
    """What `lift` packs: the function in a model's place."""

    name: str
    cell: int
    model: Any


def pack(order: Order, lines: Pipeline, space: Json, measured: Callable[[], None]) -> Packed | None:
    """Write the service of a function; None where a notebook defines none."""
    place = functions.place_of(lines)
    if place is None:
        return None
    restore(open_store(order.store), needed(order.values, place.names), space)
    found = functions.found(place, space)
    if found is None:
        return None
    measured()
    taken = learn(found)
    packable = Model(name=found.name, cell=found.cell, model=found.call)
    lifted = lift(packable, space, lines, module=bento.Name.of(order.notebook.stem).module)
    if (file := _read(lifted.source)) is not None:
        raise FileLeftBehind(found.name, file, found.cell)
    calls = tuple(
        Call(request={"rows": [row]}, answer=[{"prediction": answer}], first=n)
        for n, (row, answer) in enumerate(zip(taken.rows, taken.answers, strict=True))
    )
    together = Call(request={"rows": list(taken.rows)}, answer=[{"prediction": a} for a in taken.answers])
    own = {"name": found.name, "kind": "function", "class": "function", "sha256": lifted.digest}
    parts = parted(order.notebook, found, taken, lifted, order.rules)
    return wrap(order, lines, parts, held=(together,), single=calls, faulty=taken.faulty, model=own)


def _read(source: str) -> str | None:
    """Return a file beside the notebook that code names."""
    texts = (node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant))
    named = (text for text in texts if isinstance(text, str) and "." in text and len(text) < LONG and "\0" not in text)
    return next((text for text in named if Path(text).is_file()), None)


def parted(
    notebook: Notebook, found: Function, taken: Taken, lifted: Lifted, rules: Rules | None = None
) -> bento.Parts:
    """Gather what the service of a function is made of."""
    name = bento.Name.of(notebook.stem)
    helpers, modules = local(lifted.modules, Path.cwd())
    about = inspect.cleandoc(found.call.__doc__ or "").partition("\n")[0]
    about = about or f"Answers with the function '{found.name}' of {notebook.name}."
    info = {"title": name.tag, "version": lifted.digest[:16], "description": about}
    described, watched = profile.of_calls(taken.rows, taken.answers)
    if taken.schema["frame"]:  # its fields are those of a table
        described["features"] = profile.features(taken.schema, taken.rows)
    files = {"model.pkl": lifted.model, "values.pkl": lifted.values, f"{name.module}.py": lifted.source.encode()}
    files["profile.json"] = json.dumps(described, ensure_ascii=False).encode()
    return bento.Parts(
        notebook=notebook.name,
        name=name,
        about=about,
        # What a value may be is for the function to say.
        schema={"kind": "function", **taken.schema, "watched": watched, "policy": served(rules or Rules()) | PASSED},
        request={"rows": [taken.rows[0]]},
        answer=[{"prediction": taken.answers[0]}],
        openapi=document(info, taken.about, taken.rows[0], taken.answers[0], found.call),
        card={"fields": taken.fields, "policy": PASSED},
        digest=lifted.digest,
        files={path: data for path, data in files.items() if data} | helpers,
        pins=pins.pins(modules | RUNTIME | taken.modules | {m for m in OPTIONAL if importlib.util.find_spec(m)}),
    )


def learn(found: Function) -> Taken:
    """Learn what a function takes, and what it answers.

    Raises:
        FunctionUnclear: Neither its annotations nor its calls tell.
    """
    return _framed(found) if _is_framed(found) else _rows(found)


@frozen(kw_only=True)
class Taken:
    """What a function takes, and what it answers to the notebook's own calls."""

    schema: Json
    about: Json  # a row, as JSON Schema
    fields: list[Json]  # of a row, for a form
    rows: tuple[Json, ...]
    answers: tuple[Any, ...]
    faulty: tuple[Fault, ...]
    modules: frozenset[str] = frozenset()


def _is_framed(found: Function) -> bool:
    """Say whether the one thing a function needs is a frame of rows."""
    needed_ = [p for p in found.parameters if p.default is p.empty]
    seen = [given[needed_[0].name] for given in found.examples if needed_[0].name in given] if needed_ else []
    said = getattr(hints_of(found.call).get(needed_[0].name), "__name__", "") if needed_ else ""
    return len(needed_) == 1 and (said == "DataFrame" or any(type(v).__name__ == "DataFrame" for v in seen))


def _rows(found: Function) -> Taken:
    """Learn what is called once a row."""
    hints = hints_of(found.call)
    # What may be left out, and nobody knows what it is, is left out.
    parameters = [one for p in found.parameters if (one := _parameter(found, p, hints.get(p.name)))]
    if not parameters:
        raise FunctionUnclear(found.name, found.cell, "it has no parameters")
    try:
        signature = Signature.of(found.call, parameters)
        about = signature.described()
    except (PydanticUserError, TypeError, NameError) as wrong:
        reason = str(wrong).splitlines()[0]
        raise FunctionUnclear(found.name, found.cell, reason) from wrong
    whole = signature.whole
    examples = [_json(given, whole) for given in found.examples]
    row = examples[0] if examples else functions.example_of(about)
    rows, answers = [], []
    for n, given in enumerate(examples or [row]):
        original = found.examples[n] if examples else None
        try:
            checked = signature.check([given])[0]
        except Refused as wrong:
            reason = f"it is called with {given!r}, but {wrong.faults[0].field}: {wrong.faults[0].message}"
            raise FunctionUnclear(found.name, found.cell, reason) from wrong
        answers.append(_answer(found, signature, checked, original))
        rows.append(given)
    required = [p["name"] for p in parameters if p["required"]]
    keys = about.get("required", ()) if whole else required
    return Taken(
        schema={"frame": False, "parameters": parameters, "example": row},
        about=about,
        fields=functions.fields_of(about, _usual(found, signature, row)),
        rows=tuple(rows),
        answers=tuple(answers),
        faulty=_faulty(rows[0], keys),
        modules=frozenset({"numpy"} if signature.arrays else ()),
    )


def _usual(found: Function, signature: Signature, row: Any) -> Json:
    """Return a row with what its parameters are where they are left out, as far as it could be sent so."""
    if not isinstance(row, dict):
        return {}
    left = {p.name: p.default for p in found.parameters if isinstance(p.default, str | int | float | bool)}
    try:
        signature.check([left | row])
    except Refused:
        return row
    return left | row


def _parameter(found: Function, one: Any, hint: Any) -> Json | None:
    """Say of a parameter how it is given, and what was learnt where its annotation says nothing."""
    seen = [given[one.name] for given in found.examples if one.name in given]
    required = one.default is one.empty
    bare = getattr(hint, "__name__", str(hint)).rpartition(".")[2] if hint is not None else None
    learnt = None
    if hint is None or (bare in OPEN and not getattr(hint, "__args__", ())):
        values = [to_jsonable_python(v, fallback=plain) for v in seen]
        values += [] if required or one.default is None or values else [one.default]
        if values:
            nullable = [None] if not required and one.default is None and None not in values else []
            learnt = learnt_of([*values, *nullable], required=required)
        elif hint is None and not required:
            return None
        elif hint is None:
            raise FunctionUnclear(found.name, found.cell, f"nothing says what '{one.name}' may be")
    array = bare == "ndarray" or any(type(v).__name__ == "ndarray" for v in seen)
    if array and learnt is None:
        learnt = {"type": "array", "required": required, "items": {"type": "number", "required": True}}
    single = len(found.parameters) == 1 and required
    return {
        "name": one.name,
        "required": required,
        "positional": one.kind is one.POSITIONAL_ONLY,
        "learnt": learnt,
        "array": array,
        "whole": single and (learnt["type"] == "object" if learnt else _is_object(hint)),
    }


def _is_object(hint: Any) -> bool:
    """Say whether a type is one of JSON objects."""
    try:
        about = TypeAdapter(hint).json_schema()
    except (PydanticUserError, TypeError, NameError):
        return False
    while "$ref" in about:
        about = about["$defs"][about["$ref"].rpartition("/")[2]]
    return about.get("type") == "object"


def _json(given: Mapping[str, Any], whole: str | None) -> Any:
    row = to_jsonable_python(dict(given), fallback=plain)
    return row[whole] if whole else row


def _answer(found: Function, signature: Signature, checked: Any, original: Mapping[str, Any] | None) -> Any:
    """Call the notebook's function as the notebook did, or as the service will where it never did."""
    call = waited(found.call)
    positional, named = signature.arguments(checked)
    if original is not None:
        named = copy.deepcopy(dict(original))
        positional = [named.pop(p["name"]) for p in signature.parameters if p["positional"] and p["name"] in named]
    try:
        return finite(call(*positional, **named))
    except (Exception, SystemExit) as wrong:
        said = f"called with {named!r}, it raises {type(wrong).__name__}: {wrong}"
        raise FunctionUnclear(found.name, found.cell, said[:500]) from wrong


def _framed(found: Function) -> Taken:
    """Learn what is called with a frame of rows, from those that the notebook calls it with."""
    import pandas as pd

    name = next(p.name for p in found.parameters if p.default is p.empty)
    frames = [given[name] for given in found.examples if isinstance(given.get(name), pd.DataFrame) and len(given[name])]
    if not frames:
        said = f"'{name}' is a DataFrame, and no call shows its columns"
        raise FunctionUnclear(found.name, found.cell, said)
    every = pd.concat(frames)
    table = fields.Table(container="frame", fields=tuple(fields.of(every, every, {})))
    known = [asdict(f) | {"key": f.key} for f in table.fields]
    schema = {"container": "frame", "fields": known, "policy": PASSED}
    rows = tuple(fields.records(frames[0].head(500), table, None))
    checked = Table.of(schema).check(list(rows), most=len(rows))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answers = each(waited(found.call)(framed(checked, schema)), len(rows))
    except (Exception, SystemExit) as wrong:
        said = f"called with {len(rows)} rows, it does not answer: {type(wrong).__name__}: {wrong}"
        raise FunctionUnclear(found.name, found.cell, said[:500]) from wrong
    from nb2prod.openapi.service import row

    return Taken(
        schema={"frame": True, "parameters": [], "example": rows[0], **schema},
        about=row(known, schema["policy"]),  # type: ignore[arg-type]
        fields=known,
        rows=rows,
        answers=tuple(answers),
        faulty=_faulty(rows[0], [f["key"] for f in known]),
        modules=frozenset({"pandas"}),
    )


def _faulty(row: Any, required: Any) -> tuple[Fault, ...]:
    """Return a request that misses something, or has too much where nothing need be given."""
    if not isinstance(row, dict):
        return (Fault(request={"rows": [[row]]}, word="rows"),)
    for key in required:
        return (Fault(request={"rows": [{k: v for k, v in row.items() if k != key}]}, word=key),)
    return (Fault(request={"rows": [{**row, "no such field": 1}]}, word="no such field"),)
