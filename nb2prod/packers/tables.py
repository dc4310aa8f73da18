"""Published: a notebook's table as a service gives it out: Arrow columns, and what is in each."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

import pyarrow as pa
import pyarrow.compute as pc
from attrs import frozen

from nb2prod.errors.products import TableUnclear

FEW = 50  # distinct values that a form lists
PAGE = 100  # rows that a rehearsal compares as JSON, at a table's start and at its end
FILTERS = 5  # columns by which a rehearsal filters
UNITS: Mapping[str, Any] = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}


@frozen(kw_only=True)
class Published:
    """One table."""

    name: str
    rows: Any  # an Arrow table
    columns: tuple[Mapping[str, Any], ...]

    @property
    def nulls(self) -> float:
        """Return the share of values that are missing."""
        cells = self.rows.num_rows * max(1, self.rows.num_columns)
        return sum(column["nulls"] for column in self.columns) / cells if cells else 0.0


def published(name: str, value: Any) -> Published:
    """Turn a frame or a series into what is given out.

    Raises:
        TableUnclear: A column holds what other programs cannot read, or two columns have one name.
    """
    found = _arrow(name, value)
    twice = sorted({c for c in found.column_names if found.column_names.count(c) > 1})
    if twice:
        raise TableUnclear(name, twice[0], "two columns have this name")
    made = {column: _plain(name, column, found[column]) for column in found.column_names}
    columns = tuple(_described(key, column) for key, column in made.items())
    return Published(name=name, rows=pa.table(made), columns=columns)


def _arrow(name: str, value: Any) -> Any:
    if isinstance(value, pa.Table):
        return value
    if hasattr(value, "to_arrow"):  # polars
        return value.to_arrow()
    frame = _frame(name, value)
    columns = {}
    for column in frame.columns:
        series = frame[column]
        if type(series.dtype).__name__ in {"PeriodDtype", "IntervalDtype"}:
            series = series.astype(str).where(series.notna(), None)
        try:
            columns[column] = pa.Array.from_pandas(series)
        except (pa.ArrowException, TypeError, OverflowError) as wrong:
            raise TableUnclear(name, column, str(wrong).splitlines()[0]) from wrong
    return pa.table(columns)


def _frame(name: str, value: Any) -> Any:
    """Return a frame whose index, if it says anything, is columns like others."""
    import pandas as pd

    frame = value.to_frame(name if value.name is None else value.name) if isinstance(value, pd.Series) else value
    frame = frame.copy(deep=False)
    frame.columns = pd.Index(["_".join(map(str, c)) if isinstance(c, tuple) else str(c) for c in frame.columns])
    index = frame.index
    # Numbers without a name are the places that rows had in another frame.
    if index.nlevels == 1 and index.name is None and pd.api.types.is_integer_dtype(index.dtype):
        return _unique(name, frame)
    own = [
        str(n) if n is not None else ("index" if index.nlevels == 1 else f"level_{k}")
        for k, n in enumerate(index.names)
    ]
    for key in own:
        if key in frame.columns:
            raise TableUnclear(name, key, "its index and a column have this name")
    return _unique(name, frame.rename_axis(index=own).reset_index())


def _unique(name: str, frame: Any) -> Any:
    if not frame.columns.is_unique:
        raise TableUnclear(name, str(frame.columns[frame.columns.duplicated()][0]), "two columns have this name")
    return frame


def _plain(table: str, name: str, column: Any) -> Any:
    """Return a column of one of the types that everybody reads."""
    column = pa.chunked_array([column]) if isinstance(column, pa.Array) else column
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
    elif pa.types.is_null(kind) or pa.types.is_string_view(kind):
        column = column.cast(pa.string())
    elif pa.types.is_float16(kind):
        column = column.cast(pa.float32())
    elif pa.types.is_date64(kind):
        column = column.cast(pa.date32())
    elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or isinstance(kind, pa.BaseExtensionType):
        raise TableUnclear(table, name, f"it holds {kind} values")
    return column


def kind_of(kind: Any) -> str:
    """Say in one word what a column holds."""
    checks = (
        ("boolean", pa.types.is_boolean),
        ("integer", pa.types.is_integer),
        ("number", pa.types.is_floating),
        ("text", lambda t: pa.types.is_string(t) or pa.types.is_large_string(t)),
        ("time", pa.types.is_timestamp),
        ("date", pa.types.is_date),
    )
    return next((word for word, check in checks if check(kind)), "other")


def _described(key: str, column: Any) -> dict[str, Any]:
    kind = kind_of(column.type)
    about: dict[str, Any] = {"key": key, "kind": kind, "dtype": str(column.type), "nulls": column.null_count}
    if kind == "integer":
        bits, signed = column.type.bit_width, pa.types.is_signed_integer(column.type)
        about |= {"least": -(2 ** (bits - 1)) if signed else 0, "most": 2 ** (bits - signed) - 1}
    if kind == "time":
        about |= {"zoned": column.type.tz is not None, "unit": _unit(column)}
    if kind in {"integer", "number", "time", "date"}:
        bounds = pc.min_max(column).as_py()
        about |= {"low": json_of(bounds["min"], about), "high": json_of(bounds["max"], about)}
    if kind in {"text", "boolean"}:
        distinct = column.unique().to_pylist()
        seen = sorted(v for v in distinct if v is not None)
        about["values"] = seen if len(seen) <= FEW else []
    return about


def _unit(column: Any) -> str:
    """Return the coarsest unit that says every time exactly."""
    for unit in UNITS:
        try:
            column.cast(pa.timestamp(unit, column.type.tz))
        except pa.ArrowInvalid:
            continue
        return unit
    return str(column.type.unit)


def json_of(value: Any, about: Mapping[str, Any]) -> Any:
    """Write one value as the service does; made apart from it, to compare with."""
    missing = type(value).__name__ in {"NoneType", "NaTType", "NAType"}
    if missing or (isinstance(value, float) and math.isnan(value)):
        return None
    if about["kind"] == "number":
        number = float(value)  # of NumPy's narrower types, too
        if math.isnan(number):
            return None
        return number if math.isfinite(number) else f"{'-' if number < 0 else ''}Infinity"
    if about["kind"] == "time":
        import pandas as pd

        stamp = pd.Timestamp(value)
        stamp = stamp.tz_convert("UTC").tz_localize(None) if about["zoned"] else stamp
        return stamp.isoformat(timespec=UNITS[about["unit"]]) + ("Z" if about["zoned"] else "")
    if about["kind"] == "date":
        return value.isoformat()
    return {"integer": int, "boolean": bool, "text": str}.get(about["kind"], lambda v: v)(value)


def expected(made: Published, value: Any) -> list[dict[str, Any]]:
    """Return the first and last rows as the service must write them, taken from the notebook's own value.

    Columns whose values JSON has no word for are left out.
    """
    count = made.rows.num_rows
    places = [*range(min(PAGE, count)), *range(max(PAGE, count - PAGE), count)]
    columns = [c for c in made.columns if c["kind"] != "other"]
    cells = {c["key"]: made.rows[c["key"]].take(places).to_pylist() for c in columns}
    if hasattr(value, "index") and hasattr(value, "iloc"):
        frame = _frame(made.name, value)
        # One column at a time: a row of pandas' turns integers beside floats into floats.
        cells = {c["key"]: [frame[c["key"]].iloc[place] for place in places] for c in columns}
    return [{c["key"]: json_of(cells[c["key"]][n], c) for c in columns} for n in range(len(places))]


def counts(made: Published) -> Iterator[tuple[str, int]]:
    """Yield filters by the value of a row in the middle, and how many rows have it; counted apart from the service."""
    if not made.rows.num_rows:
        return
    for about in [c for c in made.columns if c["kind"] not in {"other", "number"}][:FILTERS]:
        values = [json_of(value, about) for value in made.rows[about["key"]].to_pylist()]
        middle = values[len(values) // 2]
        said = {"eq": middle} if middle is not None else {"null": True}
        text = json.dumps(next(iter(said.values()))).strip('"') if not isinstance(middle, str) else middle
        yield urlencode({f"{about['key']}__{next(iter(said))}": text}), values.count(middle)
