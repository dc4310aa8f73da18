"""The widget, for those without the extension: in Notebook 7 a notebook is tagged, run and looked back at with it."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

from playwright.sync_api import expect

from nb2prod import api

from .conftest import ENDED, Screen, cells, run_first, written

PLAIN = (
    "%load_ext nb2prod\n%pipeline",
    "import pandas as pd\nfrom sklearn.linear_model import LinearRegression\n"
    "from sklearn.model_selection import train_test_split",
    "# load the data\nframe = pd.DataFrame({'x': [1, 2, 3] * 40, 'z': [5, 1, 2] * 40, 'y': [2, 4, 6] * 40})",
    "X, X_test, y, y_test = train_test_split(frame[['x', 'z']], frame['y'], random_state=0)\n"
    "model = LinearRegression().fit(X, y)",
    "print(model.score(X_test, y_test))",
)


def test_an_untagged_notebook_is_tagged_run_and_compared_with_the_widget(screen: Screen, folder: Path) -> None:
    book = written(folder / "plain.ipynb", *PLAIN)
    screen.open_classic(book)
    widget = run_first(screen)
    widget.get_by_text("Suggest stages", exact=True).click()
    widget.get_by_role("button", name="Suggest", exact=True).click()
    widget.get_by_role("button", name="Accept all").click()
    expect(widget.get_by_text("Written into plain.ipynb")).to_be_visible()
    assert "%%stage" in json.dumps(cells(book))
    graph = widget.get_by_role("img", name="Stages: ")
    expect(graph).to_have_attribute("aria-label", "Stages: setup, load, split, evaluate")

    widget.get_by_role("button", name="Ship").click()
    expect(widget.get_by_text("ship: done")).to_be_visible(timeout=ENDED)
    link = widget.get_by_role("link", name="http://")
    with urllib.request.urlopen(f"{link.get_attribute('href')}/readyz", timeout=30) as answer:
        assert answer.status == 200
    expect(widget.get_by_text("Released")).to_be_visible()
    (service,) = (folder / ".nb2prod" / "services").glob("*.json")
    api.stop(folder / ".nb2prod", service.stem)

    for run in (2, 3):
        widget.get_by_title("Run what has changed").click()
        expect(widget.get_by_text("run: done")).to_be_visible(timeout=ENDED)
        expect(widget.locator("select[multiple] option")).to_have_count(run)
    widget.get_by_text("History", exact=True).click()
    options = widget.locator("select[multiple] option")
    widget.locator("select[multiple]").select_option(index=[0, 1])
    expect(options).to_have_count(3)
    assert screen.barriers(".jp-OutputArea-output") == []
    widget.get_by_role("button", name="Compare").click()
    expect(widget.get_by_text("Seconds")).to_be_visible()
    assert screen.barriers(".jp-OutputArea-output") == []
