"""A shipped service remembers, over HTTP and through BentoML, what it was asked; and a request becomes a notebook."""

from __future__ import annotations

import http.client
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import papermill
import pytest
from attrs import frozen

from nb2prod import api, settings
from nb2prod.releases import release

pytestmark = [pytest.mark.ship, pytest.mark.filterwarnings("default")]

POLICY = """[tool.nb2prod.policy]
unknown = "refuse"
log = { columns = ["visits"], requests = "refused" }
drift = { rows = 50 }
"""


@frozen
class Watched:
    """A release that was served, asked, and stopped."""

    home: Path
    name: str
    metrics: str
    page: str
    drift: dict[str, Any]
    refused: str  # the id of a request

    @property
    def state(self) -> Path:
        return release.state_of(self.home, self.name)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("watched")
    path = Path(shutil.copy(Path(__file__).parent / "notebooks" / "tiny_model.ipynb", folder / "tiny.ipynb"))
    (folder / "pyproject.toml").write_text(POLICY, encoding="utf-8")
    before = os.environ.get("BENTOML_HOME")
    os.environ["BENTOML_HOME"] = str(folder / "bentoml")
    try:
        result = api.ship(path, api.Options(verify=False), serving=api.Serving(target="local"))
        assert result["ok"], result["error"]
        home = settings.home_of(path)
        try:
            yield _asked(home, result["release"], result["service"]["url"])
        finally:
            api.stop(home, result["release"])
    finally:
        os.environ.pop("BENTOML_HOME")
        if before is not None:
            os.environ["BENTOML_HOME"] = before


def _asked(home: Path, name: str, url: str) -> Watched:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)

    def send(path: str, body: Any = None) -> tuple[int, str, str | None]:
        data = None if body is None else json.dumps(body).encode()
        connection.request("GET" if data is None else "POST", path, data, {"content-type": "application/json"})
        reply = connection.getresponse()
        return reply.status, reply.read().decode(), reply.getheader("x-request-id")

    for n in range(8):
        status, _, _ = send("/predict", {"rows": [{"hours": n + m * 0.1, "visits": 100 + m} for m in range(10)]})
        assert status == 200
    refused = send("/predict", {"rows": [{"hours": 3.5, "visits": "four"}]})
    assert refused[0] == 400
    assert refused[2] is not None
    assert send("/feedback", {"right": False, "expected": "yes", "request": refused[2]})[0] == 201
    page, drift, metrics = send("/")[1], json.loads(send("/drift.json")[1]), send("/metrics")[1]
    connection.close()
    api.stop(home, name)  # which writes what was counted
    return Watched(home, name, metrics, page, drift, refused[2])


def test_monitor_tells_what_came_after_the_service_has_stopped(watched: Watched) -> None:
    found = api.monitor(watched.home, watched.name)

    assert (found["traffic"]["requests"], found["traffic"]["rows"]) == (8, 80)
    assert found["refused"] == {"400 type": 1}
    assert found["feedback"]["wrong"] == 1
    assert {one["key"]: one["state"] for one in found["drift"]["features"]}["visits"] == "drift"
    assert not found["ok"]


def test_the_service_says_the_same_of_itself(watched: Watched) -> None:
    assert watched.drift["release"] == watched.name
    assert "service_drift_psi" in watched.metrics or "service_watch_dropped" in watched.metrics
    assert "<h2>Try it</h2>" in watched.page


def test_the_log_holds_the_columns_of_the_policy(watched: Watched) -> None:
    lines = [
        json.loads(line) for path in (watched.state / "predictions").iterdir() for line in path.read_text().splitlines()
    ]

    assert len(lines) == 80
    assert {tuple(line["columns"]) for line in lines} == {("visits",)}
    assert {line["prediction"] for line in lines} <= {"no", "yes"}


@pytest.mark.timeout(600)
def test_a_request_becomes_a_notebook_that_runs_as_it_is(watched: Watched, tmp_path: Path) -> None:
    said = api.debug(watched.home, watched.name, watched.refused, tmp_path / "debug.ipynb")
    good = tmp_path / "good.json"
    good.write_text('[{"hours": 3.5, "visits": 4}]', encoding="utf-8")
    api.debug(watched.home, watched.name, str(good), tmp_path / "good.ipynb")
    printed = [_run(tmp_path / name) for name in ("debug.ipynb", "good.ipynb")]

    assert said["stage"] == "train"
    assert "must be an integer, not a text" in printed[0]
    assert "The request passes." in printed[1]
    assert "array(['no']" in printed[1]


def _run(path: Path) -> str:
    """Run a notebook, and return what it shows."""
    cells = papermill.execute_notebook(path, None, progress_bar=False).cells
    return "".join(str(o.get("text", o.get("data"))) for cell in cells for o in cell.get("outputs", ()))
