"""Rows in bulk are checked and answered as rows in JSON are."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

sys.path.insert(0, str(Path(__file__).parent))

import shops
from shops import call

from nb2prod.policy import Rules
from nb2prod.serving import bulk, unpacked
from nb2prod.serving.content_types import ARROW, PARQUET
from nb2prod.serving.faults import Refused
from nb2prod.serving.middleware import Middleware
from nb2prod.serving.table import Table

X = shops.frame()
MODEL = shops.model(X)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Middleware:
    return shops.opened(tmp_path_factory.mktemp("bulk"), shops.candidate(X, MODEL))


def packed(table: Any, kind: bytes) -> bytes:
    out = io.BytesIO()
    if kind == PARQUET:
        parquet.write_table(table, out)
    else:
        with pa.ipc.new_stream(out, table.schema) as writer:
            writer.write_table(table)
    return out.getvalue()


def sent(door: Middleware, table: Any, kind: bytes = ARROW) -> tuple[int, Any]:
    status, said, headers = call(door, "/predict", packed(table, kind), {"content-type": kind.decode()})
    if status != 200:
        return status, said
    assert headers["content-type"] == kind.decode()
    return status, pa.ipc.open_stream(said).read_all() if kind == ARROW else parquet.read_table(io.BytesIO(said))


@pytest.mark.parametrize("kind", [ARROW, PARQUET])
def test_bulk_is_answered_as_the_model_answers(door: Middleware, kind: bytes) -> None:
    status, said = sent(door, pa.Table.from_pandas(X, preserve_index=False), kind)

    assert status == 200
    assert said["prediction"].to_pylist() == MODEL.predict(X).tolist()
    assert np.array_equal(said["probability_yes"].to_numpy(), MODEL.predict_proba(X)[:, 1])
    assert said.column_names == ["prediction", "probability_no", "probability_yes"]


def test_the_order_of_columns_and_their_encoding_do_not_matter(door: Middleware) -> None:
    plain = pa.Table.from_pandas(X, preserve_index=False)
    other = plain.select(plain.column_names[::-1])
    other = other.set_column(other.column_names.index("city"), "city", other["city"].dictionary_encode())

    assert sent(door, other)[1].equals(sent(door, plain)[1])


@pytest.mark.parametrize(
    ("change", "faults"),
    [
        (lambda x: x.drop(columns="hours"), {("hours", None, "missing")}),
        (lambda x: x.assign(more=1), {("more", None, "unexpected")}),
        (lambda x: x.assign(hours="8"), {("hours", 0, "type"), ("hours", 1, "type")}),
        (lambda x: x.assign(hours=[1.0, np.inf]), {("hours", 1, "not_finite")}),
        (lambda x: x.assign(hours=[None, 2.0]), {("hours", 0, "null")}),
        (lambda x: x.assign(visits=[1.5, 2.0]), {("visits", 0, "type"), ("visits", 1, "type")}),
        (lambda x: x.assign(plan=["gold", "iron"]), {("plan", 1, "category")}),
        (lambda x: x.iloc[:0], {("rows", None, "length")}),
    ],
)
def test_what_is_wrong_is_told_by_column_and_row(door: Middleware, change: Any, faults: set[Any]) -> None:
    status, said = sent(door, pa.Table.from_pandas(change(X.head(2)), preserve_index=False))

    assert status == 400
    assert {(f["field"], f["row"], f["type"]) for f in said["detail"]} == faults


def test_a_gap_may_be_null_or_nan_where_there_were_gaps(door: Middleware) -> None:
    x = X.head(2).assign(wage=[np.nan, 3.0])
    table = pa.Table.from_pandas(x, preserve_index=False)
    nan = table.set_column(table.column_names.index("wage"), "wage", pa.array([float("nan"), 3.0]))

    assert sent(door, table)[1].equals(sent(door, nan)[1])


def test_a_category_that_was_not_seen_is_warned_of(door: Middleware) -> None:
    said = sent(door, pa.Table.from_pandas(X.head(2).assign(city=["Rome", "Oslo"]), preserve_index=False))[1]

    assert [len(w) for w in said["warnings"].to_pylist()] == [1, 0]


def test_a_value_of_a_dictionary_that_no_row_has_is_no_fault(tmp_path: Path) -> None:
    strict = shops.opened(tmp_path, shops.candidate(X, MODEL), Rules(unknown="refuse"))
    plans = pa.DictionaryArray.from_arrays(pa.array([1] * len(X)), pa.array(["lead", "gold"]))
    table = pa.Table.from_pandas(X, preserve_index=False)
    status, said = sent(strict, table.set_column(table.column_names.index("plan"), "plan", plans))

    assert status == 200
    assert said["prediction"].to_pylist() == MODEL.predict(X.assign(plan="gold")).tolist()


def test_what_is_no_arrow_is_the_clients_fault(door: Middleware) -> None:
    for body in (b"", b"ARROW1", packed(pa.Table.from_pandas(X), ARROW)[:-200], json.dumps({"rows": []}).encode()):
        for kind in (ARROW, PARQUET):
            assert call(door, "/predict", body, {"content-type": kind.decode()})[0] == 400


def test_a_model_without_a_fast_path_gets_its_frame(door: Middleware) -> None:
    fast, door.core.kind.fast = door.core.kind.fast, None
    status, said = sent(door, pa.Table.from_pandas(X, preserve_index=False))
    door.core.kind.fast = fast

    assert status == 200
    assert said["prediction"].to_pylist() == MODEL.predict(X).tolist()


def test_a_stream_ends_where_it_says(door: Middleware) -> None:
    """Rows of a second stream would be forgotten without a word."""
    stream = packed(pa.Table.from_pandas(X.head(2), preserve_index=False), ARROW)
    for body in (stream + stream, stream + b"more"):
        status, said, _ = call(door, "/predict", body, {"content-type": ARROW.decode()})

        assert status == 400
        assert "after its end" in said["error"]


def changed(name: str, column: Any) -> Any:
    table = pa.Table.from_pandas(X.head(2), preserve_index=False)
    return table.set_column(table.column_names.index(name), name, column)


@pytest.mark.parametrize(
    ("name", "column", "fault"),
    [
        ("hours", pa.array([1.0, np.inf], type=pa.float32()), (1, "not_finite")),
        ("hours", pa.array([1.0, np.inf]).cast(pa.float16()), (1, "not_finite")),
        ("hours", pa.array([True, False]), (0, "type")),
        ("hours", pa.array(["1", "2"]), (0, "type")),
        ("hours", pa.array([1, 2]).cast(pa.decimal128(20)), (None, "type")),
        ("visits", pa.array([1, 2**64 - 1], type=pa.uint64()), (1, "range")),
        ("visits", pa.nulls(2), (0, "null")),
        ("note", pa.DictionaryArray.from_arrays(pa.array([0, 1]), pa.array(["a", None])), (1, "null")),
        ("note", pa.array([2**55, 0]).cast(pa.timestamp("s")), (None, "type")),
        ("note", pa.array([0, 0]).cast(pa.timestamp("us", "Of/Nowhere")), (None, "type")),
        ("note", pa.array([0, 0], type=pa.date32()), (None, "type")),
        ("note", pa.array([b"a", b"b"]), (None, "type")),
        ("note", pa.array([["a"], ["b"]]), (None, "type")),
        ("note", pa.array([{"a": 1}, {"a": 2}]), (None, "type")),
        ("note", pa.RunEndEncodedArray.from_arrays(pa.array([2], type=pa.int32()), pa.array(["a"])), (None, "type")),
    ],
)
def test_a_column_of_another_type_is_not_taken_for_what_it_could_be(
    door: Middleware, name: str, column: Any, fault: tuple[int | None, str]
) -> None:
    status, said = sent(door, changed(name, column))

    assert status == 400
    assert (name, *fault) in {(f["field"], f["row"], f["type"]) for f in said["detail"]}


@pytest.mark.parametrize("kind", [pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())])
def test_texts_may_be_kept_in_several_ways(door: Middleware, kind: Any) -> None:
    plain = changed("plan", pa.array(["gold", "basic"]))

    assert sent(door, changed("plan", pa.array(["gold", "basic"]).cast(kind)))[1].equals(sent(door, plain)[1])


@pytest.mark.parametrize("packing", ["zstd", "lz4", None])
@pytest.mark.parametrize("kind", [ARROW, PARQUET])
def test_few_bytes_that_become_many_are_not_unpacked(
    door: Middleware, kind: bytes, packing: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dictionary says a text once; so does Parquet by itself."""
    monkeypatch.setattr(unpacked, "MOST", 1_000_000)
    long, count = (pa.array(["a" * 10_000]), 1000) if packing is None else (pa.array(["a" * 2_000_000]), 1)
    notes = pa.DictionaryArray.from_arrays(pa.array([0] * count, type=pa.int32()), long)
    table = pa.Table.from_pandas(X.head(1), preserve_index=False).take([0] * count)
    table, out = table.set_column(table.column_names.index("note"), "note", notes), io.BytesIO()
    if kind == PARQUET:
        parquet.write_table(table, out, compression=packing or "snappy")
    else:
        with pa.ipc.new_stream(out, table.schema, options=pa.ipc.IpcWriteOptions(compression=packing)) as writer:
            writer.write_table(table)
    status, said, _ = call(door, "/predict", out.getvalue(), {"content-type": kind.decode()})

    assert status == 413
    assert "unpacked" in said["error"]


