"""The graph of the notebook as it is, small and large."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from .conftest import Screen, index_of, written


def test_a_stage_is_stale_while_its_code_is_edited_and_says_why(screen: Screen, tiny: Path) -> None:
    page = screen.page
    screen.open(tiny)
    screen.show_panel()
    page.locator(".jp-nb2prod-Head").get_by_role("button", name="Run").click()
    screen.status("done")
    expect(screen.node("load")).to_have_attribute("data-state", "done")
    before = tiny.read_bytes()
    screen.type_at_end(index_of(tiny, "%%stage load"), "\nextra = 1")

    expect(screen.node("load")).to_have_attribute("data-state", "stale")
    screen.node("load").click()
    detail = page.locator(".jp-nb2prod-Detail")
    expect(detail).to_contain_text("code changed")
    expect(screen.node("setup")).to_have_attribute("data-state", re.compile("kept|done"))
    expect(detail.get_by_text("kB")).to_be_visible()
    assert tiny.read_bytes() == before


def test_an_edge_names_what_flows_and_leads_to_the_stage_that_reads_it(screen: Screen, folder: Path) -> None:
    book = written(folder / "two.ipynb", "%%stage one\nrows = 1", "%%stage two\nprint(rows)")
    screen.open(book)
    screen.show_panel()
    edge = screen.page.locator('.jp-nb2prod-Graph-edge[data-from="one"][data-to="two"]')

    expect(edge.locator("text")).to_have_text("rows")
    screen.node("two").click()
    expect(screen.cell(1)).to_have_class(re.compile("jp-mod-active"))
    screen.node("one").click()
    expect(screen.cell(0)).to_have_class(re.compile("jp-mod-active"))
    edge.locator("text").click()
    detail = screen.page.locator(".jp-nb2prod-Detail")
    expect(detail).to_contain_text("From one")
    expect(detail).to_contain_text("is set in cell 1")


def test_a_hundred_stages_are_drawn_zoomed_and_reached(screen: Screen, folder: Path) -> None:
    first = "%%stage s0\nv0 = 0"
    rest = [f"%%stage s{at}\nv{at} = v{at - 1} + v{at // 2}" for at in range(1, 100)]
    screen.open(written(folder / "hundred.ipynb", first, *rest))
    screen.show_panel()
    page = screen.page
    expect(screen.node("s99")).to_be_attached(timeout=60_000)
    assert page.locator(".jp-nb2prod-Graph-node").count() == 100

    place = page.locator(".jp-nb2prod-Viewport-place")
    narrow = place.evaluate("node => node.firstElementChild.getBoundingClientRect().width")
    page.get_by_role("button", name="Zoom in").click()
    assert place.evaluate("node => node.firstElementChild.getBoundingClientRect().width") > narrow * 1.2
    before, paper = place.evaluate("node => node.scrollTop"), place.bounding_box()
    assert paper is not None
    page.mouse.move(paper["x"] + 4, paper["y"] + 100)
    page.mouse.down()
    page.mouse.move(paper["x"] + 4, paper["y"] + 40, steps=3)
    page.mouse.up()
    assert place.evaluate("node => node.scrollTop") == pytest.approx(before + 60, abs=1)
    screen.node("s0").focus()
    page.keyboard.press("End")
    expect(screen.node("s99")).to_be_focused()
    expect(screen.node("s99")).to_be_in_viewport()
    page.keyboard.press("0")
    expect(page.locator(".jp-nb2prod-Viewport")).to_have_attribute("data-zoom", "fit")
    page.keyboard.press("Enter")
    expect(page.locator(".jp-Notebook .jp-Cell.jp-mod-active")).to_contain_text("v99")
