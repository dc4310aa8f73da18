"""A product's page shows its figures and tables, filters and gives them out, and keeps nobody out."""

from __future__ import annotations

import hashlib
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect

from nb2prod.bundle import bento
from nb2prod.candidates.product import Figure
from nb2prod.hosting import process
from nb2prod.notebook import Notebook
from nb2prod.packers.product import keep, parted
from nb2prod.serving.core import Core
from nb2prod.serving.middleware import Middleware

from .conftest import AXE, REPOSITORY

sys.path.insert(0, str(REPOSITORY / "tests" / "serving"))

import shops

pytestmark = pytest.mark.lab

ORDERS = pd.read_csv(REPOSITORY / "examples" / "sales" / "orders.csv", parse_dates=["day"]).dropna()
REVENUE = ORDERS.assign(revenue=lambda t: t["quantity"] * t["price"])
BY_MONTH = REVENUE.groupby([ORDERS["day"].dt.month.rename("month"), "region"], as_index=False)["revenue"].sum()
BEST = REVENUE.groupby("product")[["quantity", "revenue"]].sum().sort_values("revenue", ascending=False)


def picture() -> bytes:
    import io

    from matplotlib.figure import Figure as Drawing

    drawing, out = Drawing(figsize=(8, 3.2)), io.BytesIO()
    axes = drawing.subplots()
    for region, rows in BY_MONTH.groupby("region"):
        axes.plot(rows["month"], rows["revenue"], marker="o", label=region)
    axes.set(xlabel="month", ylabel="revenue")
    axes.legend(ncols=4, frameon=False)
    drawing.savefig(out, dpi=120, bbox_inches="tight")
    return out.getvalue()


@pytest.fixture(scope="module", params=["", "a key"], ids=["open", "with a key"])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The files of a product's service, behind its door, in this process; with a key or without."""
    folder = tmp_path_factory.mktemp("sales")
    kept = {name: keep(name, table) for name, table in (("by_month", BY_MONTH), ("best_sellers", BEST))}
    figure = Figure(name="publish", title="Revenue by month", cell=0, forms={"png": picture()})
    data = {"orders.csv": {"sha256": hashlib.sha256(b"").hexdigest(), "changed": "2026-11-22T05:00:00+00:00"}}
    parts = parted(Notebook(name="sales.ipynb", cells=()), kept, (figure,), data)
    bento.write(bento.contents(parts), folder)
    guarded = {path: hashlib.sha256(parts.files[path]).hexdigest() for path in parts.guarded}
    core = Core(folder, digest=parts.digest, files=guarded)
    core.load()
    door = Middleware(shops.elsewhere, core=core, environ={"SERVICE_API_KEYS": request.param})
    port = process.free_port()
    server = uvicorn.Server(uvicorn.Config(door, port=port, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{port}/", request.param
    server.should_exit = True
    thread.join(10)


@pytest.fixture(params=["light", "dark"])
def page(chromium: Browser, service: tuple[str, str], request: pytest.FixtureRequest) -> Iterator[Page]:
    scheme: Literal["light", "dark"] = request.param
    made = chromium.new_page(color_scheme=scheme, viewport={"width": 1100, "height": 900})
    complaints: list[str] = []
    made.on("pageerror", lambda wrong: complaints.append(str(wrong)))
    made.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    url, key = service
    made.goto(url)
    if key:
        made.get_by_label("Key of this service").fill(key)
        made.get_by_role("button", name="Enter").click()
    made.locator("figure img").wait_for()
    made.locator("#table-best_sellers tbody tr").first.wait_for()
    yield made
    made.close()
    # A browser says of every answer that it is not one of success.
    assert [text for text in complaints if "status of 400" not in text and "status of 401" not in text] == []


def test_everybody_can_read_it(page: Page) -> None:
    for summary in page.locator("summary").all():
        summary.click()
    found = barriers(page)

    assert found == []
    assert page.title() == "Sales"


def barriers(page: Page) -> Any:
    """Ask axe-core, which comes in by the debugger's door, as the page lets no other script in."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    return page.evaluate("async () => (await axe.run()).violations.map(v => v.id + ': ' + v.nodes[0].html)")


def test_rows_are_filtered_sorted_and_turned_over(page: Page) -> None:
    part = page.locator("#table-by_month")
    expect(part.locator("caption")).to_have_text("Rows 1 to 10 of 48")
    part.get_by_role("button", name="Next").click()
    expect(part.locator("caption")).to_have_text("Rows 11 to 20 of 48")
    part.get_by_role("button", name="Previous").press("Enter")
    expect(part.locator("caption")).to_have_text("Rows 1 to 10 of 48")
    expect(part.get_by_role("button", name="Next")).to_be_focused()
    part.locator("summary").click()
    part.get_by_label("region").select_option("West")
    part.get_by_label("month from").fill("6")
    part.get_by_label("Sort by").select_option("-revenue")
    part.get_by_role("button", name="Show").click()
    expect(part.locator("caption")).to_have_text("Rows 1 to 7 of 7")
    own = BY_MONTH[(BY_MONTH["region"] == "West") & (BY_MONTH["month"] >= 6)].sort_values("revenue", ascending=False)

    assert part.locator("tbody td:first-child").all_text_contents() == [str(n) for n in own["month"]]
    part.get_by_role("button", name="All rows").click()
    expect(part.locator("caption")).to_have_text("Rows 1 to 10 of 48")


def test_what_is_selected_is_downloaded(page: Page, tmp_path: Path) -> None:
    part = page.locator("#table-by_month")
    part.locator("summary").click()
    part.get_by_label("region").select_option("North")
    for name, read in (("CSV", pd.read_csv), ("Parquet", pd.read_parquet)):
        with page.expect_download() as download:
            part.get_by_role("button", name=name).click()
        download.value.save_as(tmp_path / name)
        own = BY_MONTH[BY_MONTH["region"] == "North"].reset_index(drop=True)

        pd.testing.assert_frame_equal(read(tmp_path / name), own, check_dtype=False)


def test_the_figure_is_seen(page: Page) -> None:
    image = page.locator("figure img")

    assert image.get_attribute("alt") == "Revenue by month"
    assert image.evaluate("image => image.naturalWidth") > 500
