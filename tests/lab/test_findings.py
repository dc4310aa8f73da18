"""What is wrong is said while it is typed and mended with a click; stages are suggested to a notebook without any."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from .conftest import Screen, written


def test_a_finding_is_mended_with_one_click_and_the_click_is_undone(screen: Screen, folder: Path) -> None:
    book = written(folder / "twice.ipynb", "%%stage one\nrows = 1", "%%stage Two\nprint(rows)")
    page = screen.page
    screen.open(book)
    screen.show_panel()
    finding = page.locator('.jp-nb2prod-Finding[data-code="NB104"]')
    expect(finding).to_be_visible()
    expect(screen.cell(1).locator(".jp-nb2prod-CellFault")).to_contain_text("NB104")
    screen.cell(1).locator(".jp-nb2prod-CellFault").get_by_role("button").click()

    expect(finding).to_have_count(0)
    expect(screen.cell(1).locator(".cm-line").first).to_have_text("%%stage two")
    expect(screen.node("two")).to_be_visible()
    screen.cell(1).locator(".jp-InputPrompt").click()
    page.keyboard.press("Escape")
    page.keyboard.press("z")
    expect(screen.cell(1).locator(".cm-line").first).to_have_text("%%stage Two")
    expect(finding).to_be_visible()


def test_suggested_stages_are_accepted_one_by_one_or_all_at_once(screen: Screen, folder: Path) -> None:
    book = written(
        folder / "plain.ipynb",
        "import pandas as pd",
        "# load the data\nframe = pd.DataFrame({'x': [1, 2, 3], 'y': [2, 4, 6]})",
        "frame = frame.dropna()\nframe['z'] = frame.x * 2",
        "from sklearn.linear_model import LinearRegression\nmodel = LinearRegression().fit(frame[['x', 'z']], frame.y)",
        "print(model.score(frame[['x', 'z']], frame.y))",
    )
    page = screen.page
    screen.open(book)
    screen.show_panel()
    page.get_by_role("button", name="Suggest stages").click()
    suggested = page.get_by_role("region", name="Suggested stages")
    expect(suggested.get_by_role("listitem").first).to_be_visible()
    names = suggested.locator("li").evaluate_all("items => items.map(item => item.dataset.stage)")
    assert len(names) > 1
    suggested.get_by_role("button", name=f"Accept {names[0]}").click()
    expect(screen.node(names[0])).to_be_visible()
    expect(suggested.get_by_role("listitem")).to_have_count(len(names) - 1)
    suggested.get_by_role("button", name="Accept all").click()

    for name in names:
        expect(screen.node(name)).to_be_visible()
    expect(suggested).to_have_count(0)
