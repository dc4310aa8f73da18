"""Stages are named at the cells: in the toolbar, by key, for many at once, and taken back."""

from __future__ import annotations

import json
import re
from pathlib import Path

from playwright.sync_api import Locator, expect

from .conftest import Screen, cells, index_of, written


def name(screen: Screen, text: str) -> None:
    """Answer the dialog that asks for a stage."""
    dialog = screen.page.get_by_role("dialog")
    dialog.get_by_label("Name of the stage").fill(text)
    dialog.get_by_role("button", name="Set stage").click()


def badge(screen: Screen, index: int) -> Locator:
    return screen.cell(index).locator(".jp-nb2prod-Badge button:visible")


def test_a_stage_typed_in_the_cell_toolbar_is_written_shown_and_drawn(screen: Screen, tiny: Path) -> None:
    page = screen.page
    screen.open(tiny)
    screen.show_panel()
    expect(screen.node("load")).to_be_visible()
    at = index_of(tiny, "accuracy_score(")
    cell = screen.cell(at)
    cell.locator(".jp-InputPrompt").click()
    picker = cell.get_by_label("Stage of this cell")
    names = picker.evaluate("input => [...input.list.options].map(option => option.value)")
    assert {"load", "train", "evaluate"} <= set(names)
    picker.fill("judge")
    picker.press("Enter")
    expect(badge(screen, at)).to_have_text("judge")
    expect(screen.node("judge")).to_be_visible()
    box = badge(screen, at).bounding_box()
    assert box is not None
    assert box["height"] > 12
    colour = "node => getComputedStyle(node).borderLeftColor"
    expect(cell).to_have_css("border-left-width", "4px")
    assert cell.evaluate(colour) != screen.cell(index_of(tiny, "%%stage load")).evaluate(colour)

    page.keyboard.press("Control+s")
    expect(page.locator(".jp-mod-current.jp-mod-dirty")).to_have_count(0)
    assert "judge" in json.dumps(cells(tiny)[at])
    picker.fill("No Name")
    picker.press("Enter")
    expect(badge(screen, at)).to_have_text("judge")


def test_a_stage_line_is_rewritten_and_not_doubled(screen: Screen, tiny: Path) -> None:
    screen.open(tiny)
    at = index_of(tiny, "%%stage load")
    cell = screen.cell(at)
    expect(badge(screen, at)).to_have_text("load")
    badge(screen, at).click()
    name(screen, "fetch")

    expect(cell.locator(".cm-line").first).to_have_text("%%stage fetch")
    expect(badge(screen, at)).to_have_text("fetch")
    cell.click(button="right")
    screen.page.get_by_role("menuitem", name="Set Stage …").click()
    name(screen, "")
    expect(badge(screen, at)).to_have_count(0)
    expect(cell.locator(".cm-line").first).not_to_contain_text("%%stage")


def test_several_cells_are_tagged_with_one_key_and_untagged_with_one_undo(screen: Screen, folder: Path) -> None:
    book = written(folder / "plain.ipynb", "a = 1", "b = a", "c = b", "print(c)")
    page = screen.page
    screen.open(book)
    screen.show_panel()
    screen.cell(1).locator(".jp-InputPrompt").click()
    page.keyboard.press("Escape")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("t")
    name(screen, "clean")
    expect(badge(screen, 1)).to_have_text("clean")
    expect(badge(screen, 2)).to_have_text("clean")
    expect(screen.node("clean")).to_be_visible()
    expect(screen.cell(3).locator(".jp-nb2prod-Badge-uses")).to_have_count(0)
    expect(screen.cell(1).locator(".jp-nb2prod-Badge-uses")).to_have_text("a ← setup")

    screen.cell(2).locator(".jp-InputPrompt").click()
    page.keyboard.press("Escape")
    page.keyboard.press("z")
    expect(badge(screen, 1)).to_have_count(0)
    expect(badge(screen, 2)).to_have_count(0)
    page.keyboard.press("Shift+Z")
    expect(badge(screen, 1)).to_have_text("clean")


def test_the_options_of_a_stage_stand_where_its_name_does(screen: Screen, folder: Path) -> None:
    book = written(folder / "two.ipynb", "%%stage one\nrows = 1", "print(rows)")
    page = screen.page
    screen.open(book)
    screen.show_panel()
    screen.cell(1).locator(".jp-InputPrompt").click()
    picker = screen.cell(1).get_by_label("Stage of this cell")
    picker.fill("two")
    picker.press("Enter")
    for stage in ("one", "two"):
        screen.node(stage).click()
        expect(page.get_by_role("region", name=f"Stage {stage}", exact=True)).to_be_visible()
        if not page.get_by_label("retries").is_visible():
            page.locator(".jp-nb2prod-Options summary").click()
        page.get_by_label("retries").fill("2")
        page.get_by_label("retries").press("Enter")
        expect(page.get_by_label("retries")).to_have_value("2")
        page.get_by_label("cache").select_option("false")
        expect(page.get_by_label("cache")).to_have_value("false")
    expect(screen.cell(0).locator(".cm-line").first).to_have_text("%%stage one --cache false --retries 2")

    page.keyboard.press("Control+s")
    expect(page.locator(".jp-mod-current.jp-mod-dirty")).to_have_count(0)
    assert cells(book)[1]["metadata"]["nb2prod"] == {"stage": "two", "retries": 2, "cache": False}
    screen.node("one").click()
    expect(page.get_by_label("retries")).to_have_value("2")


def test_a_badge_dragged_over_cells_gives_them_its_stage_and_one_undo_takes_it_back(
    screen: Screen, folder: Path
) -> None:
    book = written(folder / "drag.ipynb", "%%stage load\na = 1", "b = a", "%%stage other\nc = b", "print(c)")
    page = screen.page
    screen.open(book)
    screen.show_panel()
    expect(screen.node("other")).to_be_visible()
    badge(screen, 0).hover()
    page.mouse.down()
    screen.point_at(1)
    expect(screen.cell(1)).to_have_class(re.compile("jp-nb2prod-mod-reached"))
    page.keyboard.press("Escape")
    page.mouse.up()
    expect(page.locator(".jp-nb2prod-mod-reached")).to_have_count(0)
    expect(badge(screen, 1)).to_have_count(0)

    badge(screen, 0).hover()
    page.mouse.down()
    screen.point_at(1)
    screen.point_at(2)
    page.mouse.up()
    for at in range(3):
        expect(badge(screen, at)).to_have_text("load")
    expect(screen.cell(2).locator(".cm-line").first).to_have_text("%%stage load")
    expect(screen.node("other")).to_have_count(0)
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(".jp-nb2prod-mod-reached")).to_have_count(0)

    page.keyboard.press("Escape")
    page.keyboard.press("z")
    expect(badge(screen, 1)).to_have_count(0)
    expect(screen.cell(2).locator(".cm-line").first).to_have_text("%%stage other")
    expect(screen.node("other")).to_be_visible()
