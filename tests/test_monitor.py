"""How a release fares is told from what its services remember, and an alert is a status that cron can act on."""

from __future__ import annotations

import base64
import io
import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from attrs import evolve, frozen
from click.testing import CliRunner
from pyarrow import parquet

sys.path.insert(0, str(Path(__file__).parent / "serving"))

import shops

from nb2prod import api
from nb2prod.cli.main import main
from nb2prod.errors.base import RunUnknown
from nb2prod.errors.monitors import RequestForeign, RequestNotKept, ServiceSilent
from nb2prod.errors.ships import PolicyWrong
from nb2prod.releases import release
from nb2prod.releases.release import Release
from nb2prod.serving.content_types import ARROW, PARQUET
from nb2prod.serving.middleware import Middleware
from nb2prod.text import monitor

NAME = "shop-20261122-001500-ab12cd"
X = shops.frame(400)
ROWS = json.loads(X.to_json(orient="records"))


@frozen
class Shop:
    """A release, and the door of a service of it."""

    home: Path
    door: Middleware

    def ask(self, rows: list[Any], each: int = 10) -> None:
        for n in range(0, len(rows), each):
            self.door.core.recorder.due = 0
            shops.ask(self.door, *rows[n : n + each])

    def monitor(self, policy: str = "") -> dict[str, Any]:
        (self.home.parent / "pyproject.toml").write_text(f"[tool.nb2prod.policy]\n{policy}", encoding="utf-8")
        self.door.core.recorder._once(due=True)
        return api.monitor(self.home, NAME)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Middleware]:
    home = tmp_path_factory.mktemp("shop") / ".nb2prod"
    door = shops.opened(release.folder_of(home, NAME) / "service", shops.candidate(X, shops.model(X)))
    manifest: dict[str, Any] = {key: {} for key in ("data", "parameters", "metrics", "baseline", "gate")}
    manifest |= dict.fromkeys(("code", "python", "bento", "archive", "archive_sha256"), "")
    made = Release(
        id=NAME,
        run="20261122-001500-ab12cd",
        notebook="shop.ipynb",
        created="2026-11-22T00:15:00+00:00",
        environment=(),
        model={"name": "m", "kind": "classification"},
        rehearsal={"p50_ms": 0.5, "p95_ms": 1.0},
        **manifest,
    )
    release.write(home, made)
    return home, door


