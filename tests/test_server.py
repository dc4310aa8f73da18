"""The handlers, asked over HTTP as a browser asks them."""

import asyncio
import json
import re
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from tornado.httpclient import HTTPClientError
from tornado.httputil import url_concat
from tornado.websocket import WebSocketClientConnection

pytest_plugins = ["pytest_jupyter.jupyter_server"]
pytestmark = pytest.mark.filterwarnings("default")  # Jupyter Server and its dependencies warn on their own account

NOTEBOOKS = Path(__file__).parent / "notebooks"
Ask = Callable[..., Awaitable[tuple[int, Any]]]

RUN = "20261122-001500-ab12cd"


@pytest.fixture
def jp_server_config() -> dict[str, Any]:
    return {"ServerApp": {"jpserver_extensions": {"nb2prod": True}, "allow_unauthenticated_access": False}}


@pytest.fixture
def tiny(jp_root_dir: Path) -> Path:
    return Path(shutil.copy(NOTEBOOKS / "tiny.ipynb", jp_root_dir / "tiny.ipynb"))


@pytest.fixture
def ask(jp_fetch: Any) -> Ask:
    """Ask a route; give the status and the JSON, also of a refusal."""

    async def ask(*route: str, method: str = "GET", body: dict | None = None, **query: object) -> tuple[int, Any]:
        params = {name: str(value) for name, value in query.items()}
        sent = None if body is None else json.dumps(body)
        try:
            answer = await jp_fetch(
                "nb2prod", "api", *route, method=method, params=params, body=sent, allow_nonstandard_methods=True
            )
        except HTTPClientError as refusal:
            answer = refusal.response
        return answer.code, json.loads(answer.body) if answer.body else None

    return ask


@pytest.fixture
def journal(tiny: Path) -> Any:
    """Write the journal of a run of tiny.ipynb, as a run in another process would."""
    from nb2prod import journal, settings
    from nb2prod.events import Event

    home = settings.home_of(tiny)
    journal.make_home(home)
    book = journal.Journal(home, RUN)
    book(Event(kind="start", data={"run": RUN, "verb": "run", "notebook": "tiny.ipynb", "stages": ["load"], "pid": 1}))
    book(Event(kind="end", data={"ok": True, "result": {"run": RUN, "verb": "run", "ok": True}}))
    return book


async def test_stages_are_proposed_for_what_the_browser_has(tiny: Path, ask: Ask) -> None:
    content = json.loads(tiny.read_text())
    for cell in content["cells"]:
        cell["metadata"], cell["source"] = {}, "".join(cell["source"]).replace("%%stage", "#")
    status, found = await ask("suggest", method="POST", body={"path": "tiny.ipynb", "content": content})

    assert (status, found["notebook"]) == (200, "tiny.ipynb")
    assert {"name", "cells", "cell_ids", "why", "confidence", "given", "role"} == set(found["stages"][0])
    assert {edit["cell_id"] for edit in found["edits"]} <= {cell["id"] for cell in content["cells"]}


async def test_a_requirement_is_written_where_the_finding_says_and_nowhere_else(ask: Ask, tiny: Path) -> None:
    (tiny.parent / "requirements.txt").write_text("pandas\n")
    (tiny.parent.parent / "requirements.txt").write_text("pandas\n")
    content = json.loads(tiny.read_text())
    content["cells"].insert(0, {**content["cells"][-1], "id": "more", "source": "import sklearn", "metadata": {}})
    _, graph = await ask("graph", method="POST", body={"path": "tiny.ipynb", "content": content})
    (requires,) = [f["requires"] for found in graph["findings"] for f in found["fixes"] if found["code"] == "NB116"]
    assert requires == {"file": "requirements.txt", "requirement": "scikit-learn"}
    status, found = await ask("requirements", method="POST", body={"path": "tiny.ipynb", **requires})
    assert (status, found) == (200, {"file": "requirements.txt"})
    assert (tiny.parent / "requirements.txt").read_text() == "pandas\nscikit-learn\n"

    (tiny.parent / "requirements.txt").unlink()
    for file in ("../requirements.txt", "requirements.txt", "tiny.ipynb"):
        status, found = await ask("requirements", method="POST", body={"path": "tiny.ipynb", **requires, "file": file})
        assert (status, found["code"]) == (422, "NB122")
    assert (tiny.parent.parent / "requirements.txt").read_text() == "pandas\n"


