"""What a service remembers: counts in bins by itself, lines where the policy says so, and never on a request's time."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nb2prod.candidates.candidate import Candidate
from nb2prod.candidates.candidate import Rows as Held
from nb2prod.packers import profile
from nb2prod.packers.profile import of_calls, of_series
from nb2prod.serving import drift, usage
from nb2prod.serving.bins import LEAST, named, numbered
from nb2prod.serving.drift import Limits
from nb2prod.serving.jsonl import JsonLines, read
from nb2prod.serving.kinds.forecast import Served as Forecast
from nb2prod.serving.kinds.function import Calls
from nb2prod.serving.kinds.function import Served as Function
from nb2prod.serving.kinds.product import Served as Product
from nb2prod.serving.models.ahead import Ahead
from nb2prod.serving.recorder import WAITING, Recorder
from nb2prod.serving.table import Rows
from nb2prod.serving.usage import Day, Profile

CHANCE = np.random.default_rng(0)


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=300))
def test_every_bin_of_numbers_holds_enough_rows_and_every_value_has_one(values: list[float]) -> None:
    given = np.array(values, dtype=float)
    bins = numbered("x", given)
    counts = bins.count(given)

    assert counts.sum() == len(values)
    assert counts[-1] == np.isnan(given).sum()
    whole = np.isfinite(given).sum()
    assert not bins.edges or np.bincount(np.searchsorted(bins.edges, given[np.isfinite(given)], "right")).min() >= LEAST
    assert len(bins.edges) < max(1, whole)


@given(st.lists(st.one_of(st.none(), st.booleans(), st.integers(0, 3), st.text(max_size=1)), max_size=200))
def test_a_value_that_few_rows_have_has_no_name(values: list[Any]) -> None:
    given = np.empty(len(values), dtype=object)
    given[:] = values
    bins = named("x", given)

    assert bins.count(given).sum() == len(values)
    assert all(sum(v is not None and type(v) is type(n) and v == n for v in values) >= 1 for n in bins.names)
    assert len(bins.labels()) == bins.size


def test_a_change_is_said_when_it_is_more_than_noise() -> None:
    base, limits = CHANCE.normal(size=5000), Limits()
    bins = numbered("x", base)

    def state(values: Any) -> str:
        return drift.measure("x", bins.count(base), bins.count(values), limits, ordered=True).state

    assert state(CHANCE.normal(size=1000)) == "stable"
    assert state(CHANCE.normal(0.6, size=1000)) == "drift"
    assert state(CHANCE.normal(3, size=100)) == "few"
    assert state(np.full(1000, np.nan)) == "drift"


def test_chance_alone_seldom_exceeds_the_noise() -> None:
    base = CHANCE.choice(list("abcdefghijklmnop"), 3000)
    bins = named("x", base.astype(object))
    then = bins.count(base)
    over = 0
    for _ in range(300):
        now = bins.count(CHANCE.choice(list("abcdefghijklmnop"), 250))
        over += drift.psi(then, now) > drift.noise(len(then), int(then.sum()), int(now.sum()))

    assert over <= 6


def test_distances_are_scipys() -> None:
    distance = pytest.importorskip("scipy.spatial.distance")
    then, now = np.array([10, 20, 30, 0]), np.array([5, 0, 40, 7])

    assert drift.distance(then, now) == pytest.approx(distance.jensenshannon(then, now, 2))
    assert drift.apart(then, now) == pytest.approx(abs(np.cumsum(then / 60) - np.cumsum(now / 52)).max())


def test_lines_stay_within_their_size_and_the_oldest_go_first(tmp_path: Path) -> None:
    lines = JsonLines(folder=tmp_path, most=8000, days=30)
    for n in range(400):
        lines.write([json.dumps({"n": n, "text": "x" * 50}).encode()])
    files = sorted(tmp_path.glob("*.jsonl"), key=lambda p: p.stat().st_mtime_ns)
    kept = [json.loads(line)["n"] for path in files for line in read(path)]

    assert sum(path.stat().st_size for path in files) <= 8000
    assert max(kept) == 399
    assert sorted(kept) == list(range(min(kept), 400))


def test_a_line_that_a_kill_cut_short_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"n": 1}\n{"n": 2}\n{"n"')

    assert read(tmp_path / "a.jsonl") == [b'{"n": 1}', b'{"n": 2}']


BASE = CHANCE.normal(size=3000)
KINDS = CHANCE.choice(["a", "b"], 3000).astype(object)
SAID = np.where(BASE > 0, "yes", "no").astype(object)


def made() -> Profile:
    features, said = [numbered("hours", BASE), named("plan", KINDS)], named("prediction", SAID)
    return Profile(
        features=[(b, b.count(v)) for b, v in zip(features, (BASE, KINDS), strict=True)],
        predictions=[(said, said.count(SAID))],
    )


def rows_of(start: int, count: int, more: float = 0) -> Rows:
    """A request of some rows, whose arrays hold the answers as well."""
    arrays = [column[start : start + count] for column in (BASE, KINDS, SAID)]
    return Rows(count=count, values=(), arrays=[arrays[0] + more, *arrays[1:]])


def watch(home: Path | None = None, **policy: Any) -> Recorder:
    log = {"columns": None, "share": 1.0, "days": 30, "megabytes": 1, "requests": "none", **policy}
    found = Recorder(profile=made(), policy={"log": log, "drift": {"rows": 100}}, release="shop-1", home=home)
    found.columns = lambda asked, _: asked.arrays
    return found


def asked(found: Recorder, requests: int, rows: int = 1) -> None:
    """Ask at leisure."""
    for n in range(requests):
        found.due = 0
        found.record(found.ticket(), rows_of(n * rows, rows), None)
    found.settle()


def test_what_comes_is_counted_and_compared() -> None:
    found = watch()
    asked(found, 400)
    day = found.recent()

    assert (day.requests, day.rows, day.times.sum()) == (400, 400, 400)
    assert found.drift()["state"] == "stable"
    for n in range(3):
        found.due = 0
        found.record(found.ticket(), rows_of(n * 400, 400, more=5), None)
    found.settle()
    assert {one["key"]: one["state"] for one in found.drift()["features"]} == {"hours": "drift", "plan": "stable"}


def test_nothing_is_said_of_few_rows() -> None:
    found = watch()
    asked(found, 20)

    assert found.drift()["state"] == "few"
    assert all(one["now"] == [] for one in found.drift()["features"])


def test_nothing_is_written_of_a_row_unless_the_policy_says_so(tmp_path: Path) -> None:
    found = watch(tmp_path)
    found.start()
    asked(found, 300)
    found.stop()

    assert sorted(p.name for p in tmp_path.iterdir()) == ["seen"]
    assert "yes" not in next((tmp_path / "seen").iterdir()).read_text()


def test_a_line_holds_the_columns_that_are_allowed_and_no_others(tmp_path: Path) -> None:
    found = watch(tmp_path, columns=["plan"])
    asked(found, 2, rows=3)
    path = next((tmp_path / "predictions").iterdir())
    lines = [json.loads(line) for line in read(path)]

    assert [line["columns"] for line in lines] == [{"plan": plan} for plan in KINDS[:6]]
    assert [line["prediction"] for line in lines] == SAID[:6].tolist()
    assert [line["row"] for line in lines] == [0, 1, 2, 0, 1, 2]
    assert len({line["id"] for line in lines}) == 2
    assert lines[0]["release"] == "shop-1"
    assert path.stat().st_mode & 0o077 == 0


def test_a_share_of_the_requests_can_be_enough(tmp_path: Path) -> None:
    found = watch(tmp_path, columns=[], share=0.2)
    asked(found, 1000)
    lines = [line for path in (tmp_path / "predictions").iterdir() for line in read(path)]

    assert 120 < len(lines) < 280


def test_what_was_seen_outlives_the_process(tmp_path: Path) -> None:
    first = watch(tmp_path)
    first.start()
    asked(first, 150)
    first.stop()
    second = watch(tmp_path)
    second.start()
    second.stop()

    assert second.recent().rows == 150


def test_days_before_those_that_are_looked_at_do_not_count() -> None:
    found = watch()
    asked(found, 10)
    found.before = {"2020-01-01": Day(requests=5, rows=5)}

    assert found.recent().rows == 10


def test_no_request_waits_and_of_many_some_are_looked_at() -> None:
    found, count = watch(), 20_000
    begun = time.perf_counter()
    for n in range(count):
        found.record(found.ticket(), rows_of(n % 2000, 1), None)
    took = time.perf_counter() - begun
    found.settle()

    assert took / count < 5e-5
    assert found.recent().requests == found.recent().rows == count
    assert 0 < found.drift()["rows"] <= took * 200 + 1


def test_more_than_can_wait_is_dropped() -> None:
    found = watch()
    asked_for = [found.ticket() for _ in range(WAITING + 500)]
    for ticket in asked_for:
        found.due = 0
        found.record(ticket, rows_of(0, 1), None)

    assert len(found.waiting) == WAITING
    found.settle()
    assert (found.recent().requests, found.drift()["rows"]) == (WAITING + 500, WAITING)


def test_what_is_no_table_is_counted_too() -> None:
    found = watch()
    found.columns = None
    for asked_for in ([{"zone": "far"}] * 3, {"horizon": 7}):
        found.record(found.ticket(), asked_for, None)
    found.settle()

    assert (found.recent().requests, found.recent().rows) == (2, 4)


def test_days_that_are_too_long_ago_are_forgotten(tmp_path: Path) -> None:
    found = watch(tmp_path, days=30)
    found.days["2020-01-01"] = Day(requests=5, rows=5)
    asked(found, 10)
    found._tell()

    assert list(usage.read(tmp_path / "seen")[0]) == list(found.days)
    assert "2020-01-01" not in found.days


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", '{"2026-01-01": {}}', '{"2026-01-01": {"requests": 1, "rows": 1, "times": {"99": 1}}}']
)
def test_a_file_of_which_a_power_cut_left_nothing_is_left_out(tmp_path: Path, text: str) -> None:
    before = watch(tmp_path)
    asked(before, 10)
    before._tell()
    (tmp_path / "seen" / "torn.json").write_text(text, encoding="utf-8")
    found = watch(tmp_path)
    found.start()
    found.stop()

    assert found.recent().requests == 10
    assert usage.read(tmp_path / "seen")[1] == ("torn.json",)


def test_refusals_are_counted_by_reason() -> None:
    found = watch()
    for reason in ("400 missing", "400 missing", "401"):
        found.refused(reason)
    found.settle()

    assert found.recent().refused == {"400 missing": 2, "401": 1}


def test_quantiles_are_near_what_they_were() -> None:
    day = Day()
    seconds = CHANCE.lognormal(-6, 1, 10_000)
    day.times += np.bincount(np.searchsorted(usage.BOUNDS, seconds), minlength=len(day.times))

    for share, name in ((0.5, "p50_ms"), (0.95, "p95_ms"), (0.99, "p99_ms")):
        assert day.quantiles()[name] == pytest.approx(np.quantile(seconds, share) * 1000, rel=0.15)
    assert Day.of(json.loads(json.dumps(day.json()))).quantiles() == day.quantiles()


def test_a_profile_tells_of_no_row() -> None:
    fields = [
        {"key": "hours", "kind": "number", "dtype": "float64", "nullable": True, "categories": [], "category": False,
         "closed": False, "low": -9, "high": 9},
        {"key": "city", "kind": "text", "dtype": "object", "nullable": False, "categories": ["a", "b"],
         "category": True, "closed": False, "low": None, "high": None},
    ]  # fmt: skip
    rows = [{"hours": 0.123456 + n % 97, "city": "b" if n == 7 else "a"} for n in range(300)]
    rows[3]["hours"] = None
    schema = {"fields": fields, "classes": [], "probabilities": False, "policy": {}, "kind": "regression"}
    found = profile.document(schema, rows, (np.arange(200.0), None), 200)
    hours, city = found["features"]

    assert city["names"] == ["a"]
    assert city["counts"] == [299, 0, 0]
    assert hours["counts"][-1] == 0
    assert all(float(f"{edge:.3g}") == edge for edge in hours["edges"])
    assert found["predictions"][0]["key"] == "prediction"
    assert all(n == 0 or n >= LEAST for one in [*found["features"], *found["predictions"]] for n in one["counts"])


def test_a_forecast_drifts_when_it_is_asked_for_what_it_was_not_judged_on() -> None:
    series = np.linspace(100, 124, 24)
    judged = [{"step": n + 1, "prediction": 125.0 + n, "low": 120.0 + n, "high": 130.0 + n} for n in range(12)]
    past, held = Held(x=None, y=series), Held(x=None, y=series[:12] + 25)
    found = Candidate(name="m", cell=0, kind="forecast", model=None, train=past, held=held)
    profile = Profile.of(of_series(found, {"fields": []}, judged))
    states = {}
    for name, horizon, more in (("near", 1, 0), ("all", 12, 0), ("far", 24, 0), ("other", 12, 500)):
        recorder = watch()
        recorder.profile, recorder.columns = profile, Forecast({"fields": []}).columns
        for _ in range(-(-200 // horizon)):
            recorder.due = 0
            recorder.record(recorder.ticket(), horizon, Ahead(values=np.arange(horizon) + 125.0 + more))
        recorder.settle()
        told = recorder.drift()
        states[name] = [one["state"] for one in (*told["features"], *told["predictions"])]

    assert states["near"] == states["all"] == ["stable", "stable"]  # which of the steps is the client's choice
    assert states["far"][0] == "drift"
    assert states["other"] == ["stable", "drift"]


def test_what_is_known_of_the_next_steps_may_be_asked_again_and_again() -> None:
    days = pd.DataFrame({"days": np.arange(40) % 5})
    field = {
        "key": "days", "column": "days", "kind": "integer", "dtype": "int64", "nullable": False, "categories": [],
        "category": False, "closed": False, "ordered": False, "low": 0.0, "high": 4.0, "example": 1,
    }  # fmt: skip
    past, held = Held(x=days, y=np.arange(40.0)), Held(x=days[:2], y=np.arange(2.0))
    found = Candidate(name="m", cell=0, kind="forecast", model=None, train=past, held=held)
    schema = {"kind": "forecast", "container": "frame", "fields": [field]}
    described = of_series(found, schema, [{"prediction": 1.0}, {"prediction": 2.0}])
    states = []
    for days_known in ([4, 4], [40, 40]):
        recorder = watch()
        recorder.profile, recorder.columns = Profile.of(described), Forecast({"fields": []}).columns
        rows = Rows(count=2, values=[days_known], arrays=[np.array(days_known)])
        for _ in range(200):
            recorder.due = 0
            recorder.record(recorder.ticket(), rows, Ahead(values=np.array([1.0, 2.0])))
        recorder.settle()
        states.append([one["state"] for one in recorder.drift()["features"]])

    assert states == [["stable", "stable"], ["drift", "stable"]]


def function_of(calls: int) -> tuple[Function, dict[str, Any]]:
    chance = np.random.default_rng(1)
    rows = [{"size": {"x": x}, "zone": "far" if x > 0 else "near"} for x in chance.normal(size=calls).tolist()]
    described, watched = of_calls(rows, [{"price": row["size"]["x"] * 2} for row in rows])
    return Function({"kind": "function", "frame": False, "watched": watched}), described


@pytest.mark.parametrize(("calls", "state"), [(4, "few"), (100, "drift")])
def test_a_function_is_held_against_the_calls_of_its_notebook_where_there_are_enough(calls: int, state: str) -> None:
    kind, described = function_of(calls)
    recorder = watch()
    recorder.profile, recorder.columns = Profile.of(described), kind.columns
    came = [{"size": {"x": 5.0 + n}, "zone": "far"} for n in range(200)]
    recorder.record(recorder.ticket(), Calls([None] * 200, came), [{"price": 1.0}] * 200)
    recorder.settle()
    told = recorder.drift()

    assert [one["key"] for one in told["features"]] == ["size.x", "zone"]
    assert [one["key"] for one in told["predictions"]] == ["prediction.price"]
    assert {one["rows"] for one in told["features"]} == {200}
    assert told["features"][0]["state"] == state


def test_a_function_may_be_asked_for_what_its_notebook_never_showed() -> None:
    kind, _ = function_of(4)
    for row in ({}, {"size": None, "zone": 5}, {"size": {"x": 10**400}, "zone": ["far"]}, [1], None):
        columns = kind.columns(Calls([row], [row]), [row])

        assert [len(column) for column in columns] == [1, 1, 1]


def test_a_product_is_counted_though_nothing_of_it_is_looked_at() -> None:
    recorder = watch()
    recorder.columns = getattr(Product({"kind": "product"}), "columns", None)
    recorder.record(recorder.ticket(), None, None)
    recorder.settle()

    assert recorder.recent().requests == 1
