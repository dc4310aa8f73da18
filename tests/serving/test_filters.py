"""A query selects what pandas would, and says all that is wrong with it."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from nb2prod.packers.tables import published
from nb2prod.serving.faults import Refused
from nb2prod.serving.filters import Query, Reader
from nb2prod.serving.selection import select, written

FRAME = pd.DataFrame(
    {
        "city": ["Köln", "Oslo", None, "Paris, France", "Oslo"],
        "small": np.array([1, -2, 3, 4, 5], dtype="int8"),
        "share": [0.5, np.nan, np.inf, -1.5, 0.1],
        "narrow": np.array([0.5, 0.25, 0.125, 1, 2], dtype="float32"),
        "good": [True, False, True, None, False],
        "day": [pd.Timestamp(f"2026-01-0{n}").date() for n in range(1, 6)],
        "at": pd.date_range("2026-01-01", periods=5, freq="90min"),
        "zoned": pd.date_range("2026-01-01", periods=5, freq="h", tz="Europe/Berlin"),
        "tags": [["a"], [], ["b", "c"], None, ["a"]],
    }
)
FRAME["good"] = FRAME["good"].astype("boolean")
TABLE = published("shops", FRAME)
COLUMNS: dict[str, Any] = {column["key"]: column for column in TABLE.columns}


def selected(query: str) -> list[int]:
    """Select from the table, and return the places of the rows."""
    found = select(TABLE.rows, COLUMNS, Reader(COLUMNS).read(query), whole=True)
    return [FRAME["small"].tolist().index(value) for value in found.rows["small"].to_pylist()]


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ("", [0, 1, 2, 3, 4]),
        ("city=Oslo", [1, 4]),
        ("city__ne=Oslo", [0, 3]),
        ("city__in=Oslo,Köln", [0, 1, 4]),
        ("city__contains=France", [3]),
        ("city__null=true", [2]),
        ("city__null=false&small__gte=4", [3, 4]),
        ("small__lt=0", [1]),
        ("small__in=1,3", [0, 2]),
        ("share__gt=0.2", [0, 2]),
        ("share__lte=-1e0", [3]),
        ("narrow=0.125", [2]),
        ("narrow__gt=0.9999999999", [3, 4]),
        ("good=true", [0, 2]),
        ("day__gte=2026-01-04", [3, 4]),
        ("day__in=2026-01-01,2026-01-02", [0, 1]),
        ("at__gt=2026-01-01T03:00:00", [3, 4]),
        ("zoned__lte=2025-12-31T23:00:00Z", [0]),
        ("zoned__lte=2026-01-01T01:00:00%2B01:00", [0, 1]),
        ("zoned__lte=2026-01-01T01:00:00+01:00", [0, 1]),
        ("tags__null=true", [3]),
        ("sort=city", [0, 1, 4, 3, 2]),
        ("sort=city,-small", [0, 4, 1, 3, 2]),
        ("sort=-small&limit=2&offset=1", [3, 2]),
        ("offset=9", []),
        ("small__lt=0&city=Köln", []),
    ],
)
def test_what_a_query_asks_for_is_selected(query: str, places: list[int]) -> None:
    assert selected(query) == places


@pytest.mark.parametrize(
    ("query", "faults"),
    [
        ("ctiy=Oslo", [("ctiy", "unknown")]),
        ("city__gte=Oslo", [("city", "filter")]),
        ("small=1.5", [("small", "type")]),
        ("small=many&share=x", [("small", "type"), ("share", "type")]),
        ("small__gt=200", [("small", "range")]),
        ("share__gt=nan", [("share", "type")]),
        ("share__gt=1e999", [("share", "type")]),
        ("share__gt=٣", [("share", "type")]),
        ("good=1", [("good", "type")]),
        ("day=01.02.2026", [("day", "type")]),
        ("at=2026-01-01T00:00:00Z", [("at", "type")]),
        ("zoned__gt=2026-01-01T00:00:00", [("zoned", "type")]),
        ("tags=a", [("tags", "filter")]),
        ("city__null=maybe", [("city", "type")]),
        ("sort=size", [("sort", "unknown")]),
        ("sort=tags", [("sort", "sort")]),
        ("sort=city,-city", [("sort", "twice")]),
        ("columns=city,size", [("columns", "unknown")]),
        ("limit=0", [("limit", "range")]),
        ("limit=99999999", [("limit", "range")]),
        ("offset=-1", [("offset", "range")]),
        ("city=Oslo&city=Paris", [("city", "twice")]),
        ("=1", [("", "unknown")]),
    ],
)
def test_every_fault_of_a_query_is_named(query: str, faults: list[tuple[str, str]]) -> None:
    with pytest.raises(Refused) as refused:
        selected(query)

    assert refused.value.status == 400
    assert [(fault.field, fault.code) for fault in refused.value.faults] == faults


@pytest.mark.parametrize("query", ["%ff=1", "city=%ff", "&".join(f"a{n}=1" for n in range(2000))])
def test_an_address_that_cannot_be_read_is_refused(query: str) -> None:
    with pytest.raises(Refused, match="cannot be read"):
        selected(query)


def test_a_page_in_json_has_a_limit_and_says_how_much_there_is() -> None:
    many = published("many", pd.DataFrame({"n": range(1000)}))
    columns = {column["key"]: column for column in many.columns}
    page = json.loads(written(select(many.rows, columns, Query(offset=950), whole=False), columns, "many", "json"))

    assert page == {"table": "many", "total": 1000, "offset": 950, "rows": [{"n": n} for n in range(950, 1000)]}


def test_json_is_json_whatever_a_table_holds() -> None:
    data = written(select(TABLE.rows, COLUMNS, Query(), whole=True), COLUMNS, "shops", "json")
    rows = json.loads(data, parse_constant=lambda name: pytest.fail(name))["rows"]

    assert [row["share"] for row in rows] == [0.5, None, "Infinity", -1.5, 0.1]
    assert rows[1] | {"at": "2026-01-01T01:30:00", "zoned": "2026-01-01T00:00:00Z", "day": "2026-01-02"} == rows[1]
    assert rows[3]["good"] is None
    assert [row["tags"] for row in rows] == FRAME["tags"].tolist()


def test_every_format_holds_the_same_rows() -> None:
    found = select(TABLE.rows, COLUMNS, Reader(COLUMNS).read("sort=-small&columns=small,share,at"), whole=True)
    read = {
        "csv": lambda data: pd.read_csv(BytesIO(data), parse_dates=["at"]),
        "parquet": lambda data: parquet.read_table(BytesIO(data)).to_pandas(),
        "arrow": lambda data: pa.ipc.open_stream(data).read_all().to_pandas(),
    }
    expected = FRAME.sort_values("small", ascending=False)[["small", "share", "at"]].reset_index(drop=True)

    for kind, reader in read.items():
        pd.testing.assert_frame_equal(reader(written(found, COLUMNS, "shops", kind)), expected, check_dtype=False)
