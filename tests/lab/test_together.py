"""Two people in one notebook: what one tags the other sees, and no cell carries two names."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect

from .conftest import Lab, Screen, cells, opened, written


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab.new(tmp_path / "shared", together=True)
    lab.start()
    yield lab
    lab.stop()


def badge(screen: Screen, index: int) -> Locator:
    return screen.cell(index).locator(".jp-nb2prod-Badge button:visible")


def tag(screen: Screen, index: int, name: str) -> None:
    screen.cell(index).locator(".jp-InputPrompt").click()
    picker = screen.cell(index).get_by_label("Stage of this cell")
    picker.fill(name)
    picker.press("Enter")


def name_of_both(ann: Screen, ben: Screen, index: int) -> str:
    """Wait until both have seen the same name for a second: each may hear of the other's later than of their own."""
    seen: list[str] = []
    deadline = time.monotonic() + 60
    while len(seen) < 5 or len(set(seen[-5:])) > 1:
        assert time.monotonic() < deadline, seen
        one, other = (badge(screen, index).inner_text() for screen in (ann, ben))
        seen.append(one if one == other else f"{one} and {other}, {len(seen)}")
        ann.page.wait_for_timeout(200)
    return seen[-1]


def test_two_collaborators_tag_one_notebook(shared: Lab, chromium: Browser) -> None:
    book = written(shared.root / "ours.ipynb", "%%stage load\na = 1", "b = a", "print(b)")
    with opened(shared, chromium, "ann") as ann, opened(shared, chromium, "ben") as ben:
        for screen in (ann, ben):
            screen.open(book)
            screen.show_panel()
            expect(screen.node("load")).to_be_visible()
        tag(ann, 1, "clean")
        expect(badge(ben, 1)).to_have_text("clean")
        expect(ben.node("clean")).to_be_visible()
        tag(ben, 0, "fetch")  # in the line that both see
        expect(ann.cell(0).locator(".cm-line").first).to_have_text("%%stage fetch")
        expect(ann.node("fetch")).to_be_visible()

        # Both name the same cell before either has heard of the other.
        for screen, name in ((ann, "mine"), (ben, "yours")):
            screen.cell(2).locator(".jp-InputPrompt").click()
            screen.cell(2).get_by_label("Stage of this cell").fill(name)
        ann.page.keyboard.press("Enter")
        ben.page.keyboard.press("Enter")
        agreed = name_of_both(ann, ben, 2)
        assert agreed in {"mine", "yours"}

        # What one undoes is their own: the other's names stay.
        tag(ann, 2, "report")
        expect(badge(ben, 2)).to_have_text("report")
        ann.page.keyboard.press("z")
        expect(badge(ben, 2)).to_have_text(agreed)
        expect(ben.cell(0).locator(".cm-line").first).to_have_text("%%stage fetch")

        # A run takes what both have written, also what nobody has saved.
        tag(ben, 2, "show")
        expect(badge(ann, 2)).to_have_text("show")
        ann.page.locator(".jp-nb2prod-Head").get_by_role("button", name="Run").click()
        ann.status("done")
        expect(ann.node("show")).to_have_attribute("data-state", "done")
        expect(ben.node("show")).to_have_attribute("data-state", "done", timeout=30_000)
    saved = [cell["metadata"].get("nb2prod") for cell in cells(book)]
    assert saved == [None, {"stage": "clean"}, {"stage": "show"}]
    assert json.dumps(cells(book)).count("%%stage") == 1
