"""Selection: the rows and columns of a table that a query asks for, and the formats they are written in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from attrs import frozen
from pyarrow import csv, parquet
from pydantic_core import to_json

from .filters import FEW, Condition, Query


@frozen(kw_only=True)
class Selection:
    """The rows that were asked for, and how many there are of their like."""

    rows: Any  # an Arrow table
    total: int
    offset: int


def select(table: Any, columns: Mapping[str, Mapping[str, Any]], query: Query, *, whole: bool) -> Selection:
    """Select from a table what a query asks for; `whole` is without a limit where the query has none."""
    for condition in query.conditions:
        table = table.filter(_mask(table[condition.column], columns[condition.column], condition))
    if query.sort:
        keys = [(name, "descending" if down else "ascending") for name, down in query.sort]
        table = table.take(pc.sort_indices(table, sort_keys=keys))
    total, most = table.num_rows, query.limit or (None if whole else FEW)
    if query.columns:
        table = table.select(list(query.columns))
    return Selection(rows=table.slice(query.offset, most), total=total, offset=query.offset)


def _mask(column: Any, about: Mapping[str, Any], condition: Condition) -> Any:
    """Say which rows a condition holds for; one without a value satisfies none but `null`."""
    if condition.operation == "null":
        return pc.is_null(column) if condition.values[0] else pc.is_valid(column)
    if condition.operation == "contains":
        return pc.match_substring(column, condition.values[0])
    # A number that is between those of a narrower type is compared as it is.
    kind = pa.float64() if about["kind"] == "number" else column.type
    if condition.operation == "in":
        return pc.is_in(column.cast(kind), value_set=pa.array(condition.values, type=kind))
    return COMPARE[condition.operation](column.cast(kind), pa.scalar(condition.values[0], type=kind))


COMPARE = {
    "eq": pc.equal,
    "ne": pc.not_equal,
    "lt": pc.less,
    "lte": pc.less_equal,
    "gt": pc.greater,
    "gte": pc.greater_equal,
}


def written(found: Selection, columns: Mapping[str, Mapping[str, Any]], name: str, kind: str) -> bytes:
    """Write a selection as one of `forms.TABLES`."""
    rows, out = found.rows, BytesIO()
    if kind == "json":
        page = {"table": name, "total": found.total, "offset": found.offset, "rows": records(rows, columns)}
        # JSON has no infinity; as a text it is at least not mistaken for something else.
        return to_json(page, inf_nan_mode="strings")
    if kind == "csv":
        csv.write_csv(_flat(rows, columns), out)
    elif kind == "parquet":
        parquet.write_table(rows, out)
    else:
        with pa.ipc.new_stream(out, rows.schema) as writer:
            writer.write_table(rows)
    return out.getvalue()


def records(rows: Any, columns: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Write rows as JSON has them."""
    names = rows.column_names
    values = [_plain(rows[name], columns[name]).to_pylist() for name in names]
    return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]


def _plain(column: Any, about: Mapping[str, Any]) -> Any:
    """Turn times into texts, as filters take them, as exact as the column needs."""
    if about["kind"] != "time":
        return column
    # Of a zone, Arrow gives the time in Greenwich.
    text = pc.strftime(column.cast(pa.timestamp(about["unit"])), format="%Y-%m-%dT%H:%M:%S")
    return pc.binary_join_element_wise(text, "Z", "") if about["zoned"] else text


def _flat(rows: Any, columns: Mapping[str, Mapping[str, Any]]) -> Any:
    """Write lists and objects as JSON, and times as everywhere: a cell of CSV is a text."""
    made = {}
    for name in rows.column_names:
        column = rows[name]
        if columns[name]["kind"] == "other":
            texts = [None if v is None else json.dumps(v, default=str, ensure_ascii=False) for v in column.to_pylist()]
            column = pa.array(texts, type=pa.string())
        made[name] = _plain(column, columns[name])
    return pa.table(made)
