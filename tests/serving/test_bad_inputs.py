"""Bad requests to services of every kind are the client's fault, and the next good one is answered as before."""

from __future__ import annotations

import hashlib
import json
import pickle
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypedDict

import cloudpickle
import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from statsmodels.tsa.holtwinters import SimpleExpSmoothing

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import bad_inputs
import shops
from shops import call

from nb2prod.bundle import bento
from nb2prod.bundle.lift import Lifted
from nb2prod.candidates.functions import Function
from nb2prod.notebook import Notebook
from nb2prod.packers import function as functions
from nb2prod.packers.product import keep, parted
from nb2prod.policy import Log, Rules
from nb2prod.serving.core import Core
from nb2prod.serving.middleware import Middleware

BOOK = Notebook(name="book.ipynb", cells=())
NOTES = pd.DataFrame({"note": ["good food", "bad food", "good", "bad", "awful", "nice"] * 9})
TABLE = pd.DataFrame(
    {
        "city": ["K\u00f6ln", None, "Oslo"],
        "n": np.array([1, -2, 3], dtype="int16"),
        "x": [0.5, np.nan, np.inf],
        "at": pd.date_range("2026-01-01", periods=3, tz="UTC"),
    }
)


class Item(TypedDict):
    price: float
    count: int


def predict(
    item: Item, kind: Literal["a", 1], at: datetime, notes: list[str] | None = None, more: dict[str, Any] | None = None
) -> float:
    """Say what all of an item cost."""
    return item["price"] * item["count"]


def through(parts: bento.Parts, folder: Path, environ: Mapping[str, str] | None = None) -> Middleware:
    bento.write(bento.contents(parts), folder)
    hashes = {path: hashlib.sha256(parts.files[path]).hexdigest() for path in parts.guarded}
    core = Core(folder, digest=parts.digest, files=hashes, environ=environ or {})
    core.load()
    return Middleware(shops.elsewhere, core=core, environ=environ or {})


@pytest.fixture(scope="module")
def function(tmp_path_factory: pytest.TempPathFactory) -> Middleware:
    found = Function(cell=0, call=predict, examples=({"item": {"price": 3.0, "count": 2}, "kind": "a", "at": NOW},))
    parts = functions.parted(BOOK, found, functions.learn(found), Lifted(model=cloudpickle.dumps(predict)))
    return through(parts, tmp_path_factory.mktemp("function"))


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Middleware:
    labels = NOTES["note"].str.contains("good|nice").map({True: "good", False: "bad"})
    model = make_pipeline(CountVectorizer(), LogisticRegression()).fit(NOTES["note"], labels)
    return shops.opened(tmp_path_factory.mktemp("text"), shops.candidate(NOTES["note"], model))


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Middleware:
    return through(parted(BOOK, {"shops": keep("shops", TABLE)}, (), {}), tmp_path_factory.mktemp("product"))


@pytest.fixture(scope="module")
def forecast(product: Middleware, tmp_path_factory: pytest.TempPathFactory) -> Middleware:
    """A forecaster in the place of the product, whose folder has all that a door asks for."""
    folder = tmp_path_factory.mktemp("forecast")
    for path in product.core.folder.glob("*.*"):
        (folder / path.name).write_bytes(path.read_bytes())
    results = SimpleExpSmoothing(np.arange(30.0), initialization_method="estimated").fit()
    schema = {"kind": "forecast", "model": "model.pkl", "library": "statsmodels", "fields": [], "policy": {}}
    (folder / "schema.json").write_text(json.dumps({**schema, "request": {"horizon": 1}}), encoding="utf-8")
    (folder / "model.pkl").write_bytes(pickle.dumps(results))
    core = Core(folder, digest=hashlib.sha256((folder / "model.pkl").read_bytes()).hexdigest())
    core.load()
    return Middleware(shops.elsewhere, core=core, environ={})


