"""Notebooks for tests: real files beside this one, and small ones written in a line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from nb2prod import notebook
from nb2prod.notebook import Notebook

FOLDER = Path(__file__).with_name("notebooks")


def document(*cells: str | tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """Make a notebook's JSON of code cells; a cell is its source, or its source and metadata."""
    pairs = [(cell, {}) if isinstance(cell, str) else cell for cell in cells]
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        "cells": [
            {
                "cell_type": "code",
                "id": f"c{index}",
                "metadata": metadata,
                "source": source,
                "outputs": [],
                "execution_count": None,
            }
            for index, (source, metadata) in enumerate(pairs)
        ],
    }


def parsed(*cells: str | tuple[str, dict[str, Any]]) -> Notebook:
    """Make a notebook of code cells."""
    return notebook.parse(document(*cells), "test.ipynb")


def written(folder: Path, *cells: str | tuple[str, dict[str, Any]]) -> Path:
    """Write a notebook of code cells into a folder."""
    path = folder / "test.ipynb"
    path.write_text(json.dumps(document(*cells)), encoding="utf-8")
    return path


def copied(name: str, folder: Path) -> Path:
    """Copy a notebook of `tests/notebooks` into a folder of its own."""
    return Path(shutil.copy(FOLDER / f"{name}.ipynb", folder))


def texts(path: Path) -> list[str]:
    """Return what each code cell of an executed notebook printed and returned."""
    cells = [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    return ["".join(map(_text, cell["outputs"])) for cell in cells]


def _text(output: dict[str, Any]) -> str:
    found = output.get("text") or output.get("data", {}).get("text/plain", "")
    return found if isinstance(found, str) else "".join(found)
