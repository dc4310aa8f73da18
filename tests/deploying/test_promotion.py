"""Releases of a notebook take each other's place behind one port, and nobody notices but who looks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import psutil
import pytest
from attrs import frozen
from books import copied
from click.testing import CliRunner

from nb2prod import api, settings
from nb2prod.api import Options
from nb2prod.cli import main as cli
from nb2prod.errors.deployments import NothingBefore, PortKept, ReleaseChanged, ReleaseUnfit
from nb2prod.releases import deployment, release

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import swap

pytestmark = pytest.mark.ship


@frozen
class Shop:
    """Two releases of a notebook that answer differently."""

    home: Path
    names: tuple[str, str]

    @property
    def now(self) -> dict[str, Any]:
        (found,) = api.deployments(self.home)
        return found

    def ask(self) -> tuple[Any, str]:
        row = release.example(self.home, self.names[0])
        body = json.dumps({"rows": [row]}).encode()
        request = Request(f"{self.now['url']}/predict", body, {"content-type": "application/json"})
        with urlopen(request, timeout=60) as answer:
            return json.load(answer), answer.headers["X-Release"]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    before = dict(os.environ)
    os.environ |= {"BENTOML_HOME": str(folder / "bentoml"), "NB2PROD_STANDBY": "1"}
    path = copied("tiny_model", folder)
    made = [api.ship(path, Options(parameters={"strength": n}, verify=False)) for n in (1.0, 2.0)]
    assert all(one["ok"] for one in made), made
    shop = Shop(settings.home_of(path), (made[0]["release"], made[1]["release"]))
    api.promote(shop.home, shop.names[0])
    yield shop
    api.retire(shop.home, "tiny_model.ipynb")
    os.environ.clear()
    os.environ |= before


def test_five_swaps_and_two_rollbacks_under_load_lose_and_alter_nothing(shop: Shop) -> None:
    seen, steps = swap.soak(shop.home, shop.names, seconds=18, rate=60, connections=4)

    assert dict(seen.wrong) == {}
    assert [step.verb for step in steps] == list(swap.STEPS)
    assert seen.connections == 4
    assert set(seen.releases) == set(shop.names)
    assert len(seen.times) > 200


def test_its_history_says_what_was_changed_and_why(shop: Shop) -> None:
    history = shop.now["history"]

    assert [change["verb"] for change in history] == ["promote", "promote", "promote", *swap.STEPS]
    assert history[-1]["note"] == "step 7"
    assert history[5]["instead_of"] != history[5]["release"]


def test_a_backend_that_is_killed_is_started_again(shop: Shop) -> None:
    live = shop.now["live"]
    killed = shop.now["releases"][live]["pid"]
    for child in psutil.Process(killed).children(recursive=True):
        child.kill()
    psutil.Process(killed).kill()

    assert shop.ask()[1] == live
    assert _until(lambda: shop.now["releases"][live]["pid"] != killed)


def test_a_gateway_that_is_killed_is_started_again_and_clients_wait_for_it(shop: Shop) -> None:
    live, killed, backend = shop.now["live"], shop.now["pid"], shop.now["releases"][shop.now["live"]]["pid"]
    assert shop.now["supervised"]
    url = shop.now["url"]
    os.kill(killed, signal.SIGKILL)
    with urlopen(f"{url}/readyz", timeout=60) as reply:  # it waited in the queue of the port
        assert reply.status == 200

    assert _until(lambda: shop.now["state"] == "running")
    assert (shop.now["pid"] != killed, shop.now["gateway_restarts"]) == (True, 1)
    assert shop.now["releases"][live]["pid"] == backend  # it went on meanwhile
    assert shop.ask()[1] == live


def test_where_the_supervisor_is_killed_as_well_that_is_told_and_a_promotion_mends_it(shop: Shop) -> None:
    live, port, gateway = shop.now["live"], shop.now["port"], psutil.Process(shop.now["pid"])
    gateway.parent().kill()
    assert _until(lambda: not shop.now["supervised"])
    gateway.kill()
    assert _until(lambda: shop.now["state"] == "down")
    found = api.promote(shop.home, live, note="mended")

    assert (found["state"], found["live"], found["port"], found["supervised"]) == ("running", live, port, True)
    assert shop.ask()[1] == live


def test_a_promotion_that_is_killed_at_any_moment_leaves_a_whole_record_and_what_was_live(shop: Shop) -> None:
    live = shop.now["live"]
    other = next(name for name in shop.names if name != live)
    command = [sys.executable, "-m", "nb2prod", "promote", other, "--shadow", "--folder", str(shop.home.parent)]
    for seconds in (0.3, 0.7, 1.2, 2.0):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as promotion:
            time.sleep(seconds)
            promotion.kill()
        assert shop.ask()[1] == live
        assert shop.now["live"] == live
    api.promote(shop.home, other, shadow=True)
    found = api.rollback(shop.home, "tiny_model.ipynb", shadow=True)

    assert (found["live"], found["shadow"], found["state"]) == (live, None, "running")


def test_a_release_that_was_altered_is_refused_and_what_is_live_stays(shop: Shop) -> None:
    live = shop.now["live"]
    other = next(name for name in shop.names if name != live)
    archive = next(release.folder_of(shop.home, other).glob("*.bento"))
    whole = archive.read_bytes()
    archive.write_bytes(whole[:-1])
    try:
        with pytest.raises(ReleaseChanged, match="NB440"):
            api.promote(shop.home, other)
    finally:
        archive.write_bytes(whole)

    assert shop.ask()[1] == live


def test_a_release_that_does_not_answer_its_example_is_not_promoted(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = shop.now["live"]
    other = next(name for name in shop.names if name != live)
    assert _until(lambda: other not in shop.now["releases"])
    # Its limit is below what its own example takes.
    monkeypatch.setenv("SERVICE_MAX_BODY", "3")
    with pytest.raises(ReleaseUnfit, match=r"NB430: .* with 413"):
        api.promote(shop.home, other)

    assert (shop.ask()[1], shop.now["live"]) == (live, live)
    assert other not in shop.now["releases"]


def test_a_shadow_is_compared_and_a_canary_shares(shop: Shop) -> None:
    live = shop.now["live"]
    other = next(name for name in shop.names if name != live)
    api.promote(shop.home, other, shadow=True)
    assert {shop.ask()[1] for _ in range(5)} == {live}
    assert _until(lambda: shop.now["shadow_report"]["different"] == 5)
    assert shop.now["shadow_report"]["rows"] == 5
    assert shop.now["shadow_report"]["largest_gap"] > 0
    api.promote(shop.home, other, canary=0.5)
    answered = [shop.ask()[1] for _ in range(40)]
    found = shop.now["releases"]

    assert set(answered) == {live, other}
    assert (found[live]["requests"], found[other]["requests"]) == (answered.count(live), answered.count(other))
    assert api.rollback(shop.home, "tiny_model.ipynb", note="enough seen")["canary"] is None


def test_keys_are_asked_for_behind_a_gateway_as_before_one(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    live = shop.now["live"]
    other = next(name for name in shop.names if name != live)
    assert _until(lambda: other not in shop.now["releases"])
    monkeypatch.setenv("SERVICE_API_KEYS", "ours")
    api.promote(shop.home, other)  # its example is asked for with a key of the gateway's own
    url = shop.now["url"]
    statuses = []
    for headers in ({}, {"X-API-Key": "ours"}, {"X-API-Key": "theirs"}):
        try:
            with urlopen(Request(f"{url}/card.json", headers=headers), timeout=20) as reply:
                statuses.append(reply.status)
        except OSError as refused:
            statuses.append(getattr(refused, "code", 0))
    probe = deployment.folder_of(shop.home, "tiny_model.ipynb") / "probe.key"

    assert statuses == [401, 200, 401]
    assert probe.stat().st_mode & 0o077 == 0

    monkeypatch.delenv("SERVICE_API_KEYS")
    api.promote(shop.home, other)  # it runs already, with other settings
    with urlopen(f"{url}/card.json", timeout=20) as reply:
        assert (reply.status, reply.headers["X-Release"]) == (200, other)


def test_the_command_line_says_it_and_its_exit_code_too(shop: Shop) -> None:
    folder = ["--folder", str(shop.home.parent)]
    shown = CliRunner().invoke(cli.main, ["deployments", str(shop.home.parent)])
    unknown = CliRunner().invoke(cli.main, ["promote", "churn-20260101-000000-aaaaaa", *folder])
    share = CliRunner().invoke(cli.main, ["promote", shop.names[0], "--canary", "2", *folder, "--format", "json"])

    assert shown.exit_code == 0
    assert f"live        {shop.now['live']}" in shown.output
    assert (unknown.exit_code, "NB303" in unknown.output) == (1, True)
    assert (share.exit_code, json.loads(share.output)["error"]["code"]) == (2, "NB434")


def test_a_port_that_clients_know_is_kept(shop: Shop) -> None:
    with pytest.raises(PortKept, match="NB436"):
        api.promote(shop.home, shop.names[0], port=shop.now["port"] + 1)


def test_when_it_is_stopped_nothing_is_left_and_one_can_go_back(shop: Shop) -> None:
    port, live = shop.now["port"], shop.now["live"]
    pids = [
        shop.now["pid"],
        psutil.Process(shop.now["pid"]).ppid(),
        *(one["pid"] for one in shop.now["releases"].values()),
    ]
    stopped = CliRunner().invoke(cli.main, ["stop", "tiny_model.ipynb", "--folder", str(shop.home.parent)])

    assert stopped.exit_code == 0, stopped.output
    assert shop.now["state"] == "stopped"
    assert not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in pids)
    back = api.rollback(shop.home, "tiny_model.ipynb", note="it was wanted")
    assert (back["live"], back["port"], shop.ask()[1]) == (live, port, live)


def test_before_the_first_release_there_is_nothing_to_go_back_to(shop: Shop, tmp_path: Path) -> None:
    first = deployment.Deployment(notebook="x.ipynb", port=1).promoted(shop.names[0])

    with pytest.raises(NothingBefore):
        first.rolled_back()


def _until(true: Any, seconds: float = 40.0) -> bool:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True
