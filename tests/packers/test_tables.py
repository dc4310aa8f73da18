"""A table is given out as the notebook has it, or is refused with the column that stands in the way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from nb2prod.errors.products import TableUnclear
from nb2prod.packers.tables import counts, expected, published


def test_an_index_that_says_something_is_columns() -> None:
    frame = pd.DataFrame({"shop": ["a", "b", "a"], "year": [1, 1, 2], "sold": [5, 6, 7]})

    assert published("t", frame.groupby("shop")["sold"].sum()).rows.to_pydict() == {"shop": ["a", "b"], "sold": [12, 6]}
    assert published("t", frame.groupby(["shop", "year"]).sum()).rows.column_names == ["shop", "year", "sold"]
    assert published("t", frame.describe()).rows.column_names[0] == "index"


def test_row_numbers_left_by_a_filter_say_nothing() -> None:
    frame = pd.DataFrame({"sold": [5, 6, 7]})

    assert published("t", frame[frame["sold"] > 5]).rows.to_pydict() == {"sold": [6, 7]}


def test_columns_of_two_levels_get_one_name() -> None:
    frame = pd.DataFrame({"a": [1, 1], "b": [2, 3]}).groupby("a").agg({"b": ["min", "max"]})

    assert published("t", frame).rows.column_names == ["a", "b_min", "b_max"]


def test_types_that_only_pandas_has_become_those_that_all_have() -> None:
    frame = pd.DataFrame(
        {
            "kind": pd.Categorical(["x", None]),
            "month": pd.period_range("2026-01", periods=2, freq="M"),
            "half": np.array([0.5, 1.5], dtype="float16"),
            "none": [None, None],
            "whole": pd.array([1, None], dtype="Int64"),
        }
    )
    made = published("t", frame)

    assert made.rows.to_pydict() == {
        "kind": ["x", None],
        "month": ["2026-01", "2026-02"],
        "half": [0.5, 1.5],
        "none": [None, None],
        "whole": [1, None],
    }
    assert [column["kind"] for column in made.columns] == ["text", "text", "number", "text", "integer"]
    assert made.nulls == 0.4


def test_tables_of_arrow_are_taken_as_they_are() -> None:
    assert published("t", pa.table({"a": [1, 2]})).rows.to_pydict() == {"a": [1, 2]}


@pytest.mark.parametrize(
    ("frame", "column"),
    [
        (pd.DataFrame({"a": [1, "x"]}), "a"),
        (pd.DataFrame({"a": [object()]}), "a"),
        (pd.DataFrame({"a": [1 + 2j]}), "a"),
        (pd.DataFrame({"a": [b"bytes"]}), "a"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "a"),
        (pd.DataFrame({"a": [1]}, index=pd.Index(["x"], name="a")), "a"),
        (pd.DataFrame({1: [1], "1": [2]}), "1"),
    ],
)
def test_what_others_cannot_read_is_refused_by_column(frame: pd.DataFrame, column: str) -> None:
    with pytest.raises(TableUnclear, match=f"NB470: The column '{column}'"):
        published("t", frame)


def test_what_a_service_must_say_is_taken_from_the_notebooks_own_values() -> None:
    frame = pd.DataFrame({"n": range(500), "x": np.linspace(0, 1, 500), "at": pd.date_range("2026", periods=500)})
    frame.loc[3, "x"] = np.nan
    rows = expected(published("t", frame), frame)

    assert len(rows) == 200
    assert rows[3] == {"n": 3, "x": None, "at": "2026-01-04T00:00:00"}
    assert rows[-1] == {"n": 499, "x": 1.0, "at": "2027-05-15T00:00:00"}


def test_a_filter_is_counted_apart_from_the_service() -> None:
    frame = pd.DataFrame({"shop": ["a", "b", "b"], "good": [True, True, False]})

    assert list(counts(published("t", frame))) == [("shop__eq=b", 2), ("good__eq=true", 2)]


def test_an_empty_table_is_a_table() -> None:
    empty: dict[str, Any] = {"a": pd.Series([], dtype="int64"), "b": pd.Series([], dtype="str")}
    made = published("t", pd.DataFrame(empty))

    assert made.rows.num_rows == 0
    assert [column["kind"] for column in made.columns] == ["integer", "text"]
    assert made.nulls == 0
