from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from nb2prod import tables
from nb2prod.errors.stores import NotATable

FRAME = pd.DataFrame({"x": [1.5, 2.5], "s": ["a", None], "at": pd.to_datetime(["2026-01-01", "2026-01-02"])})


def test_a_frame_as_parquet_and_arrow_comes_back_equal(tmp_path: Path) -> None:
    frame = FRAME.set_index("at")
    tables.write(frame, tmp_path / "f.parquet")
    tables.write(frame, tmp_path / "f.arrow")
    arrow = pa.ipc.open_file(pa.memory_map(str(tmp_path / "f.arrow"))).read_all().to_pandas()

    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "f.parquet"), frame)
    pd.testing.assert_frame_equal(arrow, frame)


def test_a_frame_as_csv_has_its_index_when_that_says_something(tmp_path: Path) -> None:
    tables.write(FRAME[["x"]], tmp_path / "a.csv")
    tables.write(FRAME[["x"]].set_axis(["p", "q"]), tmp_path / "b.csv")

    assert (tmp_path / "a.csv").read_text() == "x\n1.5\n2.5\n"
    assert (tmp_path / "b.csv").read_text() == ",x\np,1.5\nq,2.5\n"


@pytest.mark.parametrize("value", [np.arange(6.0).reshape(2, 3), [1, 2], pd.Series([1, 2])])
def test_arrays_are_written_as_they_are(tmp_path: Path, value: Any) -> None:
    tables.write(value, tmp_path / "a.npy")

    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), np.asarray(value))


@pytest.mark.parametrize(
    ("value", "columns"),
    [
        (np.zeros((2, 2)), ["column_0", "column_1"]),
        (pd.Series([1, 2], name="n"), ["n"]),
        ([{"a": 1}, {"a": 2}], ["a"]),
        (pa.table({"a": [1]}), ["a"]),
    ],
)
def test_what_is_like_a_table_is_one(tmp_path: Path, value: Any, columns: list[str]) -> None:
    tables.write(value, tmp_path / "a.parquet")

    assert list(pd.read_parquet(tmp_path / "a.parquet").columns) == columns


@pytest.mark.parametrize(
    ("value", "name"),
    [({"a": 1}, "a.parquet"), ("text", "a.csv"), ([object()], "a.npy"), (FRAME, "a.xlsx"), (FRAME, "a")],
)
def test_what_is_no_table_is_refused_and_nothing_is_written(tmp_path: Path, value: Any, name: str) -> None:
    with pytest.raises(NotATable, match="NB307"):
        tables.write(value, tmp_path / name)
    assert list(tmp_path.iterdir()) == []
