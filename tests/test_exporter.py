from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from books import FOLDER
from nbconvert.exporters import get_exporter

from nb2prod.errors.base import ChecksFailed


def exported(path: Path) -> tuple[str, dict[str, bytes]]:
    exporter = get_exporter("nb2prod")()
    body, resources = exporter.from_notebook_node(
        nbformat.read(path, 4), {"metadata": {"name": path.stem, "path": str(path.parent)}}
    )
    return body, resources["outputs"]


def test_nbconvert_finds_the_exporter_by_name_and_gets_the_project_as_outputs() -> None:
    body, outputs = exported(FOLDER / "tiny.ipynb")

    assert "papermill notebooks/01_numbers.ipynb" in body
    assert {"tiny_pipeline/tiny/stages.py", "tiny_pipeline/notebooks/03_report.ipynb"} <= set(outputs)


def test_files_that_the_notebook_reads_go_along() -> None:
    churn = Path(__file__).parents[1] / "examples" / "churn"
    _, outputs = exported(churn / "churn.ipynb")

    assert outputs["churn_pipeline/churn.csv"] == (churn / "churn.csv").read_bytes()


def test_a_notebook_with_errors_is_refused() -> None:
    with pytest.raises(ChecksFailed, match="NB1"):
        exported(FOLDER / "syntax_error.ipynb")
