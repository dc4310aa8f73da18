from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import nbformat
from books import FOLDER, copied, written
from nbconvert import HTMLExporter, MarkdownExporter

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

    assert "NB103" in panel.findings.html
    assert {name: field.value for name, field in panel.parameters.items()} == {"rows": "10", "name": "'a'"}
    assert panel.changed() == {}
    panel.parameters["rows"].value = "20"
    panel.parameters["name"].value = "bare words"
    assert panel.changed() == {"rows": 20, "name": "bare words"}


def test_each_way_to_mend_a_finding_is_a_button_that_writes_the_file(tmp_path: Path) -> None:
    socket = "%%stage a\nimport socket\ns = socket.socket()\nx = s.fileno()"
    path = written(tmp_path, "%load_ext nb2prod", socket, "%%stage b\nprint(s, x)")
    panel = Panel(path)
    buttons = [button for row in panel.findings.children if hasattr(row, "children") for button in row.children]
    assert [button.description for button in buttons] == ["Merge 'b' into 'a'", "Move to setup"]
    buttons[1].click()

    assert "reload it" in panel.findings.news.value
    assert panel.findings.html == ""
    assert [stage["name"] for stage in panel.graph["stages"]] == ["setup", "a", "b"]
    assert "setup" in path.read_text(encoding="utf-8")
    buttons[0].click()
    assert "has changed since" in panel.findings.news.value


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


PLAIN = (
    "import pandas as pd",
    "# load the data\nframe = pd.DataFrame({'x': [1, 2, 3], 'y': [2, 4, 6]})",
    "from sklearn.linear_model import LinearRegression\nmodel = LinearRegression().fit(frame[['x']], frame.y)",
)


def test_stages_are_proposed_and_written_into_the_file_one_by_one_or_all_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, *PLAIN)
    panel = Panel(path)
    panel.suggestion.ask()
    first, *others = panel.suggestion.one.options
    assert others
    assert f"<b>{first}</b>" in panel.suggestion.list.value
    panel.suggestion.accept(first)
    assert f"%%stage {first}" in path.read_text(encoding="utf-8")
    assert not any(f"%%stage {name}" in path.read_text(encoding="utf-8") for name in others)
    assert first in {stage["name"] for stage in panel.graph["stages"]}

    panel.suggestion.accept()
    assert {first, *others} <= {stage["name"] for stage in panel.graph["stages"]}
    assert panel.suggestion.one.options == ()
    assert "reload it" in panel.suggestion.news.value


def test_runs_are_listed_filtered_and_two_of_them_compared(tmp_path: Path) -> None:
    path = written(tmp_path, ("n = 1", {"tags": ["parameters"]}), "%%stage a\nrows = n")
    api.run(path)
    path.write_text(path.read_text(encoding="utf-8").replace("rows = n", "rows = n + 1"), encoding="utf-8")
    api.run(path, api.Options(parameters={"n": 2}))
    history = Panel(path).history
    runs = [run for _, run in history.list.options]
    assert len(runs) == 2
    assert history.compare_button.disabled
    history.list.value = runs
    history.compare()

    compared = history.found.value
    assert "<b>Parameters</b>" in compared
    assert ">n</th>" in compared
    assert {sign for sign in "+-" if f"{sign}rows = n" in compared} == {"+", "-"}
    history.kind.value = "failed"
    assert history.list.options == ()


DEPLOYED: dict[str, Any] = {
    "notebook": "churn.ipynb",
    "state": "running",
    "url": "http://127.0.0.1:3000",
    "live": "churn-1",
    "canary": "churn-2",
    "share": 0.25,
    "shadow": None,
    "trouble": None,
    "releases": {"churn-1": {"requests": 12, "errors": 1, "p95_ms": 3.21}},
    "history": [{"verb": "promote", "release": "churn-1", "note": "<b>first</b>"}],
}


def test_what_answers_is_drawn_with_how_it_fares() -> None:
    html = drawing.deployment(DEPLOYED)
    body = ElementTree.fromstring(f"<div>{html}</div>")

    assert [[cell.text for cell in row] for row in body.iter("tr")][1:] == [
        ["live", "churn-1", "12", "1", "3.2 ms"],
        ["canary, 25%", "churn-2", None, None, None],
    ]
    assert "<b>first" not in html
    assert "Nothing answers" in drawing.deployment({**DEPLOYED, "url": None, "state": "stopped"})
    assert "Nothing was promoted" in drawing.deployment(None)


def test_a_release_that_cannot_be_promoted_is_told_beside_the_buttons(tmp_path: Path) -> None:
    path = written(tmp_path, "x = 1")
    found = Panel(path).deployment
    assert [b.disabled for b in (found.promote_button, found.rollback_button, found.stop_button)] == [True] * 3
    found.release.options = ("gone-1",)
    found.release.value = "gone-1"
    found.promote()
    assert found.promote_button.disabled
    found.wait(30)

    assert "NB303" in found.news.value
    found.gets.value = "a share (canary)"
    assert found.share.layout.display == ""
    assert found.promote_button.disabled


def test_without_widgets_there_is_text_and_in_nbconvert_a_page(tmp_path: Path) -> None:
    path = written(tmp_path, *PLAIN)
    api.run(path)
    panel = Panel(path)
    panel.suggestion.ask()
    data = panel._repr_mimebundle_()
    output = nbformat.v4.new_output("display_data", data=data)
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("%pipeline", outputs=[output])])
    page, _ = HTMLExporter().from_notebook_node(book)
    markdown, _ = MarkdownExporter().from_notebook_node(book)

    run = panel.history.runs[0]["run"]
    assert f"{run}  run  done" in " ".join(data["text/plain"].split("\n")).replace("   ", "  ")
    assert panel.suggestion.found["stages"][0]["why"] in data["text/plain"]
    for text in (page, markdown):
        assert 'aria-label="Stages: ' in text
        assert run in text
