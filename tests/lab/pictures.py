"""The pictures of the documentation, taken anew: `python -m lab.pictures ../docs/images [shipped …]` in `tests`.

A person looks at them before they are committed; nothing else tells that they show what they are meant to.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import expect, sync_playwright

from nb2prod import api, settings

from .conftest import CHROMIUM, REPOSITORY, Lab, Screen, index_of, opened, written

SIZE = {"width": 1280, "height": 860}


def main(folder: Path, *names: str) -> None:
    """Take all of them, or those that are named; a Ship is the slowest part."""
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        lab = Lab.new(Path(home) / "lab")
        lab.start()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        try:
            for take in (suggested, stages, running, failed, shipped, deployed, compared, widget, service, product):
                if names and take.__name__ not in names:
                    continue
                book = churn(lab, take.__name__)
                with opened(lab, browser, take.__name__) as screen:
                    screen.page.set_viewport_size(SIZE)  # type: ignore[arg-type]
                    take(screen, book, folder)
                    screen.complaints.clear()
        finally:
            browser.close()
            for record in lab.root.rglob(".nb2prod/services/*.json"):
                api.stop(record.parents[1], record.stem)
            lab.stop()


def churn(lab: Lab, name: str) -> Path:
    """Copy the example into a folder of its own."""
    folder = lab.root / name
    shutil.copytree(REPOSITORY / "examples" / "churn", folder, ignore=shutil.ignore_patterns(".nb2prod", ".ipynb_*"))
    return folder / "churn.ipynb"


def ready(screen: Screen, book: Path, theme: str = "Light") -> None:
    """Open a notebook with the panel beside it, and nothing else."""
    screen.open(book)
    screen.theme(theme)
    screen.show_panel()
    if screen.page.locator("#filebrowser").is_visible():
        screen.page.keyboard.press("Control+b")
    expect(screen.node("train")).to_be_visible(timeout=30_000)


def snap(screen: Screen, folder: Path, name: str) -> None:
    """Take a picture once nothing moves any more."""
    screen.page.mouse.move(640, 5)
    screen.page.wait_for_timeout(1500)
    path = folder / f"{name}.png"
    screen.page.screenshot(path=path)
    # A third of the bytes, and no eye sees it: a screen has few colours.
    Image.open(path).convert("RGB").quantize(192, dither=Image.Dither.NONE).save(path, optimize=True)


def stages(screen: Screen, book: Path, folder: Path) -> None:
    """A tagged notebook with its graph, in both themes, and a finding with its cure."""
    for theme in ("Light", "Dark"):
        ready(screen, book, theme)
        screen.node("prepare").click()
        snap(screen, folder, f"tagged-{theme.lower()}")
    screen.theme("Light")


def suggested(screen: Screen, book: Path, folder: Path) -> None:
    """Stages that an untagged notebook seems to have, at its cells and as a graph."""
    load = "# load the data\ncustomers = pd.read_csv('churn.csv')"
    clean = "customers = customers.dropna()\nX, y = customers[['total_day_minutes']], customers['churn']"
    fit = "model = LogisticRegression().fit(X, y)"
    sources = ("import pandas as pd\nfrom sklearn.linear_model import LogisticRegression", load, clean, fit)
    plain = written(book.parent / "plain.ipynb", *sources, "print(model.score(X, y))")
    screen.page.set_viewport_size({"width": 1280, "height": 720})
    screen.open(plain)
    screen.show_panel()
    screen.page.keyboard.press("Control+b")
    screen.page.get_by_role("button", name="Suggest stages").click()
    expect(screen.page.locator(".jp-nb2prod-Badge.jp-mod-suggested").first).to_be_visible()
    snap(screen, folder, "suggested-light")


def running(screen: Screen, book: Path, folder: Path) -> None:
    """A run under way, and then what was kept of it beside what is stale."""
    ready(screen, book)
    at = index_of(book, "model.fit(")
    screen.node("train").click()
    screen.type_at_end(at, "\nimport time; time.sleep(5)")
    screen.page.locator(".jp-nb2prod-Head").get_by_role("button", name="Run").click()
    expect(screen.node("train")).to_have_attribute("data-state", "running", timeout=120_000)
    snap(screen, folder, "running-light")
    screen.status("done")


def failed(screen: Screen, book: Path, folder: Path) -> None:
    """A stage that failed leads to its cell, which says what to do; a finding has its cure a click away."""
    ready(screen, book)
    at = index_of(book, "%%stage prepare")
    screen.type_at_end(at, '\ncustomers["minutes"]')
    screen.page.locator(".jp-nb2prod-Head").get_by_role("button", name="Run").click()
    screen.status("failed")
    fault = screen.page.locator('.jp-nb2prod-Finding[data-severity="error"]').first
    fault.get_by_role("button", name="Go to").click()
    snap(screen, folder, "failed-light")
    screen.type_at_end(at, "")
    for _ in '\ncustomers["minutes"]':
        screen.page.keyboard.press("Backspace")
    screen.page.keyboard.type("\nprint(custmers)")
    expect(screen.page.locator('.jp-nb2prod-Finding[data-code="NB103"]')).to_be_visible()
    snap(screen, folder, "finding-light")


def shipped(screen: Screen, book: Path, folder: Path) -> None:
    """The card after Ship, in both themes; and two releases of which one answers and one is tried."""
    page = screen.page
    page.set_viewport_size({"width": 1280, "height": 1180})
    ready(screen, book)
    screen.ship()
    screen.status("done")
    card = page.locator(".jp-nb2prod-Card")
    expect(card).to_be_visible(timeout=60_000)
    for theme in ("Light", "Dark"):
        screen.theme(theme)
        card.scroll_into_view_if_needed()
        page.locator(".jp-nb2prod-Panel").evaluate("panel => panel.scrollTo(0, 0)")
        snap(screen, folder, f"shipped-{theme.lower()}")


def deployed(screen: Screen, book: Path, folder: Path) -> None:
    """A release answers, and another is tried as a canary."""
    page, home = screen.page, settings.home_of(book)
    page.set_viewport_size({"width": 1280, "height": 1180})
    first, second = (api.ship(book)["release"] for _ in range(2))
    api.promote(home, first, note="first service for the sales team")
    found = api.promote(home, second, canary=0.2, note="new features")
    row = api.show_release(home, first)["example"]
    for _ in range(40):
        api.ask(found["url"], [row])
    ready(screen, book)
    part = page.locator(".jp-nb2prod-Deployment")
    expect(part.locator('tr[data-role="canary"] td').first).to_have_text(re.compile(r"[1-9]"), timeout=60_000)
    part.locator("details summary").click()
    page.get_by_text("History (").click()
    part.evaluate("node => node.scrollIntoView({block: 'center'})")
    snap(screen, folder, "deployed-light")
    api.retire(home, "churn.ipynb")


def compared(screen: Screen, book: Path, folder: Path) -> None:
    """Two runs beside each other."""
    page = screen.page
    ready(screen, book)
    head = page.locator(".jp-nb2prod-Head")
    head.get_by_role("button", name="Run").click()
    screen.status("done")
    screen.type_at_end(index_of(book, "%%stage evaluate"), '\nprint("rows", len(X_test))')
    page.get_by_text("Parameters", exact=True).click()
    field = page.locator(".jp-nb2prod-Field input").first
    field.fill("0.3")
    head.get_by_role("button", name="Run").click()
    expect(page.get_by_text("History (2)")).to_be_visible(timeout=60_000)
    screen.status("done")
    page.get_by_text("History (2)").click()
    for box in page.locator(".jp-nb2prod-History").get_by_role("checkbox").all():
        box.check()
    page.locator(".jp-nb2prod-History").get_by_role("button", name="Compare").click()
    expect(page.locator(".jp-nb2prod-Comparison")).to_be_visible()
    snap(screen, folder, "compare-light")


def widget(screen: Screen, book: Path, folder: Path) -> None:
    """The widget in Notebook 7."""
    page = screen.page
    api.run(book)
    page.set_viewport_size({"width": 1080, "height": 1060})
    magic = written(book.parent / "other.ipynb", "%load_ext nb2prod\n%pipeline churn.ipynb")
    screen.open_classic(magic)
    expect(page.locator(".jp-NotebookKernelLogo img")).to_be_visible(timeout=60_000)
    expect(page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]')).to_be_attached(timeout=60_000)
    screen.cell(0).locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    out = screen.cell(0).locator(".jp-OutputArea-output")
    out.get_by_label("test_size").fill("0.3")
    out.get_by_title("Run what has changed").click(timeout=60_000)
    expect(out.get_by_text("run: done")).to_be_visible(timeout=120_000)
    out.get_by_text("History", exact=True).click()
    out.locator("select[multiple]").select_option(index=[0, 1])
    out.get_by_role("button", name="Compare").click()
    snap(screen, folder, "widget-light")


def service(screen: Screen, book: Path, folder: Path) -> None:
    """The page of a model: the form with its answer and why, the comparison, and drift after rows unlike the usual."""
    import pandas as pd

    made = api.ship(book)
    home, page = settings.home_of(book), screen.page
    example = api.show_release(home, made["release"])["example"]
    url = api.serve(home, made["release"]).url
    assert url is not None
    customers = pd.read_csv(book.parent / "churn.csv")[list(example)].head(900)
    longer = customers["total_day_minutes"].where(customers.index % 3 > 0, customers["total_day_minutes"] * 1.4)
    rows = customers.assign(total_day_minutes=longer.round(1), total_day_charge=(longer * 0.17).round(2))
    for start in range(0, 900, 100):
        api.ask(url, rows.iloc[start : start + 100].to_dict("records"))
    page.set_viewport_size({"width": 1280, "height": 1010})
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        page.goto(url)
        for field, value in (("total day minutes", "290"), ("total day charge", "49.3"), ("total eve minutes", "260")):
            page.get_by_label(field).fill(value)
        page.get_by_role("button", name="Predict").click()
        page.get_by_role("button", name="Why?").click()
        expect(page.locator("table.reasons")).to_be_visible()
        page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
        snap(screen, folder, f"service-{theme}")
        part, name = ("drift", "drift") if theme == "light" else ("good", "compared")
        page.locator(f"nav a[href='#{part}']").click()
        snap(screen, folder, f"{name}-{theme}")


def product(screen: Screen, book: Path, folder: Path) -> None:
    """The page of a data product, in both themes."""
    sales = book.parents[1] / "sales"
    shutil.copytree(REPOSITORY / "examples" / "sales", sales, ignore=shutil.ignore_patterns(".nb2prod", ".ipynb_*"))
    made, page = api.ship(sales / "sales.ipynb"), screen.page
    url = api.serve(settings.home_of(sales / "sales.ipynb"), made["release"]).url
    assert url is not None
    page.set_viewport_size({"width": 1100, "height": 1180})
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        page.goto(url)
        page.locator("figure img").wait_for()
        snap(screen, folder, f"product-{theme}")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), *sys.argv[2:])
