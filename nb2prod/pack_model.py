"""Model packer: measures the model of a notebook, and writes the files of its service."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import pickle
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import asdict, frozen

from nb2prod import bundle, candidate, clues, fields, leaks, pins, risk, sbom, security
from nb2prod.beside import local
from nb2prod.call import Call, Fault
from nb2prod.candidate import Candidate
from nb2prod.evaluate import Comparison, Rival, Said, compare, guess, measure, rival
from nb2prod.lift import Lifted, lift
from nb2prod.order import Order, Packed
from nb2prod.pipeline import Pipeline
from nb2prod.policy import Rules
from nb2prod.reasons import reasons
from nb2prod.refusals import TrainingRowsMissing
from nb2prod.restored import needed, restore
from nb2prod.stores import open_store

MOST = 500  # rows that a rehearsal sends
RUNTIME = frozenset(
    {"anyio", "attrs", "bentoml", "numpy", "pandas", "prometheus_client", "pydantic_core"}
)  # what every service imports
OPTIONAL = ("httptools", "pyarrow", "uvloop")  # a faster server and rows in bulk, where these are installed


BATCH = 100  # rows a request
SINGLES = 100  # requests of one row
Json = dict[str, Any]


@frozen(kw_only=True)
class Held:
    """Held-out rows as a client would send them, and what the notebook's model says of them."""

    rows: tuple[dict[str, Any], ...]
    predictions: tuple[Any, ...]
    probabilities: tuple[dict[str, float], ...] | None

    def calls(self, size: int) -> tuple[Call, ...]:
        """Return requests of so many rows each."""
        said: list[dict[str, Any]] = [{"prediction": value} for value in self.predictions]
        for one, chances in zip(said, self.probabilities or (), strict=self.probabilities is not None):
            one["probabilities"] = chances
        starts = range(0, len(self.rows), size)
        return tuple(
            Call(request={"rows": list(self.rows[n : n + size])}, answer=said[n : n + size], first=n) for n in starts
        )


def pack(order: Order, lines: Pipeline, space: dict[str, Any], measured: Callable[[], None]) -> Packed:
    """Measure the model, say that it is `measured`, and write its service."""
    from nb2prod import probe  # it needs NumPy, which the process that reads the result does without

    found = _settled(order, lines, space)
    metrics, baseline = judged(found)
    compared = against(found)
    measured()
    name = bundle.Name.of(order.notebook.stem)
    lifted = lift(found, space, lines, module=name.module)
    table = fields.learn(found)
    held = asked(found, table)
    schema = described(found, table, order.rules)
    fast = probe.verdict(found.model, schema, held.rows)
    schema |= {"fast": fast.how, **reasons(found.model, schema, held.rows)}
    parts = parted(order.notebook.name, found, schema, lifted, _card(found, metrics, baseline, compared))
    made = bundle.contents(parts)
    leaked = leaks.guard({p: data for p, data in made.items() if not p.startswith(bundle.RUNTIME)}, lines, order.rules)
    bundle.write(made, Path(order.folder))
    environment = (*parts.pins.direct, *parts.pins.indirect)
    licences = sbom.licences(environment)
    return Packed(
        kind=found.kind,
        name=name,
        version=bundle.version(made),
        metrics=metrics,
        baseline=baseline,
        compared=compared,
        held=held.calls(BATCH),
        hostile=at_the_edges(found.model, schema, held).calls(BATCH),
        single=held.calls(1)[:SINGLES],
        faulty=_faulty(held.rows[0], schema),
        licences=licences,
        size=risk.size(sum(map(len, made.values())), pins.installed_bytes(environment)),
        security=security.findings(made, leaked, licences),
        fast=fast,
        environment=environment,
        model=_described(found, lifted),
        data={"train": _digest(found.train), "held_out": _digest(found.held)},
    )


def described(candidate: Candidate, table: fields.Table, rules: Rules) -> Json:
    """Describe what a service is asked and answers, for the service itself."""
    import numpy as np

    labels = np.asarray(getattr(candidate.model, "classes_", ())).tolist() if candidate.kind == "classification" else []
    return {
        "kind": candidate.kind,
        "container": table.container,
        "fields": [asdict(f) | {"key": f.key} for f in table.fields],
        "policy": {
            "unknown": rules.unknown,
            "ranges": rules.ranges,
            "log": asdict(rules.log),
            "drift": asdict(rules.drift),
        },
        "labels": labels,
        "classes": [str(label) for label in labels],
        "probabilities": candidate.probabilities(candidate.held.x[:1]) is not None,
    }


