"""Profile: how the rows that a model was trained on are spread, and its answers to held-out rows, in bins."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from nb2prod.candidates.candidate import Candidate
from nb2prod.packers import fields
from nb2prod.packers.fields import Field, records
from nb2prod.serving import scalars
from nb2prod.serving.answers import Answer, names, spoken, summed
from nb2prod.serving.bins import DIGITS, LEAST, Array, Bins, named, numbered
from nb2prod.serving.table import Table

ENOUGH = 4 * LEAST  # calls of a function that others are held against
MOST = 10_000  # rows that are looked at, evenly chosen
LARGE = 2_000_000  # numbers of these

Json = dict[str, Any]


def of(found: Candidate, schema: Mapping[str, Any]) -> Json:
    """Describe the training rows of a candidate, and what it says of the held-out ones."""
    import numpy as np

    size = sum(math.prod(raw.get("shape", ())) for raw in schema["fields"])
    step = -(-len(found.train) // max(1, min(MOST, LARGE // max(1, size))))
    x = found.train.x.iloc[::step] if hasattr(found.train.x, "iloc") else found.train.x[::step]
    learnt = tuple(Field(**{k: v for k, v in raw.items() if k != "key"}) for raw in schema["fields"])
    rows = records(x, fields.Table(container=schema["container"], fields=learnt), found.model)
    chances = found.probabilities(found.held.x)
    answer = (np.asarray(found.predict(found.held.x)), chances)
    return document(schema, rows, answer, len(found.held))


def document(schema: Mapping[str, Any], rows: Sequence[Json], answer: Answer, count: int) -> Json:
    """Describe rows without telling of any: counts in bins, each of at least `LEAST` rows.

    Args:
        schema: Of the service.
        rows: Training rows, as a client would send them.
        answer: The model's answer to held-out rows.
        count: How many these are.
    """
    told = zip(names(schema, answer), spoken(answer, count), strict=True)
    numbers = schema["kind"] != "classification"
    predictions = [_said(key, values, numbers=numbers or key.startswith("probability")) for key, values in told]
    return {"rows": len(rows), "least": LEAST, "features": features(schema, rows), "predictions": predictions}


def of_series(found: Candidate, schema: Mapping[str, Any], judged: Sequence[Json]) -> Json:
    """Describe what a forecaster learnt from, and how far ahead it was judged.

    Clients ask for the same steps again and again, and for which of them is their choice: so those within what was
    judged are one bin, and so are all values that the series, those forecasts, or what was known of its past had.
    """
    import numpy as np

    described = []
    if schema["fields"]:
        learnt = tuple(Field(**{k: v for k, v in raw.items() if k != "key"}) for raw in schema["fields"])
        known = found.held.x if found.train.x is None else found.train.x
        rows = records(known, fields.Table(container=schema["container"], fields=learnt), None)
        columns = zip(schema["fields"], Table.of(schema).columns, strict=True)
        described = [_known(raw, c, rows) for raw, c in columns]
    said = [one[key] for one in judged for key in ("prediction", "low", "high") if key in one]
    values = np.concatenate([np.asarray(y, dtype=float).ravel() for y in (found.train.y, found.held.y, said)])
    steps = np.arange(1, len(judged) + 1)
    step = Bins(key="step", kind="number", edges=[len(judged) + 1])
    inside = Bins(key="prediction", kind="number", edges=_around(values[np.isfinite(values)]))
    described.append({**step.json(), "counts": step.count(steps).tolist()})  # however few: it tells of nobody
    return {"rows": len(values), "least": LEAST, "features": described, "predictions": [_written(inside, values)]}


def _known(raw: Mapping[str, Any], rules: Any, rows: Sequence[Json]) -> Json:
    """Describe what was known of each step of the past: between which numbers it was."""
    import numpy as np

    values = rules.take([row[raw["key"]] for row in rows])
    if raw["kind"] not in {"integer", "number"} or values is None or values.dtype.kind not in "iuf":
        return _feature(raw, rules, rows) | {"names": [], "edges": [], "kind": "name", "counts": [len(rows), 0]}
    finite = values[np.isfinite(values)]
    edges = _around(finite) if len(finite) else []
    return _written(Bins(key=raw["key"], kind="number", edges=edges), values)


def _around(values: Array) -> list[float]:
    """Return two edges between which values lie, of as many digits as all edges have."""
    import numpy as np

    ends = []
    for end, away in ((float(values.min()), -1), (float(values.max()), 1)):
        near = float(f"{end:.{DIGITS}g}")
        step = 10.0 ** (np.floor(np.log10(abs(near) or 1.0)) - DIGITS + 1)
        ends.append(near if (near - end) * away > 0 else float(f"{near + away * step:.{DIGITS}g}"))
    return ends


def of_calls(rows: Sequence[Any], answers: Sequence[Any]) -> tuple[Json, Json]:
    """Describe what a notebook called its function with, and what it said; and where in a request that is found."""
    parts, watched = {}, {}
    for part, given, head in (("features", rows, ()), ("predictions", answers, ("prediction",))):
        paths = scalars.found(given)
        parts[part] = [_scalar((*head, *path), scalars.column(given, path, kind), kind) for path, kind in paths.items()]
        watched[part] = [{"path": list(path), "kind": kind} for path, kind in paths.items()]
    return {"rows": len(rows), "least": LEAST, **parts}, watched


def _scalar(path: Sequence[str], values: Array, kind: str) -> Json:
    key = ".".join(path)
    bins = named(key, values) if kind != "number" else numbered(key, values)
    if kind == "text" and not bins.names:
        bins = numbered(key, values, kind="length")
    # What few calls show is nothing to hold others against.
    return _written(bins, values if len(values) >= ENOUGH else values[:0])


def _said(key: str, values: Array, *, numbers: bool) -> Json:
    return _written(numbered(key, values) if numbers and values.dtype.kind in "iuf" else named(key, values), values)


def features(schema: Mapping[str, Any], rows: Sequence[Json]) -> list[Json]:
    """Describe the fields of rows."""
    return [_feature(raw, c, rows) for raw, c in zip(schema["fields"], Table.of(schema).columns, strict=True)]


def _feature(raw: Mapping[str, Any], rules: Any, rows: Sequence[Json]) -> Json:
    values = [row[raw["key"]] for row in rows]
    taken = rules.take(values)
    if taken is None:  # some of what it was trained on is refused, such as infinity
        taken = rules.take([value for value in values if not list(rules.faults([value], [0]))])
    taken = summed(taken)
    if raw["kind"] == "time":
        bins = Bins(key=raw["key"], kind="name")  # later than the training rows is no news of a time
    elif raw["categories"] or raw["kind"] == "boolean":
        bins = named(raw["key"], taken)
    elif raw["kind"] == "text":
        bins = numbered(raw["key"], taken, kind="length")
    else:
        bins = numbered(raw["key"], taken)
    return _written(bins, taken) | _middle(raw, taken)


def _written(bins: Bins, values: Array) -> Json:
    counts = bins.count(values)
    # Some, but fewer than enough: that they are missing, or unlike the others, would tell of them.
    counts[(counts > 0) & (counts < LEAST)] = 0
    return {**bins.json(), "counts": counts.tolist()}


def _middle(raw: Mapping[str, Any], values: Array) -> Json:
    """Give the quartiles of numbers, rounded, for people to read."""
    import numpy as np

    if raw["kind"] not in {"integer", "number"} or raw["categories"] or values.dtype.kind not in "iuf":
        return {}
    whole = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    if len(whole) < ENOUGH:
        return {}
    return {"quartiles": [float(f"{q:.3g}") for q in np.quantile(whole, [0.25, 0.5, 0.75]).tolist()]}
