"""Parameters: new values in a cell below the defaults, as papermill writes it."""

from __future__ import annotations

import ast
import math
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_PLAIN = (type(None), str, bool, int, float)
_MINOR = 5  # of nbformat 4, to which papermill brings a notebook up


def injected(raw: dict[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a notebook's JSON with a cell that sets `values`, which a test holds against papermill's own.

    Importing papermill costs more than many a notebook, so that it is asked only where more than these lines is needed:
    for values of other types than JSON's, for older formats, and where Black is there to lay out the cell.
    """
    if raw.get("nbformat_minor") != _MINOR or not _is_plain(list(values.values())) or _laid_out_by_black():
        return _by_papermill(raw, values)
    cells = [_tagged(cell) for cell in raw["cells"]]
    cell: dict[str, Any] = {
        "id": os.urandom(4).hex(),
        "cell_type": "code",
        "metadata": {"tags": ["injected-parameters"]},
        "execution_count": None,
        "source": source(values),
        "outputs": [],
    }
    first, last = _place(cells)
    metadata = raw.get("metadata", {})
    told = {**metadata.get("papermill", {}), "parameters": dict(values)}
    return {**raw, "metadata": {**metadata, "papermill": told}, "cells": [*cells[:first], cell, *cells[last:]]}


def source(values: Mapping[str, Any]) -> str:
    """Write the code of the cell.

    Source:
        `papermill.translators.PythonTranslator`.
    """
    return "".join(["# Parameters\n", *(f"{name} = {_literal(value)}\n" for name, value in values.items())])


def literal(text: str) -> Any:
    """Read a value that somebody typed as Python reads a literal; anything else is text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _by_papermill(raw: dict[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    import nbformat
    from papermill.parameterize import parameterize_notebook

    node = nbformat.from_dict(raw)
    node.metadata.setdefault("papermill", {})
    for cell in node.cells:
        cell.metadata.setdefault("tags", [])  # papermill's own reader adds them, and its writer counts on it
    return dict(parameterize_notebook(node, dict(values), kernel_name="python3", language="python"))


def _laid_out_by_black() -> bool:
    from importlib.util import find_spec

    return find_spec("black") is not None


def _is_plain(value: Any) -> bool:
    if type(value) is dict:
        return all(type(key) is str for key in value) and _is_plain(list(value.values()))
    if type(value) is list:
        return all(map(_is_plain, value))
    return type(value) in _PLAIN


def _tagged(cell: Mapping[str, Any]) -> dict[str, Any]:
    return {**cell, "metadata": {**cell.get("metadata", {}), "tags": cell.get("metadata", {}).get("tags", [])}}


def _place(cells: list[dict[str, Any]]) -> tuple[int, int]:
    """Return how many cells stand above the new one, and which is the first below it."""
    for tag, kept in (("injected-parameters", 0), ("parameters", 1)):
        for index, cell in enumerate(cells):
            if tag in cell["metadata"]["tags"]:
                return index + kept, index + 1
    return 0, 0


def _literal(value: Any) -> str:
    if isinstance(value, str):
        escaped = value.encode("unicode_escape").decode("utf-8").replace('"', r"\"")
        return f'"{escaped}"'
    if isinstance(value, float) and not math.isfinite(value):
        return f"float('{value}')"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_literal(key)}: {_literal(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_literal, value)) + "]"
    return str(value)
