from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import papermill
import pytest
from books import FOLDER, texts
from emit.projects import built, python, written

from nb2prod import api, emit
from nb2prod.pipeline import Pipeline

CHURN = Path(__file__).parents[2] / "examples" / "churn" / "churn.ipynb"


def books(line: Pipeline) -> dict[str, list[dict[str, Any]]]:
    files = {name: text for name, text in emit.files(line).items() if name.startswith("notebooks/")}
    return {name.removeprefix("notebooks/"): json.loads(text)["cells"] for name, text in files.items()}


def source(cells: list[dict[str, Any]]) -> str:
    return "\n".join("".join(cell["source"]) for cell in cells)


def run(folder: Path, parameters: dict[str, Any] | None = None) -> list[str]:
    """Run a project's notebooks in order with papermill, and return what their cells printed and returned."""
    found = []
    for path in sorted((folder / "notebooks").iterdir()):
        out = folder / "runs" / path.name
        out.parent.mkdir(exist_ok=True)
        papermill.execute_notebook(path, out, parameters or {}, cwd=folder, progress_bar=False)
        found += texts(out)
    return [text for text in found if text]


def test_each_stage_is_a_notebook_and_setup_opens_the_first() -> None:
    found = books(api.inspect(api.read(FOLDER / "tiny.ipynb"))[0])

    assert list(found) == ["01_numbers.ipynb", "02_squares.ipynb", "03_report.ipynb"]
    assert "import math" in source(found["01_numbers.ipynb"])


def test_cells_stand_as_they_are_without_what_only_nb2prod_understands() -> None:
    found = books(api.inspect(api.read(FOLDER / "tiny.ipynb"))[0])
    text = source(found["01_numbers.ipynb"]) + source(found["03_report.ipynb"])

    assert "numbers = list(range(count))" in text
    assert "Numbers to work on." in text
    assert "nb2prod" not in text
    assert "%%stage" not in text


def test_a_notebook_declares_the_parameters_that_it_reads_and_where_values_are_kept() -> None:
    found = books(api.inspect(api.read(FOLDER / "tiny.ipynb"))[0])
    tagged = {
        name: [c for c in cells if "parameters" in c["metadata"].get("tags", [])] for name, cells in found.items()
    }

    assert [len(cells) for cells in tagged.values()] == [1, 1, 1]
    assert "count = 5" in source(tagged["01_numbers.ipynb"])
    assert "count" not in source(tagged["02_squares.ipynb"])
    assert "artifacts = " in source(tagged["02_squares.ipynb"])


def test_names_of_the_notebook_are_not_hidden_by_those_of_the_generated_cells() -> None:
    found = books(built("%%stage a\nartifacts = 1", "%%stage b\nprint(artifacts)"))

    assert 'artifacts_ = "artifacts"' in source(found["02_b.ipynb"])


@pytest.mark.kernel
def test_the_example_gives_its_own_results_as_notebooks_and_as_a_package(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    api.extract(CHURN, folder)
    printed = run(folder)
    tested = python(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider")

    assert any(text.startswith("accuracy 0.9") for text in printed)
    assert any("risk state international_plan" in " ".join(text.split()) for text in printed)
    assert "passed" in tested
    assert "failed" not in tested
    assert next(t for t in printed if t.startswith("accuracy")).strip() in python(folder, "-m", "churn.pipeline")


@pytest.mark.kernel
def test_a_project_takes_parameters_from_papermill(tmp_path: Path) -> None:
    written(api.inspect(api.read(FOLDER / "tiny.ipynb"))[0], tmp_path)
    papermill.execute_notebook(
        tmp_path / "notebooks/01_numbers.ipynb", tmp_path / "1.ipynb", {"count": 3}, cwd=tmp_path, progress_bar=False
    )
    papermill.execute_notebook(
        tmp_path / "notebooks/02_squares.ipynb", tmp_path / "2.ipynb", {}, cwd=tmp_path, progress_bar=False
    )

    assert "[0, 1, 4]" in texts(tmp_path / "2.ipynb")


# What goes from one process to the next: aliases, functions, classes, random state, options.
HANDED_ON: dict[str, tuple[tuple[str, ...], str]] = {
    "aliases, late globals and classes": (
        (
            "k = 1\nclass Box:\n    def __init__(self): self.items = []\ndef f():\n    return k",
            "%%stage a\nbox = Box()\nitems = box.items",
            "%%stage b\nitems.append(f())\nk = 20",
            "%%stage c\nprint(box.items, f(), isinstance(box, Box))",
        ),
        "[1] 20 True",
    ),
    "random state and options": (
        (
            "import random\nimport numpy as np\nnp.set_printoptions(precision=2)",
            "%%stage a\nnp.random.seed(1)\nx = np.random.rand()",
            "%%stage b\nprint(np.array([x, np.random.rand()]))",
        ),
        "[0.42 0.72]",
    ),
}


@pytest.mark.kernel
@pytest.mark.parametrize("case", HANDED_ON)
def test_notebooks_hand_on(case: str, tmp_path: Path) -> None:
    cells, expected = HANDED_ON[case]
    written(built(*cells), tmp_path)

    assert expected == run(tmp_path)[-1].strip()


def test_data_files_and_modules_beside_the_notebook_are_named() -> None:
    line = built(
        "import helpers\nimport json", "%%stage a\nrows = open('data/rows.csv').read()\nurl = 'https://x.org/a.csv'"
    )

    assert set(emit.mentioned(line)) >= {"data/rows.csv", "helpers.py"}
    assert not {"json.py", "https://x.org/a.csv"} & set(emit.mentioned(line))


def test_a_copy_of_the_example_can_be_written_twice(tmp_path: Path) -> None:
    shutil.copytree(CHURN.parent, tmp_path / "churn", ignore=shutil.ignore_patterns(".nb2prod"))
    first = api.extract(tmp_path / "churn" / "churn.ipynb", tmp_path / "out")
    texts_before = {path: path.read_bytes() for path in first}
    second = api.extract(tmp_path / "churn" / "churn.ipynb", tmp_path / "out")

    assert {path: path.read_bytes() for path in second} == texts_before