NOW = datetime(2026, 1, 31, 8)
CALL = {"item": {"price": 3.0, "count": 2}, "kind": "a", "at": NOW.isoformat()}
CHANGES = {
    "a text for an object": ("item", '"3"'),
    "a list for an object": ("item", "[3.0, 2]"),
    "null for an object": ("item", "null"),
    "an object without a key": ("item", '{"price": 3.0}'),
    "an object with a key too many": ("item", '{"price": 3.0, "count": 2, "tax": 1}'),
    "an object with a key twice": ("item", '{"price": 3.0, "count": 2, "count": 3}'),
    "a number as text in an object": ("item", '{"price": "3.0", "count": 2}'),
    "a fraction for an integer in an object": ("item", '{"price": 3.0, "count": 2.5}'),
    "true for an integer in an object": ("item", '{"price": 3.0, "count": true}'),
    "NaN in an object": ("item", '{"price": NaN, "count": 2}'),
    "1e400 in an object": ("item", '{"price": 1e400, "count": 2}'),
    "another of the known values": ("kind", '"b"'),
    "true for a known 1": ("kind", "true"),
    "1.0 for a known 1": ("kind", "1.0"),
    "a known value in other case": ("kind", '"A"'),
    "a list of known values": ("kind", '["a"]'),
    "seconds as a time": ("at", "1700000000"),
    "seconds in a text as a time": ("at", '"1700000000"'),
    "a small number in a text as a time": ("at", '"1"'),
    "a date as a time": ("at", '"2026-01-31"'),
    "the 30th of February": ("at", '"2026-02-30T08:00:00"'),
    "a time of the year 10000": ("at", '"10000-01-01T00:00:00"'),
    "a text for a list": ("notes", '"ab"'),
    "a number in a list of texts": ("notes", "[1]"),
    "null in a list of texts": ("notes", "[null]"),
    "lists in a list": ("notes", '[["a"]]'),
    "NaN where anything may be": ("more", '{"a": [{"b": NaN}]}'),
    "Infinity where anything may be": ("more", '{"a": -Infinity}'),
    "1e400 where anything may be": ("more", '{"a": 1e400}'),
    "a list where an object may be": ("more", "[]"),
}
NOTE = {"note": "good food"}
VALUES = {name: ("note", text) for name, text in (
    ("a number for a text", "1"), ("true for a text", "true"), ("null for a text", "null"),
    ("a list of texts", '["a"]'),
    ("an object for a text", "{}"), ("NaN for a text", "NaN"), ("half a surrogate for a text", '"\\ud800"'),
    ("a control character in a text", '"a\x01"'), ("an escape that is none", '"\\x41"'),
)}  # fmt: skip

Wrap: Callable[[list[Any]], Any] = lambda rows: {"rows": rows}  # noqa: E731
BAD = [
    *(("function", bad) for bad in bad_inputs.around(CALL, Wrap, "kind")),
    *(("function", bad) for bad in bad_inputs.calls(CALL, CHANGES)),
    *(("text", bad) for bad in bad_inputs.around(NOTE, Wrap, "note")),
    *(("text", bad) for bad in bad_inputs.calls(NOTE, VALUES)),
    *(("forecast", bad) for bad in bad_inputs.horizons()),
]
GOOD: dict[str, Any] = {"function": {"rows": [CALL]}, "text": {"rows": [NOTE]}, "forecast": {"horizon": 3}}


@pytest.mark.parametrize(("kind", "bad"), BAD, ids=[f"{kind}: {bad.name}" for kind, bad in BAD])
def test_a_bad_request_is_the_clients_fault(kind: str, bad: bad_inputs.Bad, request: pytest.FixtureRequest) -> None:
    door, good = request.getfixturevalue(kind), json.dumps(GOOD[kind]).encode()
    before = call(door, "/predict", good)[1]
    status, said, _ = call(door, "/predict", bad.body, bad.headers, bad.method)

    assert 400 <= status < 500
    assert said["error"]
    assert call(door, "/predict", good)[:2] == (200, before)


QUERIES = list(bad_inputs.queries("n", "x", "at", "city"))


@pytest.mark.parametrize("query", [query for _, query in QUERIES], ids=[name for name, _ in QUERIES])
def test_a_bad_query_is_the_clients_fault(product: Middleware, query: str) -> None:
    for ending in ("", ".csv", ".arrow"):
        status, said, _ = call(product, f"/tables/shops{ending}", query=query)

        assert (status, bool(said["error"])) == (400, True)
    assert call(product, "/tables/shops", query="n__gte=1")[1]["total"] == 2


def test_a_call_that_failed_is_kept_where_the_policy_says_so(tmp_path: Path) -> None:
    found = Function(cell=0, call=late, examples=({"at": 1},))
    rules = Rules(log=Log(requests="failed"))
    parts = functions.parted(BOOK, found, functions.learn(found), Lifted(model=cloudpickle.dumps(late)), rules)
    door = through(parts, tmp_path / "service", {"SERVICE_STATE_DIR": str(tmp_path / "state")})
    status = call(door, "/predict", b'{"rows": [{"at": 9}]}')[0]
    (kept,) = (tmp_path / "state" / "requests").glob("*.json")

    assert status == 422
    assert json.loads(kept.read_text(encoding="utf-8"))["body"] == '{"rows": [{"at": 9}]}'


def late(at: int) -> int:
    """Have no answer after five."""
    if at > 5:
        raise ValueError("too late")
    return at


def test_what_answers_no_rows_says_so(product: Middleware) -> None:
    assert call(product, "/predict", b'{"rows": [{}]}')[0] == 404
