"""What a service lets in, and what it says to the rest."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from attrs import asdict
from prometheus_client import REGISTRY
from sklearn.linear_model import LinearRegression

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import bad_inputs
import shops
from shops import ask, call

from nb2prod.policy import Log, Rules
from nb2prod.serving.access import Access
from nb2prod.serving.core import Core
from nb2prod.serving.middleware import Middleware

X = shops.frame()
MODEL = shops.model(X)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Middleware:
    return shops.opened(tmp_path_factory.mktemp("shop"), shops.candidate(X, MODEL), Rules(unknown="refuse"))


@pytest.fixture(scope="module")
def lenient(tmp_path_factory: pytest.TempPathFactory) -> Middleware:
    return shops.opened(tmp_path_factory.mktemp("lenient"), shops.candidate(X, MODEL))


@pytest.fixture(scope="module")
def example(door: Middleware) -> dict[str, Any]:
    return shops.example(door)


ROLES = {"number": "hours", "integer": "visits", "text": "note", "category": "plan"}
EXAMPLE = {"hours": 8.0, "visits": 9, "plan": "gold", "city": "Oslo", "note": "text", "wage": 50.0}
BAD = list(bad_inputs.every(EXAMPLE, lambda rows: {"rows": rows}, **ROLES))


def test_the_fast_path_is_in_use_here(door: Middleware) -> None:
    assert door.core.kind.fast is not None


def test_a_good_request_is_answered_as_the_model_answers(door: Middleware) -> None:
    rows = json.loads(X.drop(columns="wage").head(5).to_json(orient="records"))
    status, said = ask(door, *[{**row, "wage": None} for row in rows])

    assert status == 200
    assert [one["prediction"] for one in said] == MODEL.predict(X.head(5).assign(wage=np.nan)).tolist()
    assert set(said[0]) == {"prediction", "probabilities"}


@pytest.mark.parametrize("bad", BAD, ids=[bad.name for bad in BAD])
def test_a_bad_request_is_the_clients_fault(door: Middleware, bad: bad_inputs.Bad) -> None:
    status, said, _ = call(door, "/predict", bad.body, bad.headers, bad.method)

    assert 400 <= status < 500
    assert said["error"]


def test_there_are_more_than_forty_kinds_of_them() -> None:
    assert len({bad.name for bad in BAD}) == len(BAD) > 40


def test_every_fault_is_listed_by_row_and_field(door: Middleware, example: dict[str, Any]) -> None:
    less = {k: v for k, v in example.items() if k != "city"}
    status, said = ask(door, example, {**example, "hours": "8", "visits": None}, {**less, "town": "Oslo"}, 5)
    faults = {(f["row"], f["field"]): f["type"] for f in said["detail"]}

    assert status == 400
    assert said["faults"] == 5
    assert faults == {
        (1, "hours"): "type",
        (1, "visits"): "null",
        (2, "town"): "unexpected",
        (2, "city"): "missing",
        (3, None): "type",
    }
    assert said["detail"][0]["loc"] == ["rows", 1, "hours"]


def test_more_faults_than_anyone_reads_are_counted(door: Middleware, example: dict[str, Any]) -> None:
    status, said = ask(door, *[{**example, "hours": "8"}] * 2000)

    assert (status, said["faults"], len(said["detail"])) == (400, 2000, 1000)
    assert "of which 1,000 are listed" in said["error"]


@pytest.mark.parametrize(
    ("kind", "code"),
    [("NaN as a number", 400), ("17 MB", 413), ("gzip", 415), ("text/csv", 415), ("nothing", 400), ("PUT", 405)],
)
def test_the_status_says_what_kind_of_fault_it_is(door: Middleware, kind: str, code: int) -> None:
    bad = next(b for b in BAD if b.name.endswith(kind))

    assert call(door, "/predict", bad.body, bad.headers, bad.method)[0] == code


def test_nan_is_told_by_its_field(door: Middleware) -> None:
    said = call(door, "/predict", next(b for b in BAD if b.name.startswith("NaN")).body)[1]

    assert [(f["row"], f["field"], f["type"]) for f in said["detail"]] == [(0, "hours", "not_finite")]


@pytest.mark.parametrize("key", ["sha256:", "sha256:abc", "sha256:" + "g" * 64])
def test_a_hash_that_no_key_can_have_is_told_at_once(key: str) -> None:
    with pytest.raises(ValueError, match="64 hexadecimal digits"):
        Access.of({"SERVICE_API_KEYS": key})


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b" ", "it is empty"),
        (b'\xef\xbb\xbf{"rows": []}', "it begins with a byte order mark"),
        ('{"rows": []}'.encode("utf-16"), "it is UTF-16"),
    ],
)
def test_what_other_programs_write_is_told_by_name(door: Middleware, body: bytes, why: str) -> None:
    status, said, _ = call(door, "/predict", body)

    assert (status, why in said["error"]) == (400, True)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("APPLICATION/JSON", 200),
        ('application/json; charset="UTF-8"', 200),
        ("application/json;charset=utf8;v=1", 200),
        ("application/json; charset=utf-8x", 415),
        ("application/json; charset=", 415),
        ("application/json, text/plain", 415),
        ("application/ld+json", 415),
    ],
)
def test_a_content_type_is_read_whole(door: Middleware, example: dict[str, Any], kind: str, status: int) -> None:
    body = json.dumps({"rows": [example]}).encode()

    assert call(door, "/predict", body, {"content-type": kind})[0] == status


def test_a_body_that_does_not_say_its_length_is_counted(door: Middleware) -> None:
    small = Middleware(door.app, core=door.core, environ={"SERVICE_MAX_BODY": "100"})

    assert call(small, "/predict", b" " * 101, {"content-length": "0"})[0] == 413
    assert call(small, "/predict", b"{}", {"content-length": "0"})[0] == 400


def test_an_unknown_category_is_a_warning_where_the_model_knows_what_to_do(
    lenient: Middleware, door: Middleware, example: dict[str, Any]
) -> None:
    row = {**example, "city": "Rome"}
    (status, said), refused = ask(lenient, example, row), ask(door, row)

    assert status == 200
    assert [one.get("warnings") for one in said] == [
        None,
        [
            {
                "field": "city",
                "type": "category",
                "msg": "'Rome' was not seen in training; the model treats it as unknown",
            }
        ],
    ]
    assert (refused[0], refused[1]["detail"][0]["type"]) == (400, "category")
    assert ask(lenient, {**example, "plan": "silver"})[0] == 400


def test_a_policy_may_refuse_numbers_that_were_never_seen(tmp_path: Path, example: dict[str, Any]) -> None:
    strict = shops.opened(tmp_path, shops.candidate(X, MODEL), Rules(ranges="refuse"))

    assert ask(strict, {**example, "hours": 8.0})[0] == 200
    assert ask(strict, {**example, "hours": 80.0})[1]["detail"][0]["type"] == "range"


class Picky(LinearRegression):
    """A model that fails on some numbers, and answers others with none."""

    def predict(self, x: Any) -> Any:
        if (x["n"] > 1e6).any():
            raise ValueError("too large")
        return np.where(x["n"] < 0, np.nan, x["n"])


def test_rows_that_the_model_cannot_answer_are_named(tmp_path: Path) -> None:
    x = pd.DataFrame({"n": np.arange(20.0)})
    fitted = Picky().fit(x, x["n"])
    picky = shops.opened(tmp_path, shops.candidate(x, fitted, "regression"))

    assert ask(picky, {"n": 3.0})[0] == 200
    for value in (1e9, -1.0):
        status, said = ask(picky, {"n": 3.0}, {"n": value})
        assert (status, [f["row"] for f in said["detail"]]) == (422, [1])
        assert said["detail"][0]["type"] == "no_answer"


def test_without_keys_only_this_machine_is_served(door: Middleware, example: dict[str, Any]) -> None:
    body = json.dumps({"rows": [example]}).encode()
    anyone = Middleware(door.app, core=door.core, environ={"SERVICE_ANONYMOUS": "1"})

    assert call(door, "/predict", body)[0] == 200
    assert call(door, "/predict", body, {"host": "[::1]:3000"}, client="::1")[0] == 200
    assert call(door, "/predict", body, client="10.0.0.7")[0] == 403
    assert call(door, "/predict", body, {"host": "shop.example"})[0] == 403  # a name on the web that leads here
    assert call(anyone, "/predict", body, client="10.0.0.7")[0] == 200


def test_with_keys_only_who_has_one_is_served(door: Middleware, example: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(f"sha256:{hashlib.sha256(b'three').hexdigest()}\n", encoding="utf-8")
    environ = {"SERVICE_API_KEYS": "one, two", "SERVICE_API_KEYS_FILE": str(tmp_path / "keys")}
    locked, body = Middleware(door.app, core=door.core, environ=environ), json.dumps({"rows": [example]}).encode()

    for key in ("one", "two", "three"):
        assert call(locked, "/predict", body, {"authorization": f"Bearer {key}"}, client="10.0.0.7")[0] == 200
        assert call(locked, "/predict", body, {"x-api-key": key})[0] == 200
    for headers in ({}, {"authorization": "Bearer four"}, {"authorization": "Basic one"}, {"x-api-key": ""}):
        status, said, found = call(locked, "/predict", body, headers)
        assert (status, found["www-authenticate"]) == (401, "Bearer")
        assert "key is needed" in said["error"]


@pytest.mark.parametrize(("path", "code"), [("/", 200), ("/readyz", 404), ("/livez", 404), ("/docs.json", 401)])
def test_health_and_the_empty_page_need_no_key(door: Middleware, path: str, code: int) -> None:
    locked = Middleware(door.app, core=door.core, environ={"SERVICE_API_KEYS": "one"})

    assert call(locked, path)[0] == code  # 404 is BentoML's app, which stands behind the door


def test_what_is_not_the_services_own_is_bentomls(door: Middleware) -> None:
    assert call(door, "/schema.json")[:2] == (404, "elsewhere")


def test_answers_are_not_guessed_at_by_browsers(door: Middleware, example: dict[str, Any]) -> None:
    headers = call(door, "/predict", json.dumps({"rows": [example]}).encode())[2]

    assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store")


def test_another_model_than_the_released_one_is_not_loaded(door: Middleware) -> None:
    with pytest.raises(RuntimeError, match="not the file that was released"):
        Core(door.core.folder, digest="0" * 64).load()


def test_answers_and_refusals_are_counted(door: Middleware, example: dict[str, Any]) -> None:
    names = ("service_answer_seconds_count", {}), ("service_refused_total", {"status": "400"})
    call(door, "/metrics")  # what others asked here is counted by then
    before = [REGISTRY.get_sample_value(*name) or 0 for name in names]
    ask(door, example)
    ask(door)
    call(door, "/metrics")

    assert [REGISTRY.get_sample_value(*name) for name in names] == [before[0] + 1, before[1] + 1]


class Whole:
    """What BentoML builds: an app whose middleware is a stack."""

    def __init__(self) -> None:
        self.middleware_stack: Any = None
        self.seen: list[str] = []


def test_it_steps_before_bentomls_middleware_when_the_service_starts(door: Middleware, example: dict[str, Any]) -> None:
    whole, body = Whole(), json.dumps({"rows": [example]}).encode()
    inner = Middleware(shops.elsewhere, core=door.core, environ={})

    async def stack(scope: Any, receive: Any, send: Any) -> None:
        whole.seen.append(scope.get("path", scope["type"]))
        await inner(scope, receive, send)

    async def nothing(*_: Any) -> None:
        return None

    whole.middleware_stack = stack
    inner.app, app = nothing, inner.app
    asyncio.run(stack({"type": "lifespan", "app": whole}, nothing, nothing))
    inner.app = app

    assert call(whole.middleware_stack, "/predict", body)[0] == 200
    assert call(whole.middleware_stack, "/schema.json")[:2] == (404, "elsewhere")
    assert whole.seen == ["lifespan", "/schema.json"]


class Slow(LinearRegression):
    def predict(self, x: Any) -> Any:
        time.sleep(0.5 * float(x["n"].iloc[0] == 7.0))
        return super().predict(x)


def test_a_request_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    x = pd.DataFrame({"n": np.arange(20.0)})
    slow = shops.opened(tmp_path, shops.candidate(x, Slow().fit(x, x["n"]), "regression"))
    hurried = Middleware(slow.app, core=slow.core, environ={"SERVICE_TIMEOUT": "0.1"})

    assert ask(hurried, {"n": 6.0})[0] == 200
    assert ask(hurried, {"n": 7.0})[0] == 504


@pytest.fixture
def stateful(door: Middleware, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Middleware:
    """The door of a service that has a place for what it remembers."""
    monkeypatch.setattr(door.core.recorder, "home", tmp_path / "state")
    return door


def policy(monkeypatch: pytest.MonkeyPatch, door: Middleware, log: Log) -> None:
    monkeypatch.setattr(door.core.recorder, "policy", {"log": asdict(log)})


def forget(door: Middleware) -> None:
    """Let what other tests asked be nothing."""
    door.core.recorder.settle()
    door.core.recorder.days.clear()


def test_every_answer_names_its_request(door: Middleware, example: dict[str, Any]) -> None:
    body = json.dumps({"rows": [example]}).encode()
    answers = [call(door, "/predict", body), call(door, "/predict", b"{}"), call(door, "/predict", body)]

    assert [status for status, _, _ in answers] == [200, 400, 200]
    assert len({headers["x-request-id"] for _, _, headers in answers}) == 3


def test_what_was_asked_is_compared_with_the_training_rows(door: Middleware) -> None:
    rows = json.loads(X.to_json(orient="records"))
    forget(door)
    for n in range(200):
        door.core.recorder.due = 0
        ask(door, *rows[n : n + 5])
    door.core.recorder.settle()
    status, said, _ = call(door, "/drift.json")

    assert status == 200
    assert said["traffic"]["requests"] == 200
    assert said["state"] == "stable"
    assert [one["key"] for one in said["features"]] == list(X.columns)
    assert [one["key"] for one in said["predictions"]] == ["prediction", "probability of yes"]


def test_refusals_are_counted_by_what_was_wrong(door: Middleware) -> None:
    forget(door)
    call(door, "/predict", b'{"rows": []}')
    call(door, "/predict", b"nonsense")
    door.core.recorder.settle()

    assert call(door, "/drift.json")[1]["refused"] == {"400 length": 1, "400": 1}


def test_feedback_is_kept(stateful: Middleware, tmp_path: Path) -> None:
    for body in ({"right": True}, {"right": False, "expected": "no", "comment": "Ünlikely", "request": "ab-1"}):
        assert call(stateful, "/feedback", json.dumps(body).encode())[:2] == (201, {"kept": True})
    kept = [json.loads(line) for line in (tmp_path / "state" / "feedback.jsonl").read_text().splitlines()]

    assert [one["right"] for one in kept] == [True, False]
    assert kept[1]["comment"] == "Ünlikely"
    assert call(stateful, "/drift.json")[1]["feedback"] == {"right": 1, "wrong": 1}


def test_feedback_after_one_that_a_kill_cut_short_is_a_line_of_its_own(stateful: Middleware, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "feedback.jsonl").write_text('{"right": true}\n{"rig')
    call(stateful, "/feedback", b'{"right": false}')

    assert call(stateful, "/drift.json")[1]["feedback"] == {"right": 1, "wrong": 1}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"{}", "right"),
        (b'{"right": "yes"}', "right"),
        (b'{"right": true, "row": {}}', "row"),
        (b'{"right": true, "comment": 3}', "comment"),
        (json.dumps({"right": True, "comment": "x" * 2001}).encode(), "comment"),
        (b'{"right": true, "expected": [1]}', "expected"),
        (b'{"right": true, "expected": 1e400}', "expected"),
    ],
)
def test_other_feedback_is_refused(stateful: Middleware, tmp_path: Path, body: bytes, field: str) -> None:
    status, said, _ = call(stateful, "/feedback", body)

    assert (status, [fault["field"] for fault in said["detail"]]) == (400, [field])
    assert not (tmp_path / "state").exists()


def test_feedback_that_says_two_things_is_refused(stateful: Middleware) -> None:
    assert call(stateful, "/feedback", b'{"right": true, "right": false}')[0] == 400


def test_feedback_needs_a_place_and_a_key(door: Middleware, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert call(door, "/feedback", b'{"right": true}')[0] == 503
    monkeypatch.setattr(door.core.recorder, "home", tmp_path)
    monkeypatch.setattr(door, "access", Access.of({"SERVICE_API_KEYS": "k"}))
    assert call(door, "/feedback", b'{"right": true}')[0] == 401
    assert call(door, "/drift.json")[0] == 401
    assert call(door, "/feedback", b'{"right": true}', {"x-api-key": "k"})[0] == 201
    assert call(door, "/feedback", b"[" * 20_000, {"x-api-key": "k"})[0] == 413


@pytest.mark.parametrize(("wanted", "kept"), [("none", 0), ("failed", 0), ("refused", 1)])
def test_a_refused_request_is_kept_where_the_policy_says_so(
    stateful: Middleware, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: str, kept: int
) -> None:
    policy(monkeypatch, stateful, Log(requests=wanted))
    _, _, headers = call(stateful, "/predict", b'{"rows": [{}]}', {"x-api-key": "secret"})
    files = list((tmp_path / "state" / "requests").glob("*.json")) if (tmp_path / "state").exists() else []

    assert len(files) == kept
    for file in files:
        assert file.stem == headers["x-request-id"]
        assert "secret" not in file.read_text()


def test_a_model_that_fails_is_an_answer_with_an_id(
    stateful: Middleware, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy(monkeypatch, stateful, Log(requests="failed"))
    body = json.dumps({"rows": [shops.example(stateful)]}).encode()
    monkeypatch.setattr(stateful.core.kind, "model", None)
    monkeypatch.setattr(stateful.core.kind, "fast", None)
    status, said, headers = call(stateful, "/predict", body)

    assert status == 500
    assert headers["x-request-id"] in said["error"]
    assert (tmp_path / "state" / "requests" / f"{headers['x-request-id']}.json").exists()
