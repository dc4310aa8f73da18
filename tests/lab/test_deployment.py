"""Releases are promoted, tried beside each other and taken back from the panel, which shows how they fare."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from nb2prod import api, settings

from .conftest import REPOSITORY, Lab, Screen, run_first, written

SWAPPED = 60_000  # milliseconds that a service may take to start


@pytest.fixture(scope="module")
def releases(lab: Lab) -> tuple[Path, str, str]:
    """A notebook that was shipped twice, from a terminal."""
    folder = lab.root / "shipped-twice"
    folder.mkdir()
    book = Path(shutil.copy(REPOSITORY / "tests" / "notebooks" / "tiny_model.ipynb", folder / "tiny.ipynb"))
    first, second = (api.ship(book)["release"] for _ in range(2))
    return book, first, second


@pytest.fixture
def shipped(releases: tuple[Path, str, str]) -> Iterator[tuple[Path, str, str]]:
    """The same, of which nothing has been promoted yet, whatever became of the test before."""
    yield releases
    home = settings.home_of(releases[0])
    if api.deployments(home):
        api.retire(home, releases[0].name)
        shutil.rmtree(home / "deployments")


def promote(screen: Screen, button: Locator, kind: str) -> None:
    button.click()
    dialog = screen.page.get_by_role("dialog")
    dialog.get_by_label(kind).check()
    if kind == "Canary":
        dialog.get_by_label("Share in percent").fill("25")
    dialog.get_by_role("button", name="Promote", exact=True).click()


def test_releases_take_each_others_place(screen: Screen, shipped: tuple[Path, str, str]) -> None:
    book, first, second = shipped
    home, page = settings.home_of(book), screen.page
    screen.open(book)
    screen.show_panel()
    card, part = page.locator(".jp-nb2prod-Card"), page.locator(".jp-nb2prod-Deployment")
    expect(card).to_have_attribute("data-release", second)
    with page.context.expect_page() as opened:
        card.get_by_role("link", name="Risk sheet").click()
    expect(opened.value).to_have_title(f"Risk sheet: {second}")
    opened.value.close()
    with page.context.expect_page() as opened:
        card.get_by_role("link", name="Monitor").click()
    expect(opened.value.get_by_text(second).first).to_be_visible()
    opened.value.close()
    expect(part).to_have_count(0)

    card.get_by_role("button", name="Promote …").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Canary")).to_be_disabled()
    assert screen.barriers(".jp-Dialog-content") == []
    dialog.get_by_role("button", name="Promote", exact=True).click()
    expect(card.get_by_role("button", name="Promoting …")).to_be_disabled()
    role = {name: part.locator(f'tr[data-role="{name}"]') for name in ("live", "canary", "shadow")}
    expect(role["live"]).to_have_attribute("data-release", second, timeout=SWAPPED)
    expect(part).to_have_attribute("data-state", "running")

    page.get_by_text("History (2)").click()
    older = page.get_by_role("button", name=f"Promote {first}")
    promote(screen, older, "Canary")
    expect(role["canary"]).to_contain_text("canary, 25 %", timeout=SWAPPED)
    url = part.locator("a.jp-nb2prod-Card-url").get_attribute("href")
    assert url is not None
    row = api.show_release(home, second)["example"]
    for _ in range(12):
        api.ask(url, [row])
    answered = "rows => rows.reduce((sum, row) => sum + Number(row.cells[1].textContent), 0)"
    expect(role["live"].locator("td").first).not_to_have_text("0", timeout=SWAPPED)
    page.wait_for_function(
        f"() => ({answered})([...document.querySelectorAll('.jp-nb2prod-Roles tbody tr')]) === 12", timeout=SWAPPED
    )
    assert screen.barriers(".jp-nb2prod-Panel") == []

    page.reload()
    expect(role["canary"]).to_have_attribute("data-release", first, timeout=60_000)
    part.get_by_role("button", name="Roll back …").click()
    expect(page.get_by_role("dialog")).to_contain_text(f"The canary {first} is withdrawn")
    page.get_by_role("dialog").get_by_label("Why").fill("too slow")
    for theme in ("Dark", "Light"):
        screen.theme(theme)
        assert screen.barriers(".jp-Dialog-content") == []
    page.get_by_role("dialog").get_by_role("button", name="Roll back").click()
    expect(role["canary"]).to_have_count(0, timeout=SWAPPED)
    part.get_by_text("3 changes").click()
    expect(part.locator('li[data-verb="withdraw"]')).to_contain_text("too slow")

    page.get_by_text("History (2)").click()
    promote(screen, older, "Shadow")
    expect(role["shadow"]).to_have_attribute("data-release", first, timeout=SWAPPED)
    api.ask(url, [row])
    expect(part.locator('[data-report="shadow"]')).to_contain_text("1 same answers", timeout=SWAPPED)
    promote(screen, older, "All requests")
    expect(role["live"]).to_have_attribute("data-release", first, timeout=SWAPPED)
    part.get_by_role("button", name="Roll back …").click()
    expect(page.get_by_role("dialog")).to_contain_text(f"{second} answers again")
    page.get_by_role("dialog").get_by_role("button", name="Roll back").click()
    expect(role["live"]).to_have_attribute("data-release", second, timeout=SWAPPED)

    part.get_by_role("button", name="Stop the deployment").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop").click()
    expect(part).to_have_attribute("data-state", "stopped", timeout=SWAPPED)
    expect(part).to_contain_text("Nothing answers")


def test_what_a_terminal_promotes_is_seen_and_a_release_is_made_again(
    screen: Screen, shipped: tuple[Path, str, str]
) -> None:
    book, first, second = shipped
    home, page = settings.home_of(book), screen.page
    card, part = page.locator(".jp-nb2prod-Card"), page.locator(".jp-nb2prod-Deployment")
    screen.open(book)
    screen.theme("Dark")
    screen.show_panel()
    card.get_by_role("button", name=f"Reproduce {second}").click()
    expect(card.locator(".jp-nb2prod-Sameness")).to_contain_text("rebuild", timeout=SWAPPED)
    api.promote(home, first)
    expect(part.locator('tr[data-role="live"]')).to_have_attribute("data-release", first, timeout=30_000)
    page.get_by_text("History (2)").click()
    assert screen.barriers(".jp-nb2prod-Panel") == []
    for name in ("Promote …", "Stop the deployment"):
        page.get_by_role("button", name=name, exact=True).first.click()
        assert screen.barriers(".jp-Dialog-content") == []
        page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    api.retire(home, "tiny.ipynb")
    expect(part).to_have_attribute("data-state", "stopped", timeout=30_000)
    page.reload()
    found = card.locator(".jp-nb2prod-Sameness")
    expect(found).to_have_attribute("data-state", "done", timeout=180_000)
    assert found.get_attribute("data-verdict") in {"same bits", "same model"}


def test_releases_are_promoted_tried_and_taken_back_with_the_widget(
    screen: Screen, shipped: tuple[Path, str, str]
) -> None:
    book, first, second = shipped
    home = settings.home_of(book)
    screen.open_classic(written(book.parent / "widget.ipynb", "%load_ext nb2prod\n%pipeline tiny.ipynb"))
    widget = run_first(screen)
    widget.get_by_text("Releases", exact=True).click()
    promote, gets = widget.get_by_role("button", name="Promote"), widget.get_by_label("Gets")
    expect(widget.get_by_label("Release", exact=True).locator("option")).to_have_text([second, first])
    gets.select_option("a share (canary)")
    expect(promote).to_be_disabled()
    gets.select_option("all requests")
    widget.get_by_label("Why").fill("first service")
    promote.click()
    expect(widget.get_by_role("row", name=f"live {second}")).to_be_visible(timeout=SWAPPED)
    expect(widget.get_by_text("first service", exact=False).first).to_be_visible()
    widget.get_by_label("Release", exact=True).select_option(first)
    gets.select_option("a share (canary)")
    widget.get_by_label("Percent").fill("25")
    widget.get_by_label("Percent").press("Enter")
    promote.click()
    expect(widget.get_by_role("row", name=f"canary, 25% {first}")).to_be_visible(timeout=SWAPPED)
    assert screen.barriers(".jp-OutputArea-output") == []
    (found,) = api.deployments(home)
    assert (found["live"], found["canary"], found["share"]) == (second, first, 0.25)

    widget.get_by_role("button", name="Roll back").click()
    expect(widget.get_by_role("row", name="canary")).to_have_count(0, timeout=SWAPPED)
    widget.get_by_role("button", name="Stop", exact=True).click()
    expect(widget.get_by_text("Nothing answers")).to_be_visible(timeout=SWAPPED)
    expect(widget.get_by_role("button", name="Stop", exact=True)).to_be_disabled()
