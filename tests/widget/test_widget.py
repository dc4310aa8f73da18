from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from books import FOLDER, copied, written

from nb2prod import api
from nb2prod.widget import Panel, Progress, drawing

SHIPPED: dict[str, Any] = {
    "release": "churn-1",
    "metrics": {"accuracy": 0.93, "f1": 0.7},
    "baseline": {"name": "most frequent class", "metrics": {"accuracy": 0.86}},
    "gate": {"ok": True, "verdicts": [{"rule": "beats baseline", "ok": True, "detail": "0.93 > 0.86"}]},
    "url": "http://127.0.0.1:3000",
}


def test_stages_stand_right_of_what_they_follow() -> None:
    found = api.graph(api.read(FOLDER / "tiny_model.ipynb"))
    places = drawing.layout(found["stages"])

    assert {name: column for name, (column, _) in places.items()} == {"setup": 0, "load": 1, "train": 2, "evaluate": 3}


def test_stages_that_follow_the_same_one_stand_below_each_other() -> None:
    stages = [{"name": "a", "after": []}, {"name": "b", "after": ["a"]}, {"name": "c", "after": ["a"]}]

    assert drawing.layout(stages) == {"a": (0, 0), "b": (1, 0), "c": (1, 1)}


def test_the_drawing_is_well_formed_and_names_stages_for_those_who_cannot_see_it() -> None:
    found = api.graph(api.read(Path(__file__).parents[2] / "examples" / "churn" / "churn.ipynb"))
    svg = ElementTree.fromstring(drawing.graph(found, {"load": "done", "look": "running"}, {"load": 1.23}))

    assert svg.get("aria-label") == "Stages: setup, load, look, prepare, train, evaluate"
    assert {"✓ 1.2 s", "▶ running"} <= set(svg.itertext())


def test_what_comes_from_notebooks_is_escaped() -> None:
    evil = "<script>alert(1)</script>"
    finding = {"code": "NB103", "severity": "error", "message": evil, "cure": evil, "cell": 0}
    error = {**finding, "stage": evil}
    result = {**SHIPPED, "release": evil, "url": "javascript:alert(1)"}
    html = drawing.findings([finding]) + drawing.error(error) + drawing.card(result)

    assert "<script" not in html
    assert "href" not in html


def test_the_card_compares_with_the_baseline_and_links_the_service() -> None:
    html = drawing.card(SHIPPED)

    assert "<b>0.93</b></td><td>0.86</td>" in html
    assert 'href="http://127.0.0.1:3000"' in html


def test_events_say_where_a_run_is() -> None:
    progress = Progress()
    progress.take({"event": "start", "verb": "ship", "stages": ["load", "train"]})
    progress.take({"event": "step", "step": "run", "state": "running"})
    progress.take({"event": "stage", "stage": "load", "state": "reused", "seconds": 0.0})
    progress.take({"event": "stage", "stage": "train", "state": "running"})
    assert progress.line == "stage train"

    progress.take({"event": "stage", "stage": "train", "state": "done", "seconds": 2.0})
    progress.take({"event": "step", "step": "rehearse", "state": "running", "detail": "starting"})
    assert progress.line == "rehearse"

    progress.take({"event": "end", "ok": True, "result": {"error": None}})
    assert progress.line == "done"
    assert progress.stages == {"load": "reused", "train": "done"}


def test_a_panel_shows_findings_and_offers_the_parameters(tmp_path: Path) -> None:
    parameters = ("rows = 10\nname = 'a'", {"tags": ["parameters"]})
    panel = Panel(written(tmp_path, parameters, "%%stage a\nprint(rows, nowhere)"))

    assert "NB103" in panel.findings.value
    assert {name: field.value for name, field in panel.parameters.items()} == {"rows": "10", "name": "'a'"}
    assert panel.changed() == {}
    panel.parameters["rows"].value = "20"
    panel.parameters["name"].value = "bare words"
    assert panel.changed() == {"rows": 20, "name": "bare words"}


def test_a_panel_follows_a_run_to_its_end_and_gives_the_buttons_back(tmp_path: Path) -> None:
    panel = Panel(copied("syntax_error", tmp_path))
    panel.start("run")
    assert panel.run_button.disabled
    assert not panel.cancel_button.disabled
    result = panel.wait(60)

    assert result is not None
    assert result["error"]["code"] == "NB102"
    assert "NB102" in panel.news.value
    assert not panel.run_button.disabled


def test_a_notebook_that_cannot_be_read_is_told_in_the_panel(tmp_path: Path) -> None:
    path = tmp_path / "broken.ipynb"
    path.write_text("{", encoding="utf-8")

    assert "NB100" in Panel(path).news.value
