"""Only what is needed is loaded, and helpers beside the notebook travel with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from nb2prod.artifact import Artifact, Recipe
from nb2prod.beside import local
from nb2prod.candidate import Candidate, Rows
from nb2prod.errors.ships import PackageUnknown
from nb2prod.fields import learn
from nb2prod.pack_model import asked
from nb2prod.restored import needed, restore
from nb2prod.stores.local import LocalStore


def test_a_value_is_loaded_with_what_its_functions_look_up() -> None:
    model = Artifact(names=("model",), digest="1", bytes=1, needs=("np", "table"))
    table = Artifact(names=("table",), digest="2", bytes=1)
    numpy = Recipe(name="np", code="import numpy as np")
    frame = Artifact(names=("frame",), digest="3", bytes=10**9)

    found = needed({"model": model, "table": table, "np": numpy, "frame": frame}, ["model", "gone"])

    assert found == {"model": model, "table": table, "np": numpy}


def test_imports_come_first_and_what_is_made_from_values_last(tmp_path: Path) -> None:
    space: dict[str, Any] = {}
    late = Recipe(name="b", code="b = math.floor(2.5)", needs=("math",), late=True)

    restore(LocalStore(str(tmp_path)), {"b": late, "math": Recipe(name="math", code="import math")}, space)

    assert space["b"] == 2


def test_helper_modules_and_what_they_import_are_told_from_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_scaling.py").write_text("import my_tools\nimport numpy\n", encoding="utf-8")
    (tmp_path / "my_tools").mkdir()
    (tmp_path / "my_tools" / "__init__.py").write_text("import json\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))

    helpers, packages = local(["my_scaling", "pandas.core.frame"], tmp_path)

    assert set(helpers) == {"my_scaling.py", "my_tools/__init__.py"}
    assert packages == {"json", "numpy", "pandas"}


def test_a_module_that_is_nowhere_is_named(tmp_path: Path) -> None:
    with pytest.raises(PackageUnknown, match="NB407"):
        local(["no_such_module"], tmp_path)


def test_a_rehearsal_asks_rows_from_all_over() -> None:
    frame = pd.DataFrame({"x": np.arange(2000.0)})
    model = LinearRegression().fit(frame, frame["x"])
    rows = Rows(x=frame, y=frame["x"])
    found = Candidate(name="m", cell=0, kind="regression", model=model, train=rows, held=rows)

    held = asked(found, learn(found))

    assert len(held.rows) == 500
    assert held.rows[-1] == {"x": 1996.0}
    assert held.predictions[-1] == pytest.approx(1996)
    assert held.probabilities is None