async def test_the_graph_of_unsaved_cells_is_that_of_the_cells_not_of_the_file(ask: Ask, tiny: Path) -> None:
    content = json.loads(tiny.read_text())
    content["cells"] = [
        {"id": "a", "cell_type": "code", "source": "x = 1", "metadata": {"nb2prod": {"stage": "one"}}, "outputs": []},
        {"id": "b", "cell_type": "code", "source": "%%stage two\ny = x + gone", "metadata": {}, "outputs": []},
    ]
    status, graph = await ask("graph", method="POST", body={"path": "tiny.ipynb", "content": content})

    assert status == 200
    assert [(stage["name"], stage["cell_ids"]) for stage in graph["stages"]] == [("one", ["a"]), ("two", ["b"])]
    assert [(edge["from"], edge["to"], edge["names"]) for edge in graph["edges"]] == [("one", "two", ["x"])]
    (finding,) = (item for item in graph["findings"] if item["severity"] == "error")
    assert "gone" in finding["message"]
    assert finding["cell_id"] == "b"


async def test_a_notebook_that_is_none_is_refused_with_a_code_and_a_cure(ask: Ask, tiny: Path) -> None:
    status, error = await ask("graph", method="POST", body={"path": "tiny.ipynb", "content": {"cells": "none"}})

    assert status == 422
    assert error["code"] == "NB100"
    assert error["message"]
    assert error["cure"]


async def test_a_plan_says_for_each_stage_what_a_run_would_do(ask: Ask, tiny: Path) -> None:
    status, plan = await ask("plan", method="POST", body={"path": "tiny.ipynb"})

    assert status == 200
    assert {"run"} == {step["action"] for step in plan["steps"]}


async def test_a_plan_of_unsaved_cells_is_that_of_the_cells_and_says_what_ran_last(ask: Ask, tiny: Path) -> None:
    content = json.loads(tiny.read_text())
    content["cells"] = [
        {"id": "a", "cell_type": "code", "source": "%%stage mine\nx = 1", "metadata": {}, "outputs": []}
    ]
    status, plan = await ask("plan", method="POST", body={"path": "tiny.ipynb", "content": content})

    assert status == 200
    assert plan["steps"] == [
        {
            "stage": "mine",
            "action": "run",
            "why": "it has not run before",
            "seconds": None,
            "bytes": None,
            "artifacts": [],
        }
    ]


async def test_a_plan_of_a_broken_notebook_leads_to_its_cell(ask: Ask, jp_root_dir: Path) -> None:
    shutil.copy(NOTEBOOKS / "syntax_error.ipynb", jp_root_dir / "broken.ipynb")
    status, error = await ask("plan", method="POST", body={"path": "broken.ipynb"})

    assert status == 422
    assert error["code"].startswith("NB1")
    assert error["cell"] is not None
    assert error["cell_id"]


async def test_runs_are_found_again_from_their_journals(ask: Ask, journal: Any) -> None:
    _, runs = await ask("runs", path="tiny.ipynb")
    _, whole = await ask("runs", RUN, path="tiny.ipynb")
    _, rest = await ask("runs", RUN, path="tiny.ipynb", after=1)

    assert [(run["run"], run["state"]) for run in runs] == [(RUN, "done")]
    assert [event["event"] for event in whole["events"]] == ["start", "end"]
    assert [event["event"] for event in rest["events"]] == ["end"]
    assert rest["state"] == "done"


