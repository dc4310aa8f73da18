"""Profile: how the rows that a model was trained on are spread, and its answers to held-out rows, in bins."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from nb2prod.candidates.candidate import Candidate
from nb2prod.packers import fields
from nb2prod.packers.fields import Field, records
from nb2prod.serving.answers import Answer, names, spoken, summed
from nb2prod.serving.bins import LEAST, Array, Bins, named, numbered
from nb2prod.serving.table import Table

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
    features = [_feature(raw, c, rows) for raw, c in zip(schema["fields"], Table.of(schema).columns, strict=True)]
    told = zip(names(schema, answer), spoken(answer, count), strict=True)
    numbers = schema["kind"] != "classification"
    predictions = [_said(key, values, numbers=numbers or key.startswith("probability")) for key, values in told]
    return {"rows": len(rows), "least": LEAST, "features": features, "predictions": predictions}


def _said(key: str, values: Array, *, numbers: bool) -> Json:
    return _written(numbered(key, values) if numbers and values.dtype.kind in "iuf" else named(key, values), values)


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
    if len(whole) < 4 * LEAST:
        return {}
    return {"quartiles": [float(f"{q:.3g}") for q in np.quantile(whole, [0.25, 0.5, 0.75]).tolist()]}
