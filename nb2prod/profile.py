"""Profile: how the rows that a model was trained on are spread, and its answers to held-out rows, in bins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nb2prod.serving.answers import columns, names
from nb2prod.serving.bins import LEAST, Array, Bins, named, numbered
from nb2prod.serving.table import Rows, Table

MOST = 10_000  # rows that are looked at, evenly chosen

Json = dict[str, Any]


def document(schema: Mapping[str, Any], rows: Sequence[Json], held: Rows, answer: Any) -> Json:
    """Describe rows without telling of any: counts in bins, each of at least `LEAST` rows.

    Args:
        schema: Of the service.
        rows: Training rows, as a client would send them.
        held: Held-out rows.
        answer: The model's answer to them.
    """
    table = Table.of(schema)
    features = [_feature(raw, rules, rows) for raw, rules in zip(schema["fields"], table.columns, strict=True)]
    said = columns(held, answer)[len(features) :]
    predictions = [
        _written(_bins(key, values), values) for key, values in zip(names(schema, answer), said, strict=True)
    ]
    return {"rows": len(rows), "least": LEAST, "features": features, "predictions": predictions}


def _feature(raw: Mapping[str, Any], rules: Any, rows: Sequence[Json]) -> Json:
    values = [row[raw["key"]] for row in rows]
    taken = rules.take(values)
    if taken is None:  # some of what it was trained on is refused, such as infinity
        taken = rules.take([value for value in values if not list(rules.faults([value], [0]))])
    if raw["kind"] == "time":
        bins = Bins(key=raw["key"], kind="name")  # later than the training rows is no news of a time
    elif raw["categories"] or raw["kind"] == "boolean":
        bins = named(raw["key"], taken)
    elif raw["kind"] == "text":
        bins = numbered(raw["key"], taken, kind="length")
    else:
        bins = numbered(raw["key"], taken)
    return _written(bins, taken) | _middle(raw, taken)


def _bins(key: str, values: Array) -> Bins:
    """Choose bins by what values are."""
    return numbered(key, values) if values.dtype.kind == "f" else named(key, values)


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