async def test_a_review_says_what_a_ship_would_run_and_take_in(ask: Ask, jp_root_dir: Path) -> None:
    source = "import pandas\nfrom sklearn.svm import SVC\nd = pandas.read_csv('rows.csv')\nmodel = SVC().fit(d, d.y)"
    (jp_root_dir / "rows.csv").write_text("x,y\n1,2")
    (jp_root_dir / "one.ipynb").touch()
    cell = {"id": "a", "cell_type": "code", "source": f"%%stage one\n{source}", "metadata": {}, "outputs": []}
    content = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}
    status, review = await ask("review", method="POST", body={"path": "one.ipynb", "content": content})

    assert status == 200
    assert review["offer"] == {"kind": "model", "names": ["model"], "sure": True}
    assert review["files"] == ["rows.csv"]
    assert [step["stage"] for step in review["steps"]] == ["one"]


@pytest.mark.kernel
async def test_what_a_run_left_is_shown_but_may_do_nothing_in_our_name(
    ask: Ask, jp_fetch: Any, jp_root_dir: Path
) -> None:
    from nb2prod import api

    book = Path(shutil.copy(NOTEBOOKS / "tiny.ipynb", jp_root_dir / "tiny.ipynb"))
    ran = await asyncio.to_thread(api.run, book)
    route = ("nb2prod", "api", "runs", ran.run)
    page = await jp_fetch(*route, "report", params={"path": "tiny.ipynb"})
    executed = await jp_fetch(*route, "notebook", params={"path": "tiny.ipynb"})
    status, changes = await ask("runs", ran.run, "compare", path="tiny.ipynb", other=ran.run)

    assert page.headers["Content-Type"].startswith("text/html")
    assert {"sandbox allow-scripts"} == {answer.headers["Content-Security-Policy"] for answer in (page, executed)}
    assert b"<html" in page.body
    assert json.loads(executed.body)["cells"]
    assert status == 200
    assert {"same"} == {stage["change"] for stage in changes["stages"]}


@pytest.mark.parametrize(("book", "code"), [("dGlueS5pcHluYg", 404), ("____", 400), ("Li4veC5pcHluYg", 404)])
async def test_only_a_running_service_of_a_notebook_here_is_passed_on_to(
    jp_fetch: Any, tiny: Path, book: str, code: int
) -> None:
    with pytest.raises(HTTPClientError) as refusal:
        await jp_fetch("nb2prod", "api", "proxy", book, "tiny-20260101-000000-abcdef", "docs.json")

    assert refusal.value.code == code


async def test_a_browser_that_is_not_logged_in_is_sent_to_log_in_before_a_service(
    http_server_client: Any, jp_base_url: str, tiny: Path
) -> None:
    url = f"{jp_base_url.rstrip('/')}/nb2prod/api/proxy/dGlueS5pcHluYg/tiny-20260101-000000-abcdef/docs.json"
    with pytest.raises(HTTPClientError) as refusal:
        await http_server_client.fetch(url, follow_redirects=False)

    assert refusal.value.code == 302
    assert "login" in refusal.value.response.headers["Location"]


async def test_a_run_that_is_not_there_is_refused_with_a_code(ask: Ask, tiny: Path) -> None:
    status, error = await ask("runs", RUN, path="tiny.ipynb")

    assert status == 422
    assert error["code"] == "NB303"


async def test_a_socket_gives_the_rest_of_a_journal_and_closes(jp_ws_fetch: Any, journal: Any) -> None:
    socket: WebSocketClientConnection = await jp_ws_fetch(
        "nb2prod", "api", "runs", RUN, "ws", params={"path": "tiny.ipynb", "after": "1"}
    )
    message = await asyncio.wait_for(socket.read_message(), 5)
    end = await asyncio.wait_for(socket.read_message(), 5)

    assert json.loads(message)["seq"] == 2
    assert end is None
    assert socket.close_code == 1000


