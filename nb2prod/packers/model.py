"""Model packer: measures the model of a notebook, and writes the files of its service."""

from __future__ import annotations

import importlib.util
import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import asdict, evolve, frozen

from nb2prod.bundle import bento, pins
from nb2prod.bundle.lift import Lifted, lift
from nb2prod.candidates import candidate, clues, hints, preparation
from nb2prod.candidates.candidate import Candidate
from nb2prod.candidates.preparation import Preparation
from nb2prod.errors.models import TrainingRowsMissing
from nb2prod.evaluate import Rival, Said, printed
from nb2prod.packers import fields, forecast, own, previous
from nb2prod.packers.call import CLOSE, Call, Fault
from nb2prod.packers.card import card, loaded, said
from nb2prod.packers.explanations import reasons
from nb2prod.packers.judgement import judge, said_of
from nb2prod.packers.local_modules import local
from nb2prod.packers.order import Order, Packed
from nb2prod.packers.package import wrap
from nb2prod.packers.restored import needed, restore
from nb2prod.packers.skops_file import safe
from nb2prod.pipeline import Pipeline
from nb2prod.policy import Rules, served
from nb2prod.stores import open_store

MOST = 500  # rows that a rehearsal sends
RUNTIME = frozenset(
    {"anyio", "attrs", "bentoml", "numpy", "pandas", "prometheus_client", "pydantic_core"}
)  # what every service imports
OPTIONAL = ("httptools", "pyarrow", "uvloop")  # a faster server and rows in bulk, where these are installed


BATCH = 100  # rows a request
SINGLES = 100  # requests of one row
Json = dict[str, Any]
# Networks compute with 7 digits, and lose other ones of them with another number of rows.
ROUNDED = 1e-4
COARSE = frozenset({"torch", "onnx"})


@frozen(kw_only=True)
class Held:
    """Held-out rows as a client would send them, and what the notebook's model says of them."""

    rows: tuple[dict[str, Any], ...]
    predictions: tuple[Any, ...]
    probabilities: tuple[dict[str, float], ...] | None
    rounded: bool = False  # computed with few digits

    def calls(self, size: int) -> tuple[Call, ...]:
        """Return requests of so many rows each."""
        close = ROUNDED if self.rounded else CLOSE
        said: list[dict[str, Any]] = [{"prediction": value} for value in self.predictions]
        for one, chances in zip(said, self.probabilities or (), strict=self.probabilities is not None):
            one["probabilities"] = chances
        starts = range(0, len(self.rows), size)
        return tuple(
            Call(request={"rows": list(self.rows[n : n + size])}, answer=said[n : n + size], first=n, close=close)
            for n in starts
        )


def pack(order: Order, lines: Pipeline, space: dict[str, Any], measured: Callable[[], None]) -> Packed:
    """Measure the model, say that it is `measured`, and write its service."""
    from nb2prod.packers import probe  # it needs NumPy, which the process that reads the result does without

    found, beside = _settled(order, lines, space)
    judged = judge(found, [*beside, *previous.said(order.previous, found)])
    # What the notebook calls as we do is measured by us, so that it means the same everywhere.
    more = {name: value for name, value in own.metrics(order, lines, space).items() if name not in judged.metrics}
    judged = evolve(judged, metrics={**judged.metrics, **more}, plots=own.plots(order, lines))
    measured()
    if found.kind == "forecast":
        return forecast.pack(order, lines, space, found, judged)
    module = bento.Name.of(order.notebook.stem).module
    lifted = lift(found, space, lines, module=module)
    lifted = lifted if order.rules.pickles == "allow" else safe(found, lifted)
    table = fields.learn(found)
    held = asked(found, table)
    schema = described(found, table, order.rules) | loaded(found, lifted, module)
    fast = probe.verdict(found.asked, schema, held.rows)
    schema |= {"fast": fast.how, **reasons(found.asked, schema, held.rows)}
    parts = parted(order.notebook.name, found, schema, lifted, card(found, judged))
    return wrap(
        order,
        lines,
        evolve(parts, files={**parts.files, **own.files(judged.plots)}),
        **said(found, judged, lifted),
        held=held.calls(BATCH),
        hostile=() if held.rounded else at_the_edges(found.asked, schema, held).calls(BATCH),
        single=held.calls(1)[:SINGLES],
        faulty=_faulty(held.rows[0], schema),
        fast=fast,
        prepared=next((preparation.of(lines, c) for c in clues.of(lines) if c.model == found.name), Preparation()),
    )


def described(candidate: Candidate, table: fields.Table, rules: Rules) -> Json:
    """Describe what a service is asked and answers, for the service itself."""
    import numpy as np

    labels = [] if candidate.classes is None else np.asarray(candidate.classes).tolist()
    return {
        "kind": candidate.kind,
        "container": table.container,
        "fields": [asdict(f) | {"key": f.key} for f in table.fields],
        "policy": served(rules),
        "labels": labels,
        "classes": [str(label) for label in labels],
        "probabilities": candidate.probabilities(candidate.held.x[:1]) is not None,
    }