@pytest.fixture
def shop(opened: tuple[Path, Middleware], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    home, door = opened
    watch = door.core.recorder
    watch.settle()
    watch.days.clear()
    monkeypatch.setenv("SERVICE_STATE_DIR", str(tmp_path))
    monkeypatch.setattr(watch, "home", tmp_path / NAME)
    return Shop(home, door)


def test_rows_like_those_of_the_training_set_off_no_alert(shop: Shop) -> None:
    shop.ask(ROWS)
    found = shop.monitor("alerts = { p95_ms = 1000, refused = 0.1, psi = 0.5 }")

    assert found["ok"], found["alerts"]
    assert found["traffic"]["rows"] == 400
    assert found["drift"]["state"] == "stable"
    assert [one["rule"] for one in found["alerts"]][-1] == "no drift"
    assert [day["requests"] for day in found["days"]] == [40]


def test_other_rows_set_off_an_alert_that_names_the_fields(shop: Shop) -> None:
    shop.ask([{**row, "hours": row["hours"] + 5} for row in ROWS])
    found = shop.monitor()

    assert not found["ok"]
    assert "hours (PSI" in found["alerts"][0]["detail"]
    assert "visits" not in found["alerts"][0]["detail"]


def test_an_alert_can_be_waived_with_a_reason(shop: Shop) -> None:
    shop.ask([{**row, "hours": row["hours"] + 5} for row in ROWS])

    assert shop.monitor('waivers = { "no drift" = "summer time" }')["ok"]


def test_nothing_is_said_before_there_are_enough_rows(shop: Shop) -> None:
    shop.ask([{**row, "hours": row["hours"] + 5} for row in ROWS[:50]])

    assert shop.monitor()["ok"]
    assert shop.monitor()["drift"]["state"] == "few"


def test_refusals_and_feedback_are_told(shop: Shop) -> None:
    shop.ask(ROWS[:20])
    shops.ask(shop.door, {})
    for body in (b'{"right": true}', b'{"right": false, "expected": "no", "comment": "she stayed"}'):
        shops.call(shop.door, "/feedback", body)
    found = shop.monitor("alerts = { refused = 0.5, wrong = 0.25 }")
    told = monitor.text(found)

    assert found["refused"] == {"400 missing": 1}
    assert [one["ok"] for one in found["alerts"]] == [True, False, True]
    assert "1 right, 1 wrong" in told
    assert "she stayed" in told
    assert "she stayed" in monitor.html(found)


def test_what_cannot_be_read_is_left_out_and_named(shop: Shop) -> None:
    shop.ask(ROWS[:20])
    shops.call(shop.door, "/feedback", b'{"right": true}')
    state = shop.door.core.recorder.home
    assert state is not None
    (state / "seen").mkdir(parents=True)
    (state / "seen" / "empty.json").touch()
    with (state / "feedback.jsonl").open("ab") as file:
        file.write(b'{"right": "no"}\n{"right": true, "time": 5}\n\xff\n{"right": fal')
    found = shop.monitor()

    assert found["traffic"]["rows"] == 20
    assert (found["feedback"]["right"], found["feedback"]["wrong"]) == (1, 0)
    assert "left out, since it cannot be read: empty.json" in monitor.text(found)
    assert "empty.json" in monitor.html(found)


def test_what_people_say_is_text_on_the_page(shop: Shop) -> None:
    shops.call(shop.door, "/feedback", b'{"right": false, "comment": "<script>boom()</script>"}')

    assert "<script>boom" not in monitor.html(shop.monitor())


def test_an_alert_that_nothing_measures_is_wrong(shop: Shop) -> None:
    with pytest.raises(PolicyWrong, match="p98_ms"):
        shop.monitor("alerts = { p98_ms = 3 }")


def test_the_command_says_so_by_its_status(shop: Shop, tmp_path: Path) -> None:
    shop.ask([{**row, "hours": row["hours"] + 5} for row in ROWS])
    shop.monitor()
    folder = str(shop.home.parent)
    page = tmp_path / "page.html"
    said = CliRunner().invoke(main, ["monitor", NAME, "--folder", folder, "--format", "json"])
    drawn = CliRunner().invoke(main, ["monitor", NAME, "--folder", folder, "--format", "html", "-o", str(page)])

    assert (said.exit_code, drawn.exit_code) == (1, 1)
    assert json.loads(said.stdout)["release"] == NAME
    assert "<h1>How shop.ipynb fares</h1>" in page.read_text(encoding="utf-8")


def test_a_release_that_is_not_there_and_a_service_that_is_silent_are_told(shop: Shop) -> None:
    with pytest.raises(RunUnknown):
        api.monitor(shop.home, "shop-20261122-001500-ffffff")
    with pytest.raises(ServiceSilent, match="did not say how it fares"):
        api.monitor(shop.home, NAME, url="http://127.0.0.1:9")


def test_a_request_that_was_not_kept_is_told_with_those_that_were(shop: Shop, tmp_path: Path) -> None:
    with pytest.raises(RequestNotKept, match="0123abcd-1"):
        api.debug(shop.home, NAME, "0123abcd-1", tmp_path / "debug.ipynb")
    (tmp_path / "text.json").write_text("3")
    with pytest.raises(RequestForeign):
        api.debug(shop.home, NAME, str(tmp_path / "text.json"), tmp_path / "debug.ipynb")


def bulk(form: bytes, x: pd.DataFrame) -> bytes:
    table, out = pa.Table.from_pandas(x, preserve_index=False), io.BytesIO()
    if form == PARQUET:
        parquet.write_table(table, out)
    else:
        with pa.ipc.new_stream(out, table.schema) as writer:
            writer.write_table(table)
    return out.getvalue()


@pytest.mark.parametrize("form", [ARROW, PARQUET])
def test_rows_in_bulk_are_rows_in_the_notebook_that_can_be_changed(shop: Shop, tmp_path: Path, form: bytes) -> None:
    state, one = tmp_path / NAME / "requests", "0123abcd-1"
    state.mkdir(parents=True)
    kept = {"id": one, "time": "", "release": NAME, "status": 422, "error": "", "form": form.decode()}
    body = base64.b64encode(bulk(form, X.head(3))).decode()
    (state / f"{one}.json").write_text(json.dumps({**kept, "body": body}), encoding="utf-8")
    api.debug(shop.home, NAME, one, tmp_path / "debug.ipynb")
    cells = json.loads((tmp_path / "debug.ipynb").read_text(encoding="utf-8"))["cells"]
    request, change = (cell["source"] for cell in cells if "body = " in cell["source"])
    names: dict[str, Any] = {}
    exec(request, names)
    exec(change.replace("if rows is not None:", "rows = rows.assign(hours=5.0)\nif rows is not None:", 1), names)
    asked = shop.door.core.kind.parse(names["body"], names["form"])

    assert asked.values[0][:] == [5.0] * 3


def test_what_computes_nothing_of_a_request_has_none_to_look_at(shop: Shop, tmp_path: Path) -> None:
    made = evolve(release.read(shop.home, NAME), id="shop-20261122-001500-ab12ce", kind="product")
    home = tmp_path / ".nb2prod"
    release.folder_of(home, made.id).mkdir(parents=True)
    release.write(home, made)
    with pytest.raises(RequestForeign, match="tables and figures"):
        api.debug(home, made.id, "request.json", tmp_path / "debug.ipynb")