def parted(notebook: str, found: Candidate, schema: Json, lifted: Lifted, card: Json) -> bundle.Parts:
    """Gather what the service of a model is made of."""
    from nb2prod import openapi, profile  # likewise

    name = bundle.Name.of(notebook.removesuffix(".ipynb"))
    helpers, modules = local(lifted.modules, Path.cwd())
    about = f"Answers with the model '{found.name}' of {notebook}."
    row = {f["key"]: f["example"] for f in schema["fields"]}
    answer = answers(found.model, schema, [row])[0]
    files = {
        "profile.json": json.dumps(profile.of(found, schema), ensure_ascii=False).encode(),
        "model.pkl": lifted.model,
        "values.pkl": lifted.values,
        f"{name.module}.py": lifted.source.encode(),
    }
    return bundle.Parts(
        notebook=notebook,
        name=name,
        about=about,
        schema=schema,
        request={"rows": [row]},
        answer=[answer],
        openapi=openapi.document(name.tag, lifted.digest[:16], about, schema, answer),
        card=card | {"fields": schema["fields"], "policy": schema["policy"]},
        digest=lifted.digest,
        files={path: data for path, data in files.items() if data} | helpers,
        pins=pins.pins(modules | RUNTIME | {name for name in OPTIONAL if importlib.util.find_spec(name)}),
    )


def answers(model: Any, schema: Mapping[str, Any], rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Write what a model says of rows as its service will."""
    from nb2prod import probe
    from nb2prod.serving.answers import told
    from nb2prod.serving.table import Table

    checked = Table.of(schema).check(rows, most=len(rows))
    return told(schema, checked, probe.asked(model, schema, checked))


def _settled(order: Order, lines: Pipeline, space: dict[str, Any]) -> Candidate:
    """Load what the code speaks of, and all the rest only when that does not tell what the model learnt from."""
    seen, named, store = clues.of(lines), candidate.chosen(lines), open_store(order.store)
    names = named.names.union(*(clue.names for clue in seen))
    restore(store, needed(order.values, names), space)
    last = lines.stages[-1].code_cells[-1].index
    try:
        return candidate.settle(seen, space, named, last)
    except TrainingRowsMissing:
        restore(store, order.values, space)
        return candidate.settle(seen, space, named, last)


def judged(found: Candidate) -> tuple[dict[str, float], Rival]:
    """Measure a candidate and its rival on the held-out rows."""
    said, chances = found.predict(found.held.x), found.probabilities(found.held.x)
    classes = getattr(found.model, "classes_", None)
    return measure(found.kind, found.held.y, said, chances, classes), rival(found.kind, found.train.y, found.held.y)


def against(found: Candidate) -> Comparison:
    """Say by how much a candidate is better than its rival, whichever rows had been held out."""
    said, chances = found.predict(found.held.x), found.probabilities(found.held.x)
    mine = Said(predicted=said, probabilities=chances, classes=getattr(found.model, "classes_", None))
    return compare(found.kind, found.held.y, mine, guess(found.kind, found.train.y, len(found.held))[1])


def asked(found: Candidate, table: fields.Table) -> Held:
    """Choose the rows of a rehearsal, evenly over those held out, and ask the model itself."""
    step = -(-len(found.held) // MOST)
    x = found.held.x.iloc[::step] if hasattr(found.held.x, "iloc") else found.held.x[::step]
    chances = found.probabilities(x)
    names = [str(c) for c in getattr(found.model, "classes_", ())]
    return Held(
        rows=tuple(fields.records(x, table, found.model)),
        predictions=tuple(found.predict(x).tolist()),
        probabilities=None
        if chances is None
        else tuple(dict(zip(names, row, strict=True)) for row in chances.tolist()),
    )


def at_the_edges(model: Any, schema: Mapping[str, Any], held: Held) -> Held:
    """Choose rows that are at the edges of what was seen, and that the model has an answer to."""
    from nb2prod import probe
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


def _card(found: Candidate, metrics: Mapping[str, float], baseline: Rival, compared: Comparison) -> Json:
    return {
        "model": found.name,
        "class": _class(found.model),
        "trained": len(found.train),
        "rows": len(found.held),
        "labels": [str(c) for c in getattr(found.model, "classes_", ())][:100],
        "metrics": metrics,
        "intervals": compared.intervals,
        "metric": compared.metric,
        "better_by": compared.better_by,
        "baseline": {"name": baseline.name, "metrics": baseline.metrics},
    }


def _faulty(row: Json, schema: Json) -> tuple[Fault, ...]:
    """Return a request without one of the fields."""
    key = schema["fields"][0]["key"]
    return (Fault(request={"rows": [{k: v for k, v in row.items() if k != key}]}, word=key),)


def _described(found: Candidate, lifted: Lifted) -> dict[str, Any]:
    rows = {"train": len(found.train), "held_out": len(found.held)}
    return {"name": found.name, "kind": found.kind, "class": _class(found.model), "sha256": lifted.digest, "rows": rows}


def _class(model: Any) -> str:
    cls = type(model)
    return cls.__qualname__ if cls.__module__ == "__main__" else f"{cls.__module__}.{cls.__qualname__}"


def _digest(rows: candidate.Rows) -> str:
    return hashlib.sha256(pickle.dumps((rows.x, rows.y), protocol=5)).hexdigest()
