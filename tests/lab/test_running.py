"""Parts of a pipeline are run, several at once, watched from two tabs, and found again in the history."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from .conftest import Screen, cells, written

STAGES = (
    "n = 2",
    "%%stage one\nrows = list(range(n))\nprint('first', len(rows))",
    "%%stage two\ntotal = sum(rows)",
    "%%stage three\nprint(total)",
)


@pytest.fixture
def book(folder: Path) -> Path:
    path = written(folder / "parts.ipynb", *STAGES)
    document = json.loads(path.read_text())
    document["cells"][0]["metadata"]["tags"] = ["parameters"]
    path.write_text(json.dumps(document))
    return path


def verb(screen: Screen, stage: str, name: str) -> None:
    """Run a part of the pipeline from one of its stages."""
    screen.node(stage).click()
    screen.page.get_by_role("group", name="Run parts").get_by_role("button", name=name).click()


def runs_of(book: Path) -> list[Path]:
    return sorted((book.parent / ".nb2prod" / "runs").iterdir())


def test_a_run_goes_to_a_stage_and_from_it_with_the_parameters_typed(screen: Screen, book: Path) -> None:
    page = screen.page
    screen.open(book)
    screen.show_panel()
    page.get_by_text("Parameters", exact=True).click()
    page.get_by_label("n", exact=True).fill("5")
    verb(screen, "two", "To here")
    screen.status("done")
    expect(screen.node("two")).to_have_attribute("data-state", "done")
    expect(screen.node("three")).to_have_attribute("data-state", "pending")
    expect(screen.node("two")).to_contain_text(re.compile(r"done · [\d.]+ m?s"))
    start = json.loads((runs_of(book)[0] / "run.json").read_text())
    assert start["parameters"] == {"n": 5}
    assert "5" not in "".join(cells(book)[0]["source"])

    page.get_by_label("n", exact=True).fill("")
    verb(screen, "three", "Run this")
    expect(screen.node("three")).to_have_attribute("data-state", "done", timeout=120_000)
    verb(screen, "two", "From here")
    expect(page.get_by_text("History (3)")).to_be_visible(timeout=60_000)
    screen.status("done")
    last = json.loads((runs_of(book)[-1] / "run.json").read_text())
    actions = {stage["name"]: stage["action"] for stage in last["stages"]}
    assert actions == {"setup": "reuse", "one": "reuse", "two": "run", "three": "run"}


def test_what_a_run_left_is_a_click_away_and_two_runs_are_compared(screen: Screen, book: Path) -> None:
    page = screen.page
    screen.open(book)
    screen.show_panel()
    head = page.locator(".jp-nb2prod-Head")
    head.get_by_role("button", name="Run").click()
    screen.status("done")
    screen.type_at_end(2, "\nmean = total / 2")
    page.get_by_text("Parameters", exact=True).click()
    page.get_by_label("n", exact=True).fill("7")
    head.get_by_role("button", name="Run").click()
    expect(page.get_by_text("History (2)")).to_be_visible(timeout=60_000)
    screen.status("done")

    with page.context.expect_page() as opened:
        head.get_by_role("link", name="Report").click()
    expect(opened.value.locator("body")).to_contain_text("first 7", timeout=60_000)
    opened.value.close()
    page.get_by_text("History (2)").click()
    history = page.locator(".jp-nb2prod-History")
    for box in history.get_by_role("checkbox").all():
        box.check()
    history.get_by_role("button", name="Compare").click()
    comparison = page.locator(".jp-nb2prod-Comparison")
    expect(comparison.get_by_role("table", name="Parameters")).to_contain_text("7")
    expect(comparison.locator('[data-stage="two"]')).to_contain_text("+mean = total / 2")
    expect(comparison.locator('[data-stage="one"]')).to_have_count(0)
    assert screen.barriers(".jp-nb2prod-Comparison") == []
    screen.theme("Dark")
    assert screen.barriers(".jp-nb2prod-Comparison") == []
    assert screen.barriers(".jp-nb2prod-Panel") == []
    page.get_by_role("tab", name="parts.ipynb").click()
    history.get_by_label("Kind").select_option("failed")
    expect(history.get_by_role("listitem")).to_have_count(0)
    history.get_by_label("Kind").select_option("run")
    expect(history.get_by_role("listitem")).to_have_count(2)
    head.get_by_role("button", name="Executed notebook").click()
    expect(page.get_by_role("tab", name="parts.2")).to_be_visible(timeout=30_000)


def test_two_runs_go_at_once_and_a_second_tab_sees_and_stops_one(screen: Screen, folder: Path) -> None:
    slow = written(folder / "slow.ipynb", "%%stage wait\nimport time; time.sleep(300)", "%%stage quick\nprint(1)")
    page = screen.page
    screen.open(slow)
    screen.show_panel()
    head = page.locator(".jp-nb2prod-Head")
    head.get_by_role("button", name="Run").click()
    expect(screen.node("wait")).to_have_attribute("data-state", "running", timeout=60_000)
    head.get_by_role("button", name="Run").click()
    expect(page.get_by_text("History (2)")).to_be_visible(timeout=60_000)

    other = page.context.new_page()
    other.goto(page.url.replace("/workspaces/", "/workspaces/second"))
    other.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=60_000)
    other.get_by_role("tab", name="Pipeline").click()
    expect(other.locator(".jp-nb2prod-Status")).to_have_attribute("data-state", "running", timeout=60_000)
    other.get_by_text("History (2)").click()
    entries = other.locator('.jp-nb2prod-History li[data-state="running"]')
    expect(entries).to_have_count(2)
    for left in (1, 0):
        entries.first.get_by_role("button", name="Cancel").click()
        expect(entries).to_have_count(left, timeout=60_000)
    screen.status("cancelled")
    other.close()
