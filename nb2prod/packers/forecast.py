"""Forecast packer: writes the files of a service that tells how a series goes on."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import asdict

from nb2prod.bundle import bento, pins
from nb2prod.bundle.lift import lift
from nb2prod.candidates.candidate import Candidate
from nb2prod.openapi.forecast import document
from nb2prod.packers import fields, own, profile
from nb2prod.packers.call import Call, Fault
from nb2prod.packers.card import card, loaded, said
from nb2prod.packers.judgement import Judgement
from nb2prod.packers.local_modules import local
from nb2prod.packers.order import Order, Packed
from nb2prod.packers.package import wrap
from nb2prod.pipeline import Pipeline
from nb2prod.policy import served
from nb2prod.serving.kinds.forecast import MOST
from nb2prod.serving.models.ahead import ahead

RUNTIME = frozenset({"anyio", "attrs", "bentoml", "numpy", "pandas", "prometheus_client", "pydantic_core"})
OPTIONAL = ("httptools", "uvloop")
Json = dict[str, Any]


def pack(order: Order, lines: Pipeline, space: Json, found: Candidate, judged: Judgement) -> Packed:
    """Write the service of a forecaster."""
    name = bento.Name.of(order.notebook.stem)
    lifted = lift(found, space, lines, module=name.module)
    helpers, modules = local(lifted.modules, Path.cwd())
    about = f"Tells how the series goes on that '{found.name}' of {order.notebook.name} learnt."
    calls = _calls(found)
    shortest, longest = calls[0], calls[-1]
    schema = _schema(found, order) | loaded(found, lifted, name.module) | {"request": shortest.request}
    files = {lifted.file: lifted.model, "values.pkl": lifted.values, f"{name.module}.py": lifted.source.encode()}
    files["profile.json"] = json.dumps(profile.of_series(found, schema, longest.answer), ensure_ascii=False).encode()
    info = {"title": name.tag, "version": lifted.digest[:16], "description": about}
    parts = bento.Parts(
        notebook=order.notebook.name,
        name=name,
        about=about,
        schema=schema,
        request=dict(longest.request or {}),
        answer=longest.answer,
        openapi=document(info, schema, dict(longest.request or {}), longest.answer),
        card=card(found, judged) | {"fields": schema["fields"], "policy": schema["policy"]},
        digest=lifted.digest,
        files={path: data for path, data in files.items() if data} | helpers | own.files(judged.plots),
        pins=pins.pins(modules | RUNTIME | {m for m in OPTIONAL if importlib.util.find_spec(m)}),
        arguments={"rows": "list[dict[str, Any]]"} if schema["fields"] else {"horizon": "int"},
    )
    return wrap(
        order, lines, parts, **said(found, judged, lifted), held=(longest,), single=calls, faulty=_faulty(shortest)
    )


def _schema(found: Candidate, order: Order) -> Json:
    bare = {"kind": "forecast", "fields": [], "classes": [], "labels": [], "probabilities": False}
    bare |= {"policy": served(order.rules)}
    if found.held.x is None:
        return bare
    table = fields.learn(found)
    return bare | {"container": table.container, "fields": [asdict(f) | {"key": f.key} for f in table.fields]}


def _calls(found: Candidate) -> Sequence[Call]:
    """Ask for one step, for half of those held out, and for all of them, as a client would."""
    x, most = found.held.x, len(found.held.y)
    table = None if x is None else fields.learn(found)
    made = []
    for steps in sorted({1, max(1, most // 2), min(most, MOST)}):
        request: Json = {"horizon": steps}
        if table is not None:
            request = {"rows": fields.records(x[:steps], table, None)}
        made.append(Call(request=request, answer=ahead(found.model, steps, None if x is None else x[:steps]).rows()))
    return made


def _faulty(call: Call) -> tuple[Fault, ...]:
    """Return requests that say too little, and what cannot be."""
    if call.request is None or "rows" not in call.request:
        return (Fault(request={}, word="horizon"), Fault(request={"horizon": 0}, word="horizon"))
    row = call.request["rows"][0]
    key = next(iter(row))
    return (Fault(request={"rows": [{k: v for k, v in row.items() if k != key}]}, word=key),)
