"""The page that a service shows: anybody can try it, by mouse or keyboard, in light and dark; it asks nobody else."""

from __future__ import annotations

import csv
import io
import json
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import uvicorn
from attrs import define, field
from playwright.sync_api import Browser, Page, expect

from .conftest import AXE

sys.path.insert(0, str(Path(__file__).parents[1] / "serving"))

import shops

from nb2prod.serving.access import Access
from nb2prod.serving.middleware import Middleware

X = shops.frame(600)
ROWS = json.loads(X.to_json(orient="records"))


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Middleware:
    folder = tmp_path_factory.mktemp("page")
    found = shops.opened(folder / "service", shops.candidate(X, shops.model(X)))
    found.core.recorder.home = folder / "state"
    return found


@pytest.fixture(scope="module")
def address(door: Middleware) -> Iterator[str]:
    """Serve the door as BentoML does."""
    server = uvicorn.Server(uvicorn.Config(door, port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    server.should_exit = True
    thread.join()


def ask(door: Middleware, *rows: object) -> list[dict[str, str]]:
    """Ask a service, beside the loop in which the browser is."""
    with ThreadPoolExecutor(1) as aside:
        return aside.submit(shops.ask, door, *rows).result()[1]


@define
class Visit:
    """Somebody looks at the page."""

    page: Page
    said: list[str] = field(factory=list)  # on the console
    asked: list[str] = field(factory=list)  # addresses

    def barriers(self) -> list[str]:
        """Return what keeps people out, as axe-core finds it."""
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = "({id, nodes}) => `${id}: ${nodes.map(node => node.html).join(' ')}`"
        return self.page.evaluate(f"async () => (await axe.run(document)).violations.map({found})")

    def predict(self) -> None:
        self.page.get_by_role("button", name="Predict").click()


@pytest.fixture(params=["light"])
def visit(chromium: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Visit]:
    context = chromium.new_context(color_scheme=request.param, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    found = Visit(page)
    page.on("console", lambda message: found.said.append(message.text))
    page.on("pageerror", lambda error: found.said.append(f"page error: {error}"))
    page.on("request", lambda asked: found.asked.append(asked.url))
    page.goto(address)
    page.locator("#in-0").wait_for()
    yield found
    context.close()
    assert [url for url in found.asked if not url.startswith((address, "data:", "blob:"))] == []
    # The browser itself says of each refusal that it is one.
    assert [text for text in found.said if "400 (Bad Request)" not in text and "401 (Unauth" not in text] == []


both = pytest.mark.parametrize("visit", ["light", "dark"], indirect=True)


@both
def test_nothing_on_it_keeps_people_out(visit: Visit, door: Middleware, tmp_path: Path) -> None:
    for n in range(60):
        door.core.recorder.due = 0
        ask(door, *[{**row, "hours": row["hours"] + 4} for row in ROWS[n * 10 : n * 10 + 10]])
    door.core.recorder.settle()
    visit.page.reload()
    expect(visit.page.locator("#chips").get_by_text("drifted")).to_be_visible()
    assert visit.barriers() == []

    visit.predict()
    visit.page.get_by_label("No", exact=True).check()
    (tmp_path / "bad.csv").write_text("hours,visits,plan,city,note,wage\n8,many,gold,Oslo,hm,50\n")
    visit.page.locator("#file").set_input_files(tmp_path / "bad.csv")
    expect(visit.page.locator("table.faults")).to_be_visible()
    visit.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert visit.barriers() == []

    visit.page.locator("#in-0").fill("")
    visit.predict()
    expect(visit.page.locator("#in-0")).to_have_attribute("aria-invalid", "true")
    assert visit.barriers() == []


def test_the_form_is_made_of_the_schema_and_asks_the_model(visit: Visit, door: Middleware) -> None:
    page = visit.page
    expect(page.locator("#fields label")).to_have_text(list(X.columns))
    expect(page.get_by_label("plan")).to_have_js_property("tagName", "SELECT")
    expect(page.locator("#hint-0")).to_contain_text("seen: ")
    page.get_by_label("hours").fill("2.5")
    page.get_by_label("plan").select_option("basic")
    row = {**shops.example(door), "hours": 2.5, "plan": "basic"}
    visit.predict()

    expect(page.locator(".answer")).to_have_text(ask(door, row)[0]["prediction"])
    expect(page.locator(".bar")).to_have_count(2)


def test_a_fault_stands_beside_its_field(visit: Visit) -> None:
    page = visit.page
    page.get_by_label("visits").fill("")
    page.get_by_label("hours").fill("1e999")
    visit.predict()

    expect(page.locator("#fault-1")).to_have_text("must not be null: it was never missing in training")
    expect(page.locator("#in-0")).to_be_focused()
    expect(page.locator("#answer")).to_contain_text("2 faults")
    page.get_by_role("button", name="Usual values").click()
    visit.predict()
    expect(page.locator(".answer")).to_be_visible()
    expect(page.locator("#fault-1")).to_be_hidden()

    # A browser has no text for half a number: what is typed is no missing value.
    page.get_by_label("hours").press("Control+a")
    page.keyboard.type("1e")
    page.keyboard.press("Enter")
    expect(page.locator("#fault-0")).to_have_text("must be a number, not a text")
    expect(page.locator("#in-0")).to_be_focused()


def test_it_works_by_keyboard_alone(visit: Visit, door: Middleware) -> None:
    page = visit.page
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the form")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator("#in-0")).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("3.5")
    page.keyboard.press("Enter")
    row = {**shops.example(door), "hours": 3.5}
    expect(page.locator(".answer")).to_have_text(ask(door, row)[0]["prediction"])
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "right":
            break
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.locator("#thanks")).to_contain_text("Thank you")


def test_a_file_of_rows_comes_back_with_answers(visit: Visit, door: Middleware, tmp_path: Path) -> None:
    rows = [{**row, "note": 'said "no", and\nleft' if n == 1 else row["note"]} for n, row in enumerate(ROWS[:30])]
    with (tmp_path / "rows.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["name", *X.columns])
        writer.writeheader()
        writer.writerows({"name": f"Ann {n}", **row} for n, row in enumerate(rows))
    visit.page.locator("#file").set_input_files(tmp_path / "rows.csv")
    with visit.page.expect_download() as loading:
        visit.page.get_by_role("link", name="Download rows-answers.csv").click()
    text = loading.value.path().read_text(encoding="utf-8")
    found = list(csv.DictReader(io.StringIO(text, newline="")))

    expect(visit.page.locator("#answers")).to_contain_text("30 rows answered. name: not the model's")
    assert [one["prediction"] for one in found] == [one["prediction"] for one in ask(door, *rows)]
    assert found[1]["note"] == 'said "no", and\nleft'
    assert found[7]["name"] == "Ann 7"


def test_a_file_from_a_country_of_decimal_commas_keeps_them(visit: Visit, door: Middleware, tmp_path: Path) -> None:
    X.head(5).to_csv(tmp_path / "rows.csv", sep=";", decimal=",", index=False)
    visit.page.locator("#file").set_input_files(tmp_path / "rows.csv")
    with visit.page.expect_download() as loading:
        visit.page.get_by_role("link", name="Download rows-answers.csv").click()
    found = list(csv.DictReader(loading.value.path().read_text(encoding="utf-8").splitlines(), delimiter=";"))
    told = ask(door, *ROWS[:5])

    assert [one["prediction"] for one in found] == [one["prediction"] for one in told]
    assert [float(one["probability_yes"].replace(",", ".")) for one in found] == [
        one["probabilities"]["yes"]
        for one in told  # type: ignore[index]
    ]


def test_faults_in_a_file_are_listed_by_row(visit: Visit, tmp_path: Path) -> None:
    lines = ["hours,visits,plan,city,note,wage", "8,9,gold,Oslo,a,50", "8,9,silver,Oslo,a,", "8,1.5,gold,Oslo,a,50"]
    (tmp_path / "rows.csv").write_text("\n".join(lines))
    visit.page.locator("#file").set_input_files(tmp_path / "rows.csv")
    rows = visit.page.locator("table.faults tbody tr")

    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text("2plan'silver' is none of the known values")
    expect(rows.nth(1)).to_contain_text("3visits")
    with visit.page.expect_download() as loading:
        visit.page.get_by_role("link", name="Download faults.csv").click()
    assert loading.value.path().read_text(encoding="utf-8").splitlines()[1].startswith("2,plan,\"'silver' is none of")


def test_parquet_and_json_come_back_as_they_are(visit: Visit, tmp_path: Path) -> None:
    import pandas as pd

    X.head(20).to_parquet(tmp_path / "rows.parquet")
    (tmp_path / "rows.json").write_text(json.dumps({"rows": ROWS[:20]}))
    told = {}
    for name in ("rows.parquet", "rows.json"):
        visit.page.locator("#file").set_input_files(tmp_path / name)
        with visit.page.expect_download() as loading:
            visit.page.get_by_role("link", name=f"Download {name.replace('.', '-answers.')}").click()
        told[name] = loading.value.path()
    said = json.loads(told["rows.json"].read_text(encoding="utf-8"))

    assert pd.read_parquet(told["rows.parquet"])["prediction"].tolist() == [one["prediction"] for one in said]


def test_what_somebody_says_is_kept(visit: Visit, door: Middleware) -> None:
    visit.predict()
    visit.page.get_by_label("No", exact=True).check()
    visit.page.get_by_label("What would have been right?").fill("yes")
    visit.page.get_by_label("Comment").fill("She had called twice.")
    visit.page.get_by_role("button", name="Send feedback").click()
    expect(visit.page.locator("#thanks")).to_contain_text("Thank you")
    assert door.core.recorder.home is not None
    kept = json.loads((door.core.recorder.home / "feedback.jsonl").read_text().splitlines()[-1])

    assert (kept["right"], kept["expected"], kept["comment"]) == (False, "yes", "She had called twice.")


def test_the_card_shows_what_the_notebook_drew_and_measured(
    visit: Visit, door: Middleware, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = json.loads(door.files["/card.json"][1])
    drawn = {"name": "evaluate", "title": "Errors by plan", "path": "plots/evaluate.svg"}
    told = {**card, "plots": [drawn], "own": {"profit": 1234}}
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30"><circle r="9"/></svg>'
    monkeypatch.setitem(door.files, "/card.json", (b"application/json", json.dumps(told).encode(), []))
    monkeypatch.setitem(door.files, "/plots/evaluate.svg", (b"image/svg+xml", svg, []))
    visit.page.reload()
    picture = visit.page.get_by_role("img", name="Errors by plan: a plot by the notebook")

    expect(picture).to_have_js_property("naturalWidth", 40)
    expect(visit.page.locator("#facts")).to_contain_text("Profit, by the notebook1,234")
    assert visit.barriers() == []


def test_a_field_among_many_is_found_by_its_name(
    visit: Visit, door: Middleware, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, card = visit.page, json.loads(door.files["/card.json"][1])
    more = [{**card["fields"][0], "key": f"sensor_{n}"} for n in range(30)]
    told = {**card, "fields": [*card["fields"], *more]}
    monkeypatch.setitem(door.files, "/card.json", (b"application/json", json.dumps(told).encode(), []))
    page.reload()
    page.get_by_label("Find a field").fill("sensor 1")
    expect(page.locator("#found")).to_have_text("11 of 36 fields")
    expect(page.get_by_label("visits")).to_be_hidden()
    visit.predict()

    # Fields that the service does not know are at fault, and every one of them is shown.
    expect(page.locator("#fields > div:visible")).to_have_count(36)
    expect(page.get_by_label("sensor 0")).to_be_focused()


def test_what_cannot_be_reached_is_said_and_can_be_asked_again(visit: Visit) -> None:
    page = visit.page
    page.route("**/predict", lambda route: route.abort())
    visit.predict()
    expect(page.locator("#answer")).to_contain_text("The service did not answer")
    page.unroute("**/predict")
    visit.said.clear()
    visit.predict()

    expect(page.locator(".answer")).to_be_visible()


def test_it_asks_for_a_key_where_one_is_needed(
    chromium: Browser, address: str, door: Middleware, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "access", Access.of({"SERVICE_API_KEYS": "open-sesame"}))
    page = chromium.new_page()
    page.goto(address)
    expect(page.locator("#main")).to_be_hidden()
    page.get_by_label("Key of this service").fill("another")
    page.get_by_role("button", name="Enter").click()
    expect(page.locator("#about")).to_have_text("This is not a key of this service.")
    page.get_by_label("Key of this service").fill("open-sesame")
    page.get_by_role("button", name="Enter").click()
    expect(page.locator("#title")).to_be_focused()
    page.get_by_role("button", name="Predict").click()

    expect(page.locator(".answer")).to_be_visible()
    page.close()
