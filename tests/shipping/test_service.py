"""A released service answers as the notebook does, over HTTP, and refuses what it should."""

from __future__ import annotations

import http.client
import json
import re
import socket
from pathlib import Path
from typing import Any

import psutil
import pytest
from books import copied

from nb2prod import api, settings
from nb2prod.api import Options, Serving
from nb2prod.errors.ships import ServiceNotReady
from nb2prod.hosting import process
from nb2prod.hosting.process import Running
from nb2prod.releases import release

from .conftest import Ship

pytestmark = pytest.mark.ship


@pytest.mark.timeout(600)
def test_it_predicts_as_the_notebook_where_there_is_no_notebook(churn: Ship, served: Running) -> None:
    said = json.loads((churn.path.parent / "said.json").read_text(encoding="utf-8"))
    status, answers = process.ask(served, "/predict", {"rows": said["rows"]})

    assert status == http.HTTPStatus.OK
    assert [answer["prediction"] for answer in answers] == said["predicted"]
    assert [answer["probabilities"]["yes"] for answer in answers] == pytest.approx(said["risk"], abs=1e-9)


def test_bad_requests_are_the_clients_fault_and_say_where(churn: Ship, served: Running) -> None:
    example = json.loads((release.folder_of(churn.home, churn.result["release"]) / "service/example.json").read_text())
    bad: dict[str, Any] = {
        "state": 3,
        "account_length": 1.5,
        "total_day_minutes": "180",
        "total_day_calls": True,
        "total_eve_charge": None,
        "total_intl_calls": 2**64,
    }
    for field, value in bad.items():
        status, answer = process.ask(served, "/predict", {"rows": [example, {**example, field: value}]})
        assert (status, answer["detail"][0]["loc"]) == (400, ["rows", 1, field])
    for rows in ([], [{**example, "unheard": 1}], [{}], "rows"):
        assert process.ask(served, "/predict", {"rows": rows})[0] == http.HTTPStatus.BAD_REQUEST
    assert process.ask(served, "/predict", {"rows": [example]})[0] == http.HTTPStatus.OK


def test_a_request_holds_rows_and_nothing_else(churn: Ship, served: Running) -> None:
    example = json.loads((release.folder_of(churn.home, churn.result["release"]) / "service/example.json").read_text())
    connection = http.client.HTTPConnection(process.HOST, served.port, timeout=10)
    connection.request("GET", "/docs.json")
    schema = json.load(connection.getresponse())["components"]["schemas"]["Request"]
    connection.close()

    status, answer = process.ask(served, "/predict", {"rows": [example], "x": 1})

    assert (status, answer["detail"][0]["loc"]) == (400, ["x"])
    assert schema["additionalProperties"] is False
    assert schema["properties"]["rows"]["maxItems"] == 10_000


@pytest.mark.parametrize(
    "kind", ["text/plain", "", "multipart/form-data; boundary=b", "application/x-www-form-urlencoded"]
)
def test_a_page_of_another_site_cannot_post_unasked(churn: Ship, served: Running, kind: str) -> None:
    """Browsers post these kinds without a preflight, so the service takes none of them."""
    example = json.loads((release.folder_of(churn.home, churn.result["release"]) / "service/example.json").read_text())
    connection = http.client.HTTPConnection(process.HOST, served.port, timeout=10)
    connection.request("POST", "/predict", json.dumps({"rows": [example]}), {"content-type": kind} if kind else {})
    reply = connection.getresponse()
    answer = json.load(reply)
    connection.close()

    assert reply.status == http.HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    assert answer["error"] == f"content-type must be application/json, not '{kind}'"


def test_its_page_is_its_own_and_loads_nothing_from_elsewhere(churn: Ship, served: Running) -> None:
    connection = http.client.HTTPConnection(process.HOST, served.port, timeout=10)
    connection.request("GET", "/")
    reply = connection.getresponse()
    page = reply.read().decode()
    connection.close()

    assert reply.getheader("content-security-policy", "").startswith("default-src 'none'")
    assert "Try it" in page
    # A name of SVG's, which nobody asks for.
    assert set(re.findall(r"\w+://[^\"'\s]*", page)) <= {"http://www.w3.org/2000/svg"}


def test_a_service_goes_on_until_it_is_stopped(store: Path, tmp_path: Path) -> None:
    path = copied("tiny_model", tmp_path)
    home = settings.home_of(path)

    result = api.ship(path, Options(parameters={"strength": 0.5}), serving=Serving(target="local"))
    name, port = result["release"], int(result["url"].rpartition(":")[2])
    again = api.serve(home, name)
    began = psutil.Process(again.pid).create_time()
    asked = process.ask(process.Running(pid=0, port=port, started=0), "/drift.json", None)[1]["traffic"]["requests"]
    stopped = api.stop(home, name)

    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(ServiceNotReady, match=f"NB409.*port {port} is in use"),
    ):
        api.serve(home, name, port=port)

    assert again.url == result["url"]
    assert again.pid == result["service"]["pid"]
    # It is the one that was rehearsed, and what it was asked then is not counted.
    assert began < (release.folder_of(home, name) / release.MANIFEST).stat().st_mtime
    assert asked == 0
    assert list((home / "services").glob("*.rehearsal")) == []
    assert stopped.state == "stopped"
    assert process.is_free(port)
    assert api.status(home, name).state == "stopped"
    assert not (home / "services" / f"{name}.json").exists()
    assert release.read(home, name).parameters == {"strength": 0.5}