@pytest.mark.parametrize(
    ("method", "route"),
    [
        ("POST", ("graph",)),
        ("POST", ("plan",)),
        ("POST", ("review",)),
        ("GET", ("options",)),
        ("GET", ("runs", RUN, "report")),
        ("GET", ("runs", RUN, "log")),
        ("GET", ("runs", RUN, "notebook")),
        ("GET", ("runs", RUN, "compare")),
        ("POST", ("proxy", "dGlueS5pcHluYg", "churn-1", "predict")),
        ("GET", ("runs",)),
        ("POST", ("runs",)),
        ("GET", ("runs", RUN)),
        ("DELETE", ("runs", RUN)),
        ("GET", ("runs", RUN, "ws")),
        ("GET", ("releases",)),
        ("POST", ("services", "churn-1")),
        ("DELETE", ("services", "churn-1")),
    ],
)
async def test_nobody_comes_in_without_logging_in(
    http_server_client: Any, jp_base_url: str, tiny: Path, method: str, route: tuple[str, ...]
) -> None:
    url = url_concat("/".join((jp_base_url.rstrip("/"), "nb2prod", "api", *route)), {"path": "tiny.ipynb"})
    body = {"allow_nonstandard_methods": True, "body": "{}" if method == "POST" else None}
    with pytest.raises(HTTPClientError) as refusal:
        await http_server_client.fetch(url, method=method, **body)

    assert refusal.value.code == 403


async def test_a_cookie_alone_starts_nothing(
    http_server_client: Any, jp_base_url: str, jp_serverapp: Any, tiny: Path
) -> None:
    """Another site can make a browser send its cookies, but not the XSRF token."""
    login = await http_server_client.fetch(
        f"{jp_base_url}login?{urlencode({'token': jp_serverapp.identity_provider.token})}",
        follow_redirects=False,
        raise_error=False,
    )
    cookies = "; ".join(cookie.split(";")[0] for cookie in login.headers.get_list("Set-Cookie"))
    body = json.dumps({"path": "tiny.ipynb", "verb": "run"})
    url = f"{jp_base_url}nb2prod/api/runs"
    read = await http_server_client.fetch(url_concat(url, {"path": "tiny.ipynb"}), headers={"Cookie": cookies})
    with pytest.raises(HTTPClientError) as refusal:
        await http_server_client.fetch(url, method="POST", body=body, headers={"Cookie": cookies})

    assert read.code == 200
    assert refusal.value.code == 403


@pytest.mark.parametrize("path", ["../tiny.ipynb", "a/../../tiny.ipynb", "/../tiny.ipynb", ".hidden/tiny.ipynb"])
async def test_no_path_leads_out_of_the_root(ask: Ask, jp_root_dir: Path, path: str) -> None:
    shutil.copy(NOTEBOOKS / "tiny.ipynb", jp_root_dir.parent / "tiny.ipynb")
    (jp_root_dir / ".hidden").mkdir()
    shutil.copy(NOTEBOOKS / "tiny.ipynb", jp_root_dir / ".hidden" / "tiny.ipynb")
    answers = [
        await ask("graph", method="POST", body={"path": path, "content": {"cells": []}}),
        await ask("plan", method="POST", body={"path": path}),
        await ask("runs", method="POST", body={"path": path, "verb": "run"}),
        await ask("runs", path=path),
        await ask("releases", path=path),
    ]

    assert {404} == {status for status, _ in answers}
    assert not list(jp_root_dir.parent.rglob(".nb2prod"))


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"path": 7, "verb": "run"},
        {"path": "tiny.txt", "verb": "run"},
        {"path": "tiny.ipynb", "verb": "rm"},
        {"path": "tiny.ipynb", "verb": "run", "typed": {"n": 1}},
        {"path": "tiny.ipynb", "verb": "run", "force": "load"},
        {"path": "tiny.ipynb", "verb": "run", "since": ["load"]},
        {"path": "tiny.ipynb", "verb": "run", "parameters": "x"},
    ],
)
async def test_a_request_that_makes_no_sense_starts_nothing(ask: Ask, tiny: Path, body: object) -> None:
    status, error = await ask("runs", method="POST", body=body)

    assert status == 400
    assert error["message"]
    assert not (tiny.parent / ".nb2prod").exists()