def parted(notebook: str, found: Candidate, schema: Json, lifted: Lifted, card: Json) -> bento.Parts:
    """Gather what the service of a model is made of."""
    from nb2prod.openapi.service import document
    from nb2prod.packers import profile  # likewise

    name = bento.Name.of(notebook.removesuffix(".ipynb"))
    helpers, modules = local(lifted.modules, Path.cwd())
    about = f"Answers with the model '{found.name}' of {notebook}."
    row = {f["key"]: f["example"] for f in schema["fields"]}
    answer = answers(found.asked, schema, [row])[0]
    files = {
        "profile.json": json.dumps(profile.of(found, schema), ensure_ascii=False).encode(),
        lifted.file: lifted.model,
        "values.pkl": lifted.values,
        f"{name.module}.py": lifted.source.encode(),
    }
    return bento.Parts(
        notebook=notebook,
        name=name,
        about=about,
        schema=schema,
        request={"rows": [row]},
        answer=[answer],
        openapi=document(name.tag, lifted.digest[:16], about, schema, answer),
        # People write an array as JSON.
        card=card
        | {
            "fields": [f | ({"kind": "json"} if f["kind"] == "array" else {}) for f in schema["fields"]],
            "policy": schema["policy"],
        },
        digest=lifted.digest,
        files={path: data for path, data in files.items() if data} | helpers,
        pins=pins.pins(modules | RUNTIME | {name for name in OPTIONAL if importlib.util.find_spec(name)}),
    )


def answers(model: Any, schema: Mapping[str, Any], rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Write what a model says of rows as its service will."""
    from nb2prod.packers import probe
    from nb2prod.serving.answers import told
    from nb2prod.serving.table import Table

    checked = Table.of(schema).check(rows, most=len(rows))
    return told(schema, checked, probe.asked(model, schema, checked))


def _settled(order: Order, lines: Pipeline, space: dict[str, Any]) -> tuple[Candidate, list[tuple[Rival, Said]]]:
    """Load what the code speaks of, and all the rest only when that does not tell what the model learnt from.

    Returns:
        The model, and the one of the stage `baseline` with what it says, if there is one.
    """
    seen, named, store = clues.of(lines), candidate.chosen(lines), open_store(order.store)
    known = hints.of(lines)
    told = own.named(order.rules) | printed.names(lines.stages)
    names = named.names.union(known.names, told, *(clue.names for clue in seen))
    restore(store, needed(order.values, names), space)
    last = lines.stages[-1].code_cells[-1].index
    try:
        found = candidate.settle(seen, space, named, last)
    except TrainingRowsMissing:
        restore(store, order.values, space)
        found = candidate.settle(seen, space, named, last)
    found = hints.hinted(found, known, space)
    simple = candidate.rival(seen, space, found)
    if simple is None:
        return found, []
    return found, [(Rival(name=f"'{simple.name}' of the notebook", origin="stage"), said_of(simple))]


def asked(found: Candidate, table: fields.Table) -> Held:
    """Choose the rows of a rehearsal, evenly over those held out, and ask the model itself."""
    step = -(-len(found.held) // MOST)
    x = found.held.x.iloc[::step] if hasattr(found.held.x, "iloc") else found.held.x[::step]
    chances = found.probabilities(x)
    names = [] if found.classes is None else [str(c) for c in found.classes]
    return Held(
        rows=tuple(fields.records(x, table, found.model)),
        predictions=tuple(found.predict(x).tolist()),
        rounded=_coarse(found, chances),
        probabilities=None
        if chances is None
        else tuple(dict(zip(names, row, strict=True)) for row in chances.tolist()),
    )


def _coarse(found: Candidate, chances: Any) -> bool:
    """Say whether a model computes with few digits, as networks do, and scikit-learn's models of such rows."""
    said = found.predict(found.held.x[:1]) if chances is None else chances
    return found.library in COARSE or str(said.dtype) in {"float32", "float16"}


def at_the_edges(model: Any, schema: Mapping[str, Any], held: Held) -> Held:
    """Choose rows that are at the edges of what was seen, and that the model has an answer to."""
    from nb2prod.packers import probe
    from nb2prod.serving.answers import told
    from nb2prod.serving.table import Table

    table, kept, said = Table.of(schema), list[dict[str, Any]](), list[dict[str, Any]]()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of strange values, which are what this is about
        for rows in probe.answered(model, schema, table.check(probe.hostile(schema, held.rows), most=probe.HOSTILE)):
            said += told(schema, rows, probe.asked(model, schema, rows))
            kept += [
                dict(zip((c.key for c in table.columns), row, strict=True)) for row in zip(*rows.values, strict=True)
            ]
    return Held(
        rows=tuple(kept),
        predictions=tuple(one["prediction"] for one in said),
        probabilities=tuple(one["probabilities"] for one in said) if schema["probabilities"] else None,
    )


def _faulty(row: Json, schema: Json) -> tuple[Fault, ...]:
    """Return a request without one of the fields."""
    key = schema["fields"][0]["key"]
    return (Fault(request={"rows": [{k: v for k, v in row.items() if k != key}]}, word=key),)
