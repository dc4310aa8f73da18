from __future__ import annotations

import json
from copy import deepcopy
from datetime import date
from typing import Any

import nbformat
import pytest
from books import document
from hypothesis import given
from hypothesis import strategies as st
from papermill.parameterize import parameterize_notebook
from papermill.translators import PythonTranslator

from nb2prod import parameters

PARAMETERS, INJECTED = {"tags": ["parameters"]}, {"tags": ["injected-parameters"]}
TEXT = st.text(st.characters(codec="utf-8"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
)


@given(st.dictionaries(st.sampled_from("abcdef"), VALUES))
def test_the_cell_is_the_one_that_papermill_writes(values: dict[str, Any]) -> None:
    assert parameters.source(values) == PythonTranslator.codify(values)


@pytest.mark.parametrize(
    "raw",
    [
        document("x = 1", ("a = 1", PARAMETERS), "print(a)"),
        document("x = 1", ("a = 1", PARAMETERS), ("# Parameters\na = 2\n", INJECTED), "print(a)"),
        document("x = 1", ("# Parameters\na = 2\n", INJECTED), ("a = 1", PARAMETERS), ("a = 3", INJECTED)),
        document(("a = 1", {"tags": ["setup", "parameters"]}), ("b = 1", PARAMETERS)),
        document("print(1)"),
        {**document("x = 1", ("a = 1", PARAMETERS)), "nbformat_minor": 4},
        {**document(("a = 1", PARAMETERS)), "metadata": {"papermill": {"a": 1}, "x": 2}},
    ],
)
@pytest.mark.parametrize(
    "values", [{"a": 5}, {"a": [1, {"b": None}], "b": "x"}, {"a": date(2026, 1, 1)}, {"a": (1, 2)}]
)
def test_the_notebook_is_the_one_that_papermill_makes(raw: dict[str, Any], values: dict[str, Any]) -> None:
    before = deepcopy(raw)
    theirs = nbformat.from_dict(deepcopy(raw))
    theirs.metadata.setdefault("papermill", {})
    for cell in theirs.cells:
        cell.metadata.setdefault("tags", [])
    expected = parameterize_notebook(theirs, dict(values), kernel_name="python3", language="python")
    found = parameters.injected(raw, values)

    assert without_ids(found) == without_ids(expected)
    assert raw == before
    assert len({cell["id"] for cell in found["cells"]}) == len(found["cells"])


def without_ids(raw: dict[str, Any]) -> Any:
    cells = [{name: value for name, value in cell.items() if name != "id"} for cell in raw["cells"]]
    return json.loads(json.dumps({**raw, "cells": cells}, default=str))
