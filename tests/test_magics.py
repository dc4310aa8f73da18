from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from books import FOLDER, copied, written
from IPython.core.inputtransformer2 import TransformerManager
from nbclient import NotebookClient

from nb2prod.magics import NotebookNotFound, PipelineError, Recorder, notebook_path

ROOT = Path(__file__).parents[1]


def recording() -> tuple[TransformerManager, Recorder]:
    manager, recorder = TransformerManager(), Recorder()
    manager.cleanup_transforms.insert(0, recorder)
    return manager, recorder


def test_a_stage_line_is_taken_away_and_what_ran_is_remembered() -> None:
    manager, recorder = recording()
    source = "%%stage load --retries 2\nx = 1\n"

    assert manager.transform_cell(source) == "x = 1\n"
    assert recorder.ran == {"load": source}


def test_a_cell_magic_below_the_stage_line_is_still_one() -> None:
    manager, _ = recording()

    assert manager.transform_cell("%%stage load\n%%time\nx = 1\n") == manager.transform_cell("%%time\nx = 1\n")


def test_cells_without_a_stage_line_are_left_alone() -> None:
    manager, recorder = recording()
    source = 'text = """\n%%stage load\n"""\n'

    assert manager.transform_cell(source) == source
    assert recorder.ran == {}


def test_asking_whether_a_cell_is_complete_records_nothing() -> None:
    manager, recorder = recording()
    manager.check_complete("%%stage load\nx = 1\n")

    assert recorder.ran == {}


@pytest.mark.parametrize(
    ("line", "code", "cure"),
    [
        ("%%stage", "NB104", "%%stage train"),
        ("%%stage My-Stage", "NB104", "small letters"),
        ("%%stage load --colour red", "NB110", "--retries"),
        ("%%stage load --retries many", "NB110", "--retries"),
    ],
)
def test_a_stage_line_that_the_checks_would_report_stops_the_cell(line: str, code: str, cure: str) -> None:
    manager, recorder = recording()

    with pytest.raises(PipelineError, match=code) as caught:
        manager.transform_cell(f"{line}\nx = 1\n")

    assert cure in str(caught.value)
    assert caught.value._render_traceback_() == str(caught.value).splitlines()
    assert recorder.ran == {}


def test_a_stage_that_ran_with_other_code_than_the_file_has_is_named(tmp_path: Path) -> None:
    _, recorder = recording()
    path = written(tmp_path, "%%stage load\nx = 1", "%%stage train\ny = x")
    recorder(["%%stage load\n", "x = 1"])
    recorder(["%%stage train\n", "y = x + 1"])

    assert recorder.unsaved(path) == ("train",)


def test_a_notebook_of_which_nothing_ran_here_is_not_called_unsaved(tmp_path: Path) -> None:
    _, recorder = recording()
    recorder(["%%stage other\n", "z = 1"])

    assert recorder.unsaved(written(tmp_path, "%%stage load\nx = 1")) == ()


def test_the_notebook_is_the_one_given_or_the_one_that_the_front_end_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, server, code = (tmp_path / f"{name}.ipynb" for name in ("a b", "server", "code"))
    for path in (given, server, code):
        path.write_text("{}", encoding="utf-8")
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)

    assert notebook_path(f"'{given}'", {}) == given
    assert notebook_path("", {"__vsc_ipynb_file__": str(code)}) == code
    monkeypatch.setenv("JPY_SESSION_NAME", str(server))
    assert notebook_path("", {"__vsc_ipynb_file__": str(code)}) == server


def test_of_an_untagged_notebook_it_is_said_who_proposes_stages(tmp_path: Path) -> None:
    from nb2prod.magics import _notes

    (note,) = _notes(Recorder(), written(tmp_path, "x = 1"))

    assert note == "No cell is tagged yet. Stages are proposed below, and by: nb2prod suggest test.ipynb"
    assert _notes(Recorder(), written(tmp_path, "%%stage a\nx = 1")) == ()


