"""Only what is needed is loaded, and in the order in which it can be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nb2prod.artifact import Artifact, Recipe
from nb2prod.packers.restored import needed, restore
from nb2prod.stores.local import LocalStore


def test_a_value_is_loaded_with_what_its_functions_look_up() -> None:
    model = Artifact(names=("model",), digest="1", bytes=1, needs=("np", "table"))
    table = Artifact(names=("table",), digest="2", bytes=1)
    numpy = Recipe(name="np", code="import numpy as np")
    frame = Artifact(names=("frame",), digest="3", bytes=10**9)

    found = needed({"model": model, "table": table, "np": numpy, "frame": frame}, ["model", "gone"])

    assert found == {"model": model, "table": table, "np": numpy}


def test_what_is_kept_with_a_function_comes_with_it() -> None:
    both = Artifact(names=("net", "old", "predict"), digest="1", bytes=1)
    other = Artifact(names=("old",), digest="2", bytes=1)

    assert needed({"net": both, "predict": both, "old": other}, ["predict"]) == {"net": both, "predict": both}


def test_imports_come_first_and_what_is_made_from_values_last(tmp_path: Path) -> None:
    space: dict[str, Any] = {}
    late = Recipe(name="b", code="b = math.floor(2.5)", needs=("math",), late=True)

    restore(LocalStore(str(tmp_path)), {"b": late, "math": Recipe(name="math", code="import math")}, space)

    assert space["b"] == 2
