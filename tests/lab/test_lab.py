"""A data scientist in JupyterLab: tag, ship, look, call, stop."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from .conftest import Lab, Screen, cells, index_of


def pid_of_job(runs: Path) -> int:
    """Return the process of the only job, once the server has started it: the panel says so a little earlier."""
    deadline = time.monotonic() + 60
    while not (found := list(runs.glob("*/job.json"))):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return int(json.loads(found[0].read_text(encoding="utf-8"))["pid"])


def run_straight(path: Path) -> dict[str, Any]:
    """Run a notebook's code from top to bottom in this process, and return what it leaves."""
    from IPython.core.inputtransformer2 import TransformerManager

    namespace: dict[str, Any] = {"__name__": "straight", "display": lambda *_: None}
    for cell in cells(path):
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            kept = [line for line in source.splitlines() if not re.match(r"\s*%(load_ext|%stage|matplotlib)", line)]
            exec(TransformerManager().transform_cell("\n".join(kept)), namespace)
    return namespace


def predictions(url: str, rows: list[dict[str, Any]]) -> list[Any]:
    body = json.dumps({"rows": rows}).encode()
    request = urllib.request.Request(f"{url}/predict", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return [row["prediction"] for row in json.loads(answer.read())]


def pictures(screen: Screen, folder: Path) -> None:
    """Look at the panel after Ship in both themes; the README shows what `NB2PROD_IMAGES=docs/images` saves."""
    folder = Path(os.environ.get("NB2PROD_IMAGES", folder))
    page, shades = screen.page, []
    page.set_viewport_size({"width": 1280, "height": 1080})
    for theme in ("Dark", "Light"):
        screen.lab.settings("@jupyterlab/apputils-extension:themes", {"theme": f"JupyterLab {theme}"})
        page.reload()
        expect(page.locator("a.jp-nb2prod-Card-url")).to_be_visible(timeout=60_000)
        if page.locator("#filebrowser").is_visible():
            page.keyboard.press("Control+b")  # it is of no interest here
        screen.node("train").click()
        page.wait_for_timeout(1500)  # until the notebook has scrolled to the stage
        page.screenshot(path=folder / f"shipped-{theme.lower()}.png")
        shade = page.locator(".jp-nb2prod-Panel").evaluate("panel => getComputedStyle(panel).backgroundColor")
        assert screen.barriers(".jp-nb2prod-Panel") == []
        shades.append(sum(map(int, re.findall(r"\d+", shade)[:3])))
    dark, light = shades
    assert dark < 200 < 600 < light


def test_a_tagged_notebook_becomes_a_service_that_predicts_as_it_does(
    screen: Screen, churn: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = screen.page
    screen.open(churn)
    screen.ship()
    screen.status("running")
    screen.status("done")
    card = page.locator(".jp-nb2prod-Card")
    link = card.locator("a.jp-nb2prod-Card-url")
    expect(link).to_be_visible()
    assert screen.clicks == 2
    url = link.get_attribute("href")
    assert url is not None

    with monkeypatch.context() as here:
        here.chdir(churn.parent)
        here.setenv("MPLBACKEND", "agg")
        straight = run_straight(churn)
    sample = straight["X_test"].head(50)
    expected = straight["model"].predict(sample).tolist()

    assert predictions(url, json.loads(sample.to_json(orient="records"))) == expected
    expect(card.locator(".jp-nb2prod-Metrics tbody tr").first.locator("td")).to_have_count(2)
    expect(card.get_by_text("Gate passed")).to_be_visible()
    expect(card.get_by_text("Same predictions as the notebook")).to_be_visible()
    card.get_by_text("Call it with curl").click()
    line = card.locator(".jp-nb2prod-Call pre").first.inner_text()
    answered = subprocess.run(["sh", "-c", f"{line} --silent --fail"], capture_output=True, check=True, timeout=30)
    assert "prediction" in json.loads(answered.stdout)[0]
    card.get_by_text("Call it with Python").click()
    program = card.locator(".jp-nb2prod-Call pre").last.inner_text()
    answered = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, timeout=60)
    assert b"prediction" in answered.stdout
    card.get_by_text("Try it").click()
    form = card.locator(".jp-nb2prod-Try")
    number = form.locator("input[inputmode=decimal]").first
    number.fill("many")
    form.get_by_role("button", name="Predict").click()
    expect(number).to_be_focused()
    expect(form.locator(".jp-nb2prod-Field-fault")).to_have_text("must be an integer, not a text")
    expect(form.locator("output")).to_have_text("The request has 1 fault; nothing was predicted.")
    assert screen.barriers(".jp-nb2prod-Try") == []
    # The browser itself says of each refusal that it is one.
    screen.complaints[:] = [text for text in screen.complaints if "400 (Bad Request)" not in text]
    number.fill("12")
    form.get_by_role("button", name="Predict").click()
    expect(form.locator("output")).to_contain_text("prediction", timeout=30_000)
    expect(form.locator("output")).to_have_attribute("data-ok", "true")
    expect(page.locator(".jp-nb2prod-Graph-node:not([data-state='done'])")).to_have_count(0)
    expect(screen.node("train")).to_contain_text(re.compile(r"done · [\d.]+ m?s · [\d.]+ [kM]?B"))

    pictures(screen, tmp_path)

    card.get_by_role("button", name="Stop").click()
    expect(card.get_by_role("button", name="Start")).to_be_enabled(timeout=30_000)
    with pytest.raises(OSError, match="refused"):
        predictions(url, [])
    card.get_by_role("button", name="Start").click()
    expect(link).to_be_visible(timeout=60_000)
    again = link.get_attribute("href")
    assert again is not None
    assert predictions(again, json.loads(sample.head(3).to_json(orient="records"))) == expected[:3]
    card.get_by_role("button", name="Stop").click()
    expect(card.get_by_role("button", name="Start")).to_be_enabled(timeout=30_000)


def test_a_ship_by_keyboard_outlives_the_page_the_kernel_and_the_server(lab: Lab, screen: Screen, tiny: Path) -> None:
    page = screen.page
    screen.open(tiny)
    screen.cell(index_of(tiny, "%%stage load")).locator(".jp-InputPrompt").click()
    page.keyboard.press("Escape")
    page.keyboard.press("Control+Alt+s")
    expect(page.get_by_role("dialog").get_by_role("button", name="Ship")).to_be_focused()
    page.keyboard.press("Enter")
    screen.status("running")
    expect(page.get_by_text("| Idle")).to_be_visible(timeout=60_000)
    page.evaluate("() => void jupyterapp.commands.execute('kernelmenu:restart')")
    page.get_by_role("dialog").get_by_role("button", name="Confirm Kernel Restart").click()
    page.reload()
    screen.show_panel()
    screen.status("running")
    lab.stop()
    lab.start()
    screen.status("done")

    expect(page.locator(".jp-nb2prod-Card-url")).to_be_visible(timeout=30_000)
    assert len(list((tiny.parent / ".nb2prod" / "runs").iterdir())) == 1
    page.reload()
    expect(page.locator(".jp-nb2prod-Card-url")).to_be_visible(timeout=60_000)
    screen.complaints.clear()  # a server that is away cannot be asked in silence


def test_a_failing_cell_leads_to_itself(screen: Screen, tiny: Path) -> None:
    page = screen.page
    screen.open(tiny)
    at = index_of(tiny, "%%stage load")
    cell = screen.cell(at)
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.type("\n1 / 0")
    screen.ship()
    screen.status("failed")

    fault = page.locator('.jp-nb2prod-Finding[data-severity="error"]').first
    expect(fault).to_contain_text("NB201")
    expect(fault).to_contain_text("ZeroDivisionError")
    expect(fault.locator(".jp-nb2prod-Finding-cure").first).not_to_be_empty()
    expect(cell.locator(".jp-nb2prod-CellFault")).to_contain_text("NB201")
    expect(screen.node("load")).to_have_attribute("data-state", "failed")
    expect(screen.node("train")).to_have_attribute("data-state", "skipped")
    with page.context.expect_page() as opened:
        page.locator(".jp-nb2prod-Head").get_by_role("link", name="Log").click()
    expect(opened.value.locator("body")).to_contain_text("ZeroDivisionError")
    opened.value.close()
    screen.cell(0).click()
    fault.get_by_role("button", name="Go to").click()
    expect(cell).to_have_class(re.compile("jp-mod-active"))
    assert "1 / 0" in tiny.read_text(encoding="utf-8")


def test_what_the_text_says_is_seen_before_it_is_saved(screen: Screen, tiny: Path) -> None:
    page = screen.page
    before = tiny.read_bytes()
    screen.open(tiny)
    screen.show_panel()
    screen.cell(index_of(tiny, "%%stage load")).locator(".cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.type("\nprint(nowhere)")
    finding = page.locator('.jp-nb2prod-Finding[data-code="NB103"]')

    expect(finding).to_contain_text("nowhere")
    assert tiny.read_bytes() == before
    page.keyboard.type("  # noqa")
    for _ in range("\nprint(nowhere)  # noqa".__len__()):
        page.keyboard.press("Backspace")
    expect(finding).to_have_count(0)


def test_the_graph_is_one_tab_stop_and_the_keyboard_reaches_every_stage(screen: Screen, tiny: Path) -> None:
    page = screen.page
    screen.open(tiny)
    screen.show_panel()
    expect(screen.node("load")).to_be_visible()
    names = page.locator(".jp-nb2prod-Graph-node").evaluate_all("nodes => nodes.map(node => node.dataset.stage)")
    assert page.locator('.jp-nb2prod-Graph-node[tabindex="0"]').count() == 1
    page.locator('.jp-nb2prod-Graph-node[tabindex="0"]').focus()
    page.keyboard.press("Home")
    seen = [page.evaluate("() => document.activeElement.dataset.stage")]
    for _ in names[1:]:
        page.keyboard.press("ArrowDown")
        page.wait_for_function("last => document.activeElement.dataset.stage !== last", arg=seen[-1])
        seen.append(page.evaluate("() => document.activeElement.dataset.stage"))

    assert sorted(seen) == sorted(names)
    page.keyboard.press("Enter")
    expect(page.locator(".jp-Notebook .jp-Cell.jp-mod-active .jp-nb2prod-Badge")).to_be_visible()


def test_a_run_is_cancelled_from_the_panel(screen: Screen, tiny: Path) -> None:
    page = screen.page
    screen.open(tiny)
    screen.show_panel()
    screen.cell(index_of(tiny, "%%stage load")).locator(".cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.type("\nimport time; time.sleep(600)")
    page.locator(".jp-nb2prod-Head").get_by_role("button", name="Run").click()
    expect(screen.node("load")).to_have_attribute("data-state", "running", timeout=60_000)
    page.get_by_role("button", name="Cancel").click()

    screen.status("cancelled")
    expect(page.locator(".jp-nb2prod-Head").get_by_role("button", name="Run")).to_be_enabled()


def test_a_ship_whose_process_was_killed_says_so(screen: Screen, tiny: Path) -> None:
    screen.open(tiny)
    screen.ship()
    screen.status("running")
    os.kill(pid_of_job(tiny.parent / ".nb2prod" / "runs"), signal.SIGKILL)

    screen.status("lost")
    expect(screen.page.get_by_role("alert").filter(has_text="without a word")).to_contain_text("log.txt")
    expect(screen.page.locator(".jp-nb2prod-Head").get_by_role("button", name="Ship")).to_be_enabled()


def test_a_run_is_followed_where_sockets_are_blocked(screen: Screen, tiny: Path) -> None:
    screen.page.route_web_socket(re.compile("/nb2prod/api/"), lambda socket: socket.close(code=4000))
    screen.open(tiny)
    screen.show_panel()
    screen.page.locator(".jp-nb2prod-Head").get_by_role("button", name="Run").click()
    screen.status("done")

    expect(screen.node("train")).to_have_attribute("data-state", "done")


def test_a_notebook_without_stages_is_not_judged_in_its_cells(screen: Screen, folder: Path) -> None:
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "outputs": [], "execution_count": None}
    path = folder / "plain.ipynb"
    document = {"nbformat": 4, "nbformat_minor": 5, "metadata": kernel, "cells": [{**cell, "source": "print(nowhere)"}]}
    path.write_text(json.dumps(document), encoding="utf-8")
    screen.open(path)
    screen.show_panel()
    expect(screen.page.locator('.jp-nb2prod-Finding[data-code="NB103"]')).to_be_visible()
    expect(screen.page.get_by_text("No cell has a stage yet")).to_be_visible()

    assert screen.page.locator(".jp-nb2prod-CellFault").count() == 0


def test_notebook_7_has_the_panel_and_runs(screen: Screen, tiny: Path) -> None:
    page = screen.page
    screen.open_classic(tiny)
    screen.ship()
    screen.status("done")

    expect(page.locator(".jp-nb2prod-Card-url")).to_be_visible()
    expect(page.locator(".jp-nb2prod-Badge button").first).to_be_visible()
    cell = screen.cell(index_of(tiny, "%%stage load"))
    cell.locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    expect(cell.locator(".jp-OutputArea-output").first).to_be_visible(timeout=60_000)
