"""Everybody can use it: no barrier that axe-core finds, in light and dark; and large notebooks stay quick."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from .conftest import Screen, index_of, written


def dialog_barriers(screen: Screen) -> list[str]:
    """Look at the dialog that is open, and close it."""
    expect(screen.page.get_by_role("dialog")).to_be_visible()
    found = screen.barriers(".jp-Dialog-content")
    # Whoever reads a dialog is in it; a test is quicker than the focus.
    screen.page.locator(".jp-Dialog-footer button").last.press("Escape")
    expect(screen.page.get_by_role("dialog")).to_have_count(0)
    return found


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_the_panel_the_cells_and_the_dialogs_have_no_barrier(screen: Screen, tiny: Path, theme: str) -> None:
    page = screen.page
    screen.open(tiny)
    screen.theme(theme)
    screen.show_panel()
    screen.type_at_end(index_of(tiny, "%%stage load"), "\nprint(nowhere)")
    expect(page.locator('.jp-nb2prod-Finding[data-code="NB103"]')).to_be_visible()
    screen.node("load").click()
    page.locator(".jp-nb2prod-Options summary").click()
    assert screen.barriers(".jp-nb2prod-Panel") == []
    assert screen.barriers(".jp-nb2prod-Badge") == []
    assert screen.barriers(".jp-nb2prod-CellFault") == []

    head = page.locator(".jp-nb2prod-Head")
    head.get_by_role("button", name="Help").click()
    assert dialog_barriers(screen) == []
    screen.cell(index_of(tiny, "%%stage load")).locator(".jp-InputPrompt").click()
    page.keyboard.press("Escape")
    page.keyboard.press("t")
    assert dialog_barriers(screen) == []
    screen.type_at_end(index_of(tiny, "%%stage load"), "")
    page.keyboard.press("Control+z")
    expect(page.locator('.jp-nb2prod-Finding[data-code="NB103"]')).to_have_count(0)
    head.get_by_role("button", name="Ship").click()
    assert dialog_barriers(screen) == []


def test_three_hundred_cells_follow_the_typing(screen: Screen, folder: Path) -> None:
    sources = [f"%%stage s{at // 10}\nv{at} = {at}" if at % 10 == 0 else f"v{at} = v{at - 1} + 1" for at in range(300)]
    screen.open(written(folder / "long.ipynb", *sources))
    screen.show_panel()
    expect(screen.node("s29")).to_be_attached(timeout=30_000)
    screen.type_at_end(0, "\nprint(nowhere)")

    expect(screen.page.locator('.jp-nb2prod-Finding[data-code="NB103"]')).to_be_visible()
    expect(screen.cell(1)).to_have_attribute("data-hue", "0")
