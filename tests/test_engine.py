"""papermill runs a tagged notebook: with our engine as its pipeline, without it straight through."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from books import copied, texts, written

from nb2prod import engine

pytestmark = pytest.mark.kernel


def papermill(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "papermill", "--no-progress-bar", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def statuses(path: Path) -> list[str]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    # papermill puts a cell of its own above the rest when something failed.
    return [cell["metadata"]["papermill"]["status"] for cell in cells if "papermill" in cell["metadata"]]


def test_both_ways_give_the_same_outputs(tmp_path: Path) -> None:
    copied("tiny_model", tmp_path)
    staged = papermill(tmp_path, "tiny_model.ipynb", "staged.ipynb", "--engine", "nb2prod", "--progress-bar")
    straight = papermill(tmp_path, "tiny_model.ipynb", "straight.ipynb")

    assert (staged.returncode, straight.returncode) == (0, 0), staged.stderr + straight.stderr
    assert texts(tmp_path / "straight.ipynb") == texts(tmp_path / "staged.ipynb")
    assert "100%" in staged.stderr


def test_parameters_keep_papermills_meaning(tmp_path: Path) -> None:
    written(tmp_path, ("n = 1", {"tags": ["parameters"]}), "%%stage a\nm = n * 2", "%%stage b\nprint(m)")
    done = papermill(tmp_path, "test.ipynb", "out.ipynb", "--engine", "nb2prod", "-p", "n", "21")

    assert done.returncode == 0, done.stderr
    assert texts(tmp_path / "out.ipynb")[-1] == "42\n"
    assert {"completed"} == set(statuses(tmp_path / "out.ipynb"))


def test_a_failing_cell_fails_papermill_and_the_cells_below_have_not_run(tmp_path: Path) -> None:
    copied("failing_cell", tmp_path)
    done = papermill(tmp_path, "failing_cell.ipynb", "out.ipynb", "--engine", "nb2prod")
    found = statuses(tmp_path / "out.ipynb")

    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
    assert {"pending"} == set(found[found.index("failed") + 1 :])


def test_a_dead_kernel_is_not_taken_for_success(tmp_path: Path) -> None:
    copied("kernel_killed", tmp_path)
    done = papermill(tmp_path, "kernel_killed.ipynb", "out.ipynb", "--engine", "nb2prod")

    assert done.returncode != 0
    assert "NB202" in done.stderr
    assert "failed" in statuses(tmp_path / "out.ipynb")


@pytest.mark.parametrize("elsewhere", [(), ("--cwd", "sub"), ("--cwd", "other")])
def test_files_are_found_where_plain_papermill_finds_them(tmp_path: Path, elsewhere: tuple[str, ...]) -> None:
    for name in ("", "sub", "other"):
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "data.txt").write_text(f"of '{name}'", encoding="utf-8")
    written(tmp_path / "sub", "%load_ext nb2prod", "%%stage a\nx = open('data' + '.txt').read()", "%%stage b\nprint(x)")
    before = papermill(tmp_path, "sub/test.ipynb", "first.ipynb", "--engine", "nb2prod", "--cwd", str(tmp_path / "sub"))
    staged = papermill(tmp_path, "sub/test.ipynb", "staged.ipynb", "--engine", "nb2prod", *elsewhere)
    straight = papermill(tmp_path, "sub/test.ipynb", "straight.ipynb", *elsewhere)

    assert (before.returncode, staged.returncode, straight.returncode) == (0, 0, 0), staged.stderr
    assert texts(tmp_path / "straight.ipynb") == texts(tmp_path / "staged.ipynb")
    assert {path.parent for path in tmp_path.rglob(".nb2prod")} == {tmp_path / "sub"}


def test_a_notebook_without_a_file_runs_in_the_callers_folder(tmp_path: Path) -> None:
    path = copied("tiny", tmp_path)
    command = [sys.executable, "-m", "papermill", "--no-progress-bar", "-", "out.ipynb", "--engine", "nb2prod"]
    with path.open(encoding="utf-8") as text:
        done = subprocess.run(command, cwd=tmp_path, stdin=text, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert (tmp_path / ".nb2prod" / "last" / "notebook.ipynb.json").is_file()


@pytest.mark.parametrize("first", ["import nb2prod.engine", "import papermill.engines"])
def test_the_engine_is_papermills_whichever_is_imported_first(first: str) -> None:
    code = f"{first}; from nb2prod.engine import StagedEngine; from papermill.engines import papermill_engines as known"
    check = f"{code}; assert known.get_engine('nb2prod') is StagedEngine, known._engines"

    subprocess.run([sys.executable, "-c", check], check=True)


def test_an_output_that_is_written_while_cells_are_quick_is_written_when_there_is_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine, "_OFTEN", 1000.0)
    saved: list[str] = []
    manager = SimpleNamespace(save=lambda: saved.append("saved"))
    with engine._bundled(manager) as save:
        for _ in range(5):
            manager.save()
        quick = len(saved)
        for _ in range(2):
            save()

    assert (quick, len(saved)) == (0, 1)
