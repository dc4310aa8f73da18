"""Imported packages: what is not installed is told, what is not listed only where there is a list."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest
from books import written

from nb2prod import api
from nb2prod.checks import Finding


def told(folder: Path, *cells: str) -> list[Finding]:
    """Return what is said of the packages that a notebook imports."""
    path = written(folder, *cells)
    return [found for found in api.inspect(api.read(path), path)[1] if found.code in {"NB115", "NB116"}]


@pytest.mark.parametrize(
    "cell",
    [
        "import os, json\nfrom __future__ import annotations",
        "import pandas as pd\nfrom sklearn.linear_model import Ridge",
        "try:\n    import not_there\nexcept ImportError:\n    pass",
        "def f():\n    import not_there",
        "%pip install not-there\nimport not_there",
        "!pip install -q 'not-there>=2' other\nimport not_there",
        "import sys\nsys.path.append('..')\nimport not_there",
        "import own, package.part\nfrom . import x",
        "import nb2prod\nfrom IPython.display import display",
    ],
)
def test_without_a_list_nothing_is_said_of_what_is_there(tmp_path: Path, cell: str) -> None:
    (tmp_path / "own.py").touch()
    (tmp_path / "package").mkdir()

    assert told(tmp_path, cell) == []


def test_a_package_that_nothing_provides_is_told_before_the_run_stops_there(tmp_path: Path) -> None:
    (found,) = told(tmp_path, "x = 1\nimport not_there.part\nfrom not_there import other")

    assert (found.code, found.severity, found.place.line, found.fixes) == ("NB115", "warning", 2, ())
    assert "pip install not-there" in found.cure
    (tmp_path / "requirements.txt").write_text("not_there\n")
    (found,) = told(tmp_path, "import not_there")
    assert "pip install -r requirements.txt" in found.cure
    assert found.fixes == ()


def test_it_is_called_as_in_an_index(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("numpy\n")
    (found,) = told(tmp_path, "from umap import UMAP")

    assert [fix.title for fix in found.fixes] == ["Add 'umap-learn' to requirements.txt"]


def test_what_a_list_does_not_name_can_be_added_to_it(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("attrs==23.2\nclick==8.1  # ours\n")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\ndependencies = ["attrs"]\n')
    (found,) = told(tmp_path, "import attr, click", "%%stage a\nfrom sklearn.svm import SVC\nimport sklearn")
    version = metadata.version("scikit-learn")

    assert (found.code, found.place.cell, found.place.stage, found.severity) == ("NB116", 1, "a", "warning")
    titles = [f"Add 'scikit-learn=={version}' to requirements.txt", "Add 'scikit-learn' to pyproject.toml"]
    assert [fix.title for fix in found.fixes] == titles
    assert not any(fix.safe for fix in found.fixes)
    path = tmp_path / "test.ipynb"
    api.fix(path)
    assert "scikit" not in (tmp_path / "requirements.txt").read_text()

    assert api.mend(path, "NB116", found.place.cell_id, titles[0])
    assert (tmp_path / "requirements.txt").read_text() == (
        f"attrs==23.2\nclick==8.1  # ours\nscikit-learn=={version}\n"
    )
    assert told(tmp_path, "import sklearn") == []


@pytest.mark.parametrize("line", ["scikit-learn", "-e .", "seaborn"])
def test_what_comes_with_the_list_is_not_told(tmp_path: Path, line: str) -> None:
    (tmp_path / "requirements.txt").write_text(f"{line}\npandas\n")

    assert told(tmp_path, "import numpy", "import sklearn" if line != "seaborn" else "import dateutil") == []


def test_another_kernel_has_other_packages(tmp_path: Path) -> None:
    path = written(tmp_path, "import not_there")
    path.write_text(path.read_text().replace('"name": "python3"', '"name": "my-environment"'))

    assert [found.code for found in api.inspect(api.read(path), path)[1]] == []
