"""What stands around the notebook: launcher, menu, status bar, palette, settings, help."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from .conftest import BUNDLE, Lab, Screen, cells, written


@pytest.mark.parametrize("where", ["lab", "notebooks"])
def test_the_bundle_of_this_package_is_what_these_tests_test(screen: Screen, folder: Path, where: str) -> None:
    """An editable install leaves a copy behind, which grows old."""
    book = written(folder / "book.ipynb", "a = 1")
    (screen.open if where == "lab" else screen.open_classic)(book)
    loaded = screen.page.evaluate("() => performance.getEntriesByType('resource').map(({name}) => name)")
    ours = [name.partition("?")[0] for name in loaded if "/extensions/nb2prod/" in name]
    built = json.loads((BUNDLE / "package.json").read_text(encoding="utf-8"))["jupyterlab"]["_build"]["load"]
    page = json.loads(screen.page.locator("#jupyter-config-data").text_content() or "")
    told = [one["load"] for one in page["federated_extensions"] if one["name"] == "nb2prod"]

    assert told == [built]
    assert any(name.endswith(built) for name in ours)


def test_a_card_in_the_launcher_makes_a_notebook_that_is_a_pipeline(screen: Screen, folder: Path) -> None:
    page = screen.page
    screen.open(written(folder / "first.ipynb", "a = 1"))
    page.evaluate("cwd => void jupyterapp.commands.execute('launcher:create', {cwd})", folder.name)
    page.locator(".jp-LauncherCard").get_by_text("Pipeline Notebook").click()

    expect(screen.node("train")).to_be_visible(timeout=30_000)
    expect(page.get_by_role("tab", name="Untitled.ipynb")).to_be_visible()
    first = [cell["source"][0].strip() for cell in cells(folder / "Untitled.ipynb")]
    assert first == ["%load_ext nb2prod", "%%stage load", "%%stage train"]


def test_the_menu_has_the_verbs_and_help_leads_to_the_documentation(screen: Screen, folder: Path) -> None:
    page = screen.page
    screen.open(written(folder / "menu.ipynb", "%%stage one\na = 1", "%%stage two\nprint(a)"))
    page.get_by_role("menuitem", name="Pipeline", exact=True).click()
    items = page.locator(".lm-Menu-content .lm-Menu-itemLabel").all_inner_texts()
    verbs = ["Ship", "Run Pipeline", "Cancel Run or Ship", "Promote Release …", "Roll Back …", "Stop Deployment …"]
    others = ["Set Stage …", "Suggest Stages", "Show Pipeline", "New Pipeline Notebook", "About Pipelines"]
    assert [item for item in items if item] == [*verbs, *others]
    expect(page.get_by_role("menuitem", name="Cancel Run or Ship")).to_have_class("lm-Menu-item lm-mod-disabled")
    page.get_by_role("menuitem", name="About Pipelines").click()
    help_ = page.get_by_role("dialog")
    expect(help_.get_by_text("Ctrl Alt S")).to_be_visible()
    with page.context.expect_page() as opened:
        help_.get_by_role("link", name="This panel").click()
    manual = opened.value
    expect(manual.get_by_role("heading", name="In JupyterLab and Notebook 7", exact=True)).to_be_visible()
    manual.wait_for_load_state()
    assert manual.locator("img").first.evaluate("image => image.naturalWidth") > 600
    manual.get_by_role("link", name="Serving", exact=True).click()
    expect(manual.get_by_role("heading", level=1)).to_contain_text("Serving")


def test_the_palette_has_the_verbs_for_who_uses_no_mouse(screen: Screen, folder: Path) -> None:
    page = screen.page
    screen.open(written(folder / "keys.ipynb", "a = 1"))
    screen.cell(0).locator(".jp-InputPrompt").click()
    page.keyboard.press("Escape")
    screen.choose("set stage", leads_to=page.get_by_label("Name of the stage"))
    page.keyboard.type("first")
    page.keyboard.press("Enter")

    expect(screen.cell(0).locator(".jp-nb2prod-Badge button")).to_have_text("first")
    # The keys are the notebook's again, so that B makes a cell below.
    expect(page.locator(".jp-Notebook :focus")).to_be_attached()
    page.keyboard.press("b")
    expect(screen.cell(1)).to_be_visible()


def test_the_words_are_those_of_a_language_pack(screen: Screen, lab: Lab, folder: Path) -> None:
    """As one that is installed gives them: by our domain, with the numbers that a sentence has."""
    page = screen.page
    words = {"Ship": ["Ausliefern"], "Stages": ["Stufen"], "%1 of %2 stages to run": ["%1 von %2 Stufen zu rechnen"]}
    pack = {"": {"domain": "nb2prod", "language": "de-DE", "plural_forms": "nplurals=2; plural=(n != 1);"}, **words}
    lab.settings("@jupyterlab/translation-extension:plugin", {"locale": "de_DE"})
    page.route(
        re.compile("/api/translations/de_DE"),
        lambda route: route.fulfill(json={"data": {"nb2prod": pack}, "message": ""}),
    )
    try:
        screen.open(written(folder / "german.ipynb", "%%stage one\na = 1", "%%stage two\nprint(a)"))
        screen.show_panel()
        expect(page.locator(".jp-nb2prod-Head").get_by_role("button", name="Ausliefern")).to_be_visible()
        expect(page.get_by_role("heading", name="Stufen")).to_be_visible()
        expect(page.locator(".jp-nb2prod-StatusItem button")).to_have_text("2 von 2 Stufen zu rechnen")
    finally:
        lab.settings("@jupyterlab/translation-extension:plugin", {})


def test_the_status_bar_says_how_the_pipeline_stands_and_leads_to_it(screen: Screen, folder: Path) -> None:
    page = screen.page
    screen.open(written(folder / "bar.ipynb", "%%stage one\na = 1", "%%stage two\nprint(a)"))
    item = page.locator(".jp-nb2prod-StatusItem button")
    expect(item).to_have_text("2 of 2 stages to run")
    expect(page.locator(".jp-nb2prod-Panel")).not_to_be_visible()
    item.click()
    page.locator(".jp-nb2prod-Head").get_by_role("button", name="Run").click()
    screen.status("done")

    expect(item).to_have_text("2 stages")
    screen.type_at_end(1, "\nb = a")
    expect(item).to_have_text("1 of 2 stages to run")


def test_a_run_that_ends_behind_a_closed_panel_is_told_with_a_way_there(screen: Screen, folder: Path) -> None:
    page = screen.page
    screen.open(written(folder / "toast.ipynb", "%%stage one\nimport time; time.sleep(3); 1 / 0"))
    screen.show_panel()
    page.locator(".jp-nb2prod-Head").get_by_role("button", name="Run").click()
    page.get_by_role("tab", name="Pipeline").click()
    expect(page.locator(".jp-nb2prod-Panel")).not_to_be_visible()
    toast = page.locator(".jp-toastContainer").get_by_text("Run failed")
    expect(toast).to_contain_text("ZeroDivisionError", timeout=60_000)
    page.locator(".jp-toastContainer").get_by_role("button", name="Show").click()

    expect(page.locator('.jp-nb2prod-Finding[data-code="NB201"]')).to_be_visible()


def test_a_setting_leaves_the_review_out(screen: Screen, lab: Lab, folder: Path) -> None:
    page = screen.page
    lab.settings("nb2prod:commands", {"reviewBeforeShip": False})
    try:
        screen.open(written(folder / "brisk.ipynb", "%%stage one\n1 / 0"))
        screen.show_panel()
        expect(screen.node("one")).to_be_visible()
        page.locator(".jp-nb2prod-Head").get_by_role("button", name="Ship").click()
        screen.status("failed")
        assert screen.clicks == 1
        assert page.get_by_role("dialog").count() == 0
        page.evaluate("() => void jupyterapp.commands.execute('settingeditor:open', {query: 'Pipeline'})")
        expect(page.get_by_label("Review before Ship")).not_to_be_checked(timeout=30_000)
    finally:
        lab.settings("nb2prod:commands", {})