ROW = {"key": "x", "column": "x", "kind": "array", "dtype": "float32", "shape": [2, 2], "nullable": False}
ARRAYS = Table.of({"fields": [{**ROW, "categories": [], "category": False, "closed": False, "low": 0, "high": 1}]})


@pytest.mark.parametrize("kind", [pa.list_(pa.list_(pa.float32())), pa.list_(pa.list_(pa.int64(), 2), 2)])
@pytest.mark.parametrize("form", [ARROW, PARQUET])
def test_a_field_of_arrays_takes_lists_of_its_shape(kind: Any, form: bytes) -> None:
    given = [[[1, 2], [3, 4]], [[0, 0], [0, 1]]]
    found = bulk.read(packed(pa.table({"x": pa.array(given, type=kind)}), form), form, ARRAYS)

    assert found.arrays[0].tolist() == given


@pytest.mark.parametrize(
    "column",
    [
        pa.array([[1.0, 2.0]]),
        pa.array([[["a"]]]),
        pa.array([1.0]),
        pa.array([[[1.0, 2.0], [3.0]]]),
        pa.array([[[1.0, 2.0]] * 3]),
        pa.array([[[1.0, None], [3.0, 4.0]]]),
        pa.array([[[1.0, np.nan], [3.0, 4.0]]]),
        pa.array([None], type=pa.list_(pa.list_(pa.float64()))),
    ],
)
def test_arrays_of_another_shape_are_refused(column: Any) -> None:
    with pytest.raises(Refused) as refused:
        bulk.read(packed(pa.table({"x": column}), ARROW), ARROW, ARRAYS)

    assert [fault.field for fault in refused.value.faults] == ["x"]


@pytest.mark.parametrize("form", [ARROW, PARQUET])
def test_arrays_of_any_length_are_not_unpacked(form: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacked, "MOST", 1_000_000)
    with pytest.raises(Refused) as refused:
        bulk.read(packed(pa.table({"x": pa.array([[np.zeros(200_000)]])}), form), form, ARRAYS)

    assert refused.value.status == 413


@pytest.mark.parametrize("packing", ["zstd", "lz4"])
def test_a_packed_stream_is_read(door: Middleware, packing: str) -> None:
    table, out = pa.Table.from_pandas(X, preserve_index=False), io.BytesIO()
    with pa.ipc.new_stream(out, table.schema, options=pa.ipc.IpcWriteOptions(compression=packing)) as writer:
        writer.write_table(table)
    status, said, _ = call(door, "/predict", out.getvalue(), {"content-type": ARROW.decode()})

    assert status == 200
    assert pa.ipc.open_stream(said).read_all()["prediction"].to_pylist() == MODEL.predict(X).tolist()