@pytest.mark.parametrize("line", ["", "nowhere.ipynb", "'unclosed", "nb extra"])
def test_a_notebook_that_cannot_be_found_is_an_error_that_says_to_pass_the_path(
    line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", "console-1")  # what a console's kernel is told

    with pytest.raises(NotebookNotFound, match=r"NB191.*\n.*%pipeline my_notebook.ipynb"):
        notebook_path(line, {})


def executed(folder: Path, *sources: str, **options: Any) -> nbformat.NotebookNode:
    """Run cells in a real kernel in a folder, and return the notebook."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    client = NotebookClient(
        nbformat.v4.new_notebook(cells=cells), timeout=200, resources={"metadata": {"path": str(folder)}}, **options
    )
    return client.execute()


@pytest.mark.kernel
def test_the_example_gives_the_same_outputs_with_its_stage_lines_and_without() -> None:
    folder = ROOT / "examples" / "churn"
    sources = [c.source for c in nbformat.read(folder / "churn.ipynb", 4).cells if c.cell_type == "code"]
    plain = [source.partition("\n")[2] if source.startswith("%%stage") else source for source in sources]
    with_lines, without = executed(folder, *sources), executed(folder, *plain)

    assert [cell.outputs for cell in without.cells] == [cell.outputs for cell in with_lines.cells]


@pytest.mark.kernel
def test_a_tagged_cell_runs_as_any_other(tmp_path: Path) -> None:
    done = executed(
        tmp_path,
        "%load_ext nb2prod\n%load_ext nb2prod",
        "%%stage load\nimport asyncio\nawait asyncio.sleep(0)\nx = 6",
        "%%stage load\n%%time\ny = 7",
        "%%stage train\nx * y",
        "get_ipython().run_cell_magic('stage', 'other', 'x + 1')",
        "%%stage Bad",
        "%%stage load\n1 / 0",
        allow_errors=True,
    )
    outputs = [cell.outputs for cell in done.cells]

    assert "Wall time" in outputs[2][0].text
    assert outputs[3][0].data["text/plain"] == "42"
    assert outputs[4][0].data["text/plain"] == "7"
    assert outputs[5][0].evalue.startswith("NB104")
    assert outputs[6][0].ename == "ZeroDivisionError"


@pytest.mark.kernel
def test_pipeline_shows_a_panel_that_runs_the_notebook_and_says_how_it_went(tmp_path: Path) -> None:
    copied("tiny", tmp_path)
    done = executed(
        tmp_path,
        "%load_ext nb2prod",
        "panel = %pipeline tiny.ipynb\npanel",
        "panel.parameters['count'].value = '3'\npanel.run_button.click()\nprint(panel.wait(120)['ok'])",
    )
    data = done.cells[1].outputs[0].data
    state = done.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]
    html = " ".join(model["state"].get("value", "") for model in state.values() if model["model_name"] == "HTMLModel")

    assert "← numbers: numbers" in data["text/plain"]
    assert "<svg" in data["text/html"]
    assert "application/vnd.jupyter.widget-view+json" in data
    assert done.cells[2].outputs[0].text == "True\n"
    assert "run: done" in html
    assert "Stages: setup, numbers, squares, report" in html
    run = next((tmp_path / ".nb2prod" / "runs").iterdir())
    assert json.loads((run / "run.json").read_text(encoding="utf-8"))["parameters"] == {"count": 3}


@pytest.mark.kernel
def test_a_ship_that_fails_stops_the_cell_with_code_and_cure(tmp_path: Path) -> None:
    copied("failing_cell", tmp_path)
    done = executed(tmp_path, "%load_ext nb2prod", "%ship failing_cell.ipynb", allow_errors=True)
    error = done.cells[1].outputs[-1]

    assert error.output_type == "error"
    assert error.evalue.startswith("NB201: The cell raised ZeroDivisionError")
    assert "(cell 3, stage 'divide')" in error.evalue


@pytest.mark.kernel
def test_a_notebook_that_ships_itself_does_not_do_so_while_it_is_run(tmp_path: Path) -> None:
    path = written(tmp_path, "%load_ext nb2prod", "%%stage a\nx = 1\n%ship test.ipynb\n%pipeline test.ipynb")
    done = executed(tmp_path, "%load_ext nb2prod", "p = %pipeline test.ipynb\np.start('run')\nprint(p.wait(120)['ok'])")

    assert done.cells[1].outputs[0].text == "True\n"
    assert len(list((path.parent / ".nb2prod" / "runs").iterdir())) == 1


@pytest.mark.ship
def test_ship_makes_a_release_and_prints_what_it_made(tmp_path: Path) -> None:
    copied("tiny_model", tmp_path)
    stop = "import json, pathlib\nfrom nb2prod import api\nhome = pathlib.Path('.nb2prod').resolve()\n"
    stop += "for found in api.releases(home):\n    print(api.stop(home, found.id).state)"
    done = executed(tmp_path, "%load_ext nb2prod", "%ship tiny_model.ipynb", stop)
    text = "".join(output.get("text", "") for output in done.cells[1].outputs)

    assert "release: tiny-model-" in text
    assert "service: http://127.0.0.1:" in text
    assert done.cells[2].outputs[0].text == "stopped\n"


def test_every_shared_notebook_loads_the_extension_that_its_tags_need() -> None:
    for path in FOLDER.glob("*.ipynb"):
        assert "%load_ext nb2prod" in path.read_text(encoding="utf-8"), path.name
