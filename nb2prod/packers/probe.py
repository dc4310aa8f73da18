"""Probe: rows that would tell a service's fast path from the model itself, and whether any does."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import frozen

from nb2prod.serving.answers import finite
from nb2prod.serving.fast import compile_model
from nb2prod.serving.faults import Refused
from nb2prod.serving.frame import framed
from nb2prod.serving.heads import Unknown
from nb2prod.serving.table import Rows, Table

REAL = 100  # rows of those held out
HOSTILE = 400  # rows made of them
SINGLES = 25  # of each kind, asked one by one: a model may add up in another order when it gets one row
Json = dict[str, Any]


@frozen(kw_only=True)
class Verdict:
    """Whether a fast path answers as the model does, bit for bit."""

    used: bool
    rows: int = 0
    how: str | None = None  # the notebook's own transformers get `sheets`, or `frames`
    why: str | None = None  # it is not used


def hostile(schema: Mapping[str, Any], real: Sequence[Json]) -> list[Json]:
    """Make rows at and beyond the edges of what was seen, none of which a service refuses."""
    table, chance = Table.of(schema), random.Random(0)  # noqa: S311  the same rows each time
    changed: list[Json] = []
    for field in schema["fields"]:
        changed += [{**chance.choice(real), field["key"]: value} for value in _edges(field)]
    chance.shuffle(changed)
    every = [
        {f["key"]: edges[n % len(edges)] for f in schema["fields"] if (edges := list(_edges(f)))} for n in range(4)
    ]
    kept = []
    for row in [*(row for row in every if len(row) == len(schema["fields"])), *changed]:
        try:
            table.check([row], most=1)
        except Refused:
            continue
        kept.append(row)
    return kept[:HOSTILE]


def verdict(model: Any, schema: Mapping[str, Any], real: Sequence[Json]) -> Verdict:
    """Find the fastest way to ask a model that gives its own answers, on real rows and on hostile ones."""
    import warnings

    from threadpoolctl import threadpool_limits  # scikit-learn brings it

    found = Verdict(used=False)
    rows = [real[:: max(1, len(real) // REAL)], hostile(schema, real)]
    # One thread, as in the service: more of them wait for each other over a few rows.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")  # of strange values, which are what this is about
        for how in ("sheets", "frames"):
            try:
                found = _tried(model, schema, rows, how)
            except Unknown as unknown:
                return Verdict(used=False, why=f"there is no fast form of {unknown}")
            if found.used:
                break
    return found


def _tried(model: Any, schema: Mapping[str, Any], several: Sequence[Sequence[Json]], how: str) -> Verdict:
    fast, table, count = compile_model(model, schema, sheets=how == "sheets"), Table.of(schema), 0
    for rows in several:
        for part in _batches(table, rows):
            count += part.count
            if not _same(model, schema, fast, part):
                return Verdict(used=False, rows=count, why=f"{part.count} rows got other answers")
    if _said(lambda: fast(table.check(several[0][:1], most=1))) is None:
        return Verdict(used=False, rows=count, why="it answers nothing")
    return Verdict(used=True, rows=count, how=how)


def _batches(table: Table, rows: Sequence[Json]) -> Iterator[Rows]:
    """Yield all rows at once, and some alone."""
    if rows:
        yield table.check(rows, most=len(rows))
    for row in rows[:: max(1, len(rows) // SINGLES)]:
        yield table.check([row], most=1)


def _same(model: Any, schema: Mapping[str, Any], fast: Any, rows: Rows) -> bool:
    """Compare two ways to answer the same rows; where one raises, the other must."""
    import numpy as np

    expected, said = _said(lambda: asked(model, schema, rows)), _said(lambda: fast(rows))
    if expected is None and said is None:
        return True
    if expected is None and rows.count > 1:  # one row spoils all the others
        half = rows.count // 2
        parts = (range(half), range(half, rows.count))
        return all(_same(model, schema, fast, rows.only(list(part))) for part in parts)
    if expected is None or said is None:
        return said is None  # a fast path that raises is left for the slow one; one that answers alone is wrong
    return all(
        (a is None) == (b is None) and (a is None or _equal(np.asarray(a), np.asarray(b)))
        for a, b in zip(expected, said, strict=True)
    )


def asked(model: Any, schema: Mapping[str, Any], rows: Rows) -> tuple[Any, Any]:
    """Ask a model as its service does where there is no fast path."""
    import numpy as np

    frame = framed(rows, schema)
    return np.asarray(model.predict(frame)), np.asarray(model.predict_proba(frame)) if schema["probabilities"] else None


def answered(model: Any, schema: Mapping[str, Any], rows: Rows) -> Iterator[Rows]:
    """Yield the rows that a model has finite answers to, in as few parts as that takes."""
    if not rows.count:
        return
    try:
        finite(asked(model, schema, rows), rows)
    except Exception:  # noqa: BLE001  a model may raise anything
        half = rows.count // 2
        for part in (range(half), range(half, rows.count)) if half else ():
            yield from answered(model, schema, rows.only(list(part)))
        return
    yield rows


def _said(call: Any) -> tuple[Any, Any] | None:
    try:
        predicted, chances = call()
    except Unknown:
        raise
    except Exception:  # noqa: BLE001  a model may raise anything
        return None
    return predicted, chances


def _equal(one: Any, other: Any) -> bool:
    import numpy as np

    if one.shape != other.shape or one.dtype.kind != other.dtype.kind:
        return False
    return bool(np.array_equal(one, other, equal_nan=one.dtype.kind == "f"))


def _edges(field: Mapping[str, Any]) -> list[Any]:
    """Return values of a field at its edges and beyond."""
    gap = [None] if field["nullable"] else []
    if field["categories"]:
        strange = 10**6 if field["kind"] == "integer" else "\N{SNOWMAN} never seen"
        return [*gap, strange, *field["categories"][:50]]
    if field["kind"] == "text":
        return [*gap, "", "\N{SNOWMAN}", "a b c", field["example"]]
    if field["kind"] == "boolean":
        return [*gap, True, False]
    if field["kind"] == "array":
        import numpy as np

        return [field["example"], *(np.full(field["shape"], field[end]).tolist() for end in ("low", "high"))]
    if field["kind"] == "time":
        return [*gap, field["example"], "1970-01-01T00:00:00", "2100-02-28T23:59:59.999999"]
    low, high = field["low"], field["high"]
    wide = high - low or 1.0
    beyond = [low, high, 0, -1, low - wide, high + wide, high + 1e3 * wide]
    if field["kind"] == "integer":
        return [*gap, *map(round, [*beyond, 2**31, 2**53 + 1])]
    tiny = [math.nextafter(low, -math.inf), math.nextafter(high, math.inf), 1e-300, 1e30, 1e300]
    return [*gap, *map(float, beyond), *tiny]