async def test_a_run_of_a_notebook_that_is_not_there_is_refused(ask: Ask) -> None:
    status, _ = await ask("runs", method="POST", body={"path": "gone.ipynb", "verb": "run"})

    assert status == 404


@pytest.mark.kernel
async def test_a_run_goes_on_by_itself_and_can_be_followed_to_its_end(ask: Ask, jp_ws_fetch: Any, tiny: Path) -> None:
    status, started = await ask("runs", method="POST", body={"path": "tiny.ipynb", "verb": "run"})
    run = started["run"]
    socket = await jp_ws_fetch("nb2prod", "api", "runs", run, "ws", params={"path": "tiny.ipynb"})
    seen = []
    while (message := await asyncio.wait_for(socket.read_message(), 120)) is not None:
        seen.append(json.loads(message))
    _, page = await ask("runs", run, path="tiny.ipynb")

    assert status == 201
    assert seen[0]["event"] == "start"
    assert seen[-1]["event"] == "end"
    assert seen == page["events"]
    assert page["state"] == "done"


@pytest.mark.kernel
async def test_a_cancelled_run_ends(ask: Ask, jp_root_dir: Path) -> None:
    notebook = json.loads((NOTEBOOKS / "tiny.ipynb").read_text())
    code = next(cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    code["source"] = "import time\ntime.sleep(600)\n" + "".join(code["source"])
    (jp_root_dir / "slow.ipynb").write_text(json.dumps(notebook))
    _, started = await ask("runs", method="POST", body={"path": "slow.ipynb", "verb": "run"})
    page: dict[str, Any] = {"events": []}
    while not any(event["event"] == "cell" for event in page["events"]):
        await asyncio.sleep(0.2)
        _, page = await ask("runs", started["run"], path="slow.ipynb")
    status, _ = await ask("runs", started["run"], method="DELETE", path="slow.ipynb")
    while page["state"] == "running":
        await asyncio.sleep(0.2)
        _, page = await ask("runs", started["run"], path="slow.ipynb")

    assert status == 204
    assert page["state"] == "cancelled"


async def test_the_documentation_is_read_from_the_server_with_its_pictures(jp_fetch: Any) -> None:
    page = await jp_fetch("nb2prod", "api", "docs", "lab.md")
    text = page.body.decode()
    pictures = re.findall(r'<img src="(images/[^"]+)"', text)
    picture = await jp_fetch("nb2prod", "api", "docs", *pictures[0].split("/"))

    assert "In JupyterLab and Notebook 7</title>" in text
    assert '<a href="serving.md">Serving</a>' in text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert picture.body.startswith(b"\x89PNG")
    for unknown in (("nowhere.md",), ("images", "nowhere.png")):
        with pytest.raises(HTTPClientError, match="404"):
            await jp_fetch("nb2prod", "api", "docs", *unknown)


async def test_of_a_notebook_that_was_never_promoted_nothing_answers(ask: Ask, tiny: Path) -> None:
    assert await ask("deployment", path="tiny.ipynb") == (200, None)


@pytest.mark.parametrize("body", [{"canary": "half"}, {"canary": True}, {"shadow": 1}, {"note": 3}])
async def test_a_promotion_is_asked_for_in_the_right_words(ask: Ask, tiny: Path, body: dict[str, Any]) -> None:
    release = "tiny-20260101-000000-abcdef"
    status, _ = await ask("releases", release, "promote", method="POST", body=body, path="tiny.ipynb")

    assert status == 400


@pytest.mark.parametrize(
    ("route", "code"), [(("deployment", "rollback"), "NB431"), (("releases", "x", "promote"), "NB303")]
)
async def test_what_is_not_there_is_neither_promoted_nor_rolled_back(
    ask: Ask, tiny: Path, route: tuple[str, ...], code: str
) -> None:
    status, error = await ask(*route, method="POST", body={}, path="tiny.ipynb")

    assert (status, error["code"]) == (422, code)
