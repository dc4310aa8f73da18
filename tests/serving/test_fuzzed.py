"""Whatever a product or a function is asked, it answers or says what is wrong; it never fails."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any, Literal, TypedDict

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

import shops
from shops import call

from nb2prod.bundle import bento
from nb2prod.bundle.lift import Lifted
from nb2prod.candidates.functions import Function
from nb2prod.notebook import Notebook
from nb2prod.packers import function as functions
from nb2prod.packers.product import keep, parted
from nb2prod.serving.core import Core
from nb2prod.serving.filters import OPERATIONS, OWN
from nb2prod.serving.middleware import Middleware

FRAME = pd.DataFrame(
    {
        "city": ["Köln", None, "Oslo"],
        "n": np.array([1, -2, 3], dtype="int16"),
        "x": [0.5, np.nan, np.inf],
        "at": pd.date_range("2026-01-01", periods=3, tz="UTC"),
        "tags": [["a"], None, []],
    }
)
BOOK = Notebook(name="book.ipynb", cells=())


class Item(TypedDict):
    price: float
    count: int


def predict(item: Item, kind: Literal["a", "b"] = "a", notes: list[str] | None = None) -> dict[str, Any]:
    """Divide, and look up: both fail for some rows."""
    return {"each": item["price"] / item["count"], "first": notes[0] if notes else kind}


def door(parts: bento.Parts, folder: Path) -> Middleware:
    bento.write(bento.contents(parts), folder)
    hashes = {path: hashlib.sha256(parts.files[path]).hexdigest() for path in parts.guarded}
    core = Core(folder, digest=parts.digest, files=hashes)
    core.load()
    return Middleware(shops.elsewhere, core=core, environ={})


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Middleware:
    parts = parted(BOOK, {"shops": keep("shops", FRAME)}, (), {})
    return door(parts, tmp_path_factory.mktemp("product"))


@pytest.fixture(scope="module")
def function(tmp_path_factory: pytest.TempPathFactory) -> Middleware:
    import cloudpickle

    found = Function(cell=0, call=predict, examples=({"item": {"price": 3.0, "count": 2}},))
    parts = functions.parted(BOOK, found, functions.learn(found), Lifted(model=cloudpickle.dumps(predict)))
    return door(parts, tmp_path_factory.mktemp("function"))


NAMES = st.sampled_from([*FRAME.columns, *OWN, "gone", ""]) | st.text(max_size=5)
OPERATION = st.sampled_from(["", *(f"__{one}" for one in OPERATIONS["number"]), "__contains", "__x"])
VALUE = st.sampled_from(["1", "-2", "0.5", "true", "Oslo", "2026-01-02T00:00:00Z", "n", "-x", "", "nan"]) | st.text(
    max_size=8
)
QUERY = st.lists(st.tuples(NAMES, OPERATION, VALUE), max_size=4)


@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(QUERY, st.sampled_from(["", ".json", ".csv", ".parquet", ".arrow", ".x"]))
def test_any_query_is_answered_or_refused(product: Middleware, query: list[tuple[str, str, str]], ending: str) -> None:
    from urllib.parse import quote

    text = "&".join(f"{quote(name + operation)}={quote(value)}" for name, operation, value in query)
    status, said, headers = call(product, f"/tables/shops{ending}", query=text)

    assert status in {200, 400, 404}
    assert status == 200 or said["error"]
    assert status != 200 or int(headers["x-total-count"]) <= 3


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
ITEM = st.fixed_dictionaries({"price": st.floats() | st.integers(), "count": st.integers(-1, 2)})
ROW = st.fixed_dictionaries({"item": ITEM}, optional={"kind": st.sampled_from(["a", "b", "c"]), "notes": JSON})


@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(ROW | JSON, max_size=3) | JSON)
def test_any_row_is_answered_or_refused(function: Middleware, rows: Any) -> None:
    status, said, _ = call(function, "/predict", json.dumps({"rows": rows}).encode())

    assert status in {200, 400, 422}
    if status != 200:
        assert said["error"]
        return
    for row, answer in zip(rows, said, strict=True):
        assert row.keys() <= {"item", "kind", "notes"}
        assert answer["prediction"]["each"] == row["item"]["price"] / row["item"]["count"]
