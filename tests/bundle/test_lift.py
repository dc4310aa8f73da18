"""A model and its code leave `__main__`, and work where there is no notebook."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from books import parsed

from nb2prod import pipeline
from nb2prod.bundle.lift import Lifted, lift
from nb2prod.candidates.candidate import Candidate, Rows
from nb2prod.errors.models import ModelNotPickled

MODEL = "class Model:\n    def predict(self, x):\n        return [{body} for v in x]\n"


def lifted(*cells: str) -> Lifted:
    """Run cells as a notebook would, then lift its `model`."""
    space: dict[str, Any] = {"__name__": "__main__"}
    for cell in cells:
        exec(cell, space)
    rows = Rows(x=[1, 2], y=[1, 2])
    found = Candidate(name="model", cell=len(cells) - 1, kind="regression", model=space["model"], train=rows, held=rows)
    return lift(found, space, pipeline.build(parsed(*cells)), module="test_code")


def says(made: Lifted, folder: Path) -> str:
    """Return what the model predicts of [1, 2] in a process that has only its files."""
    (folder / "test_code.py").write_text(made.source, encoding="utf-8")
    (folder / "values.pkl").write_bytes(made.values)
    (folder / "model.pkl").write_bytes(made.model)
    code = "import pickle; print(pickle.load(open('model.pkl', 'rb')).predict([1, 2]))"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout.strip() or done.stderr


def test_a_class_of_the_notebook_becomes_importable(tmp_path: Path) -> None:
    made = lifted(MODEL.format(body="v + 1"), "model = Model()")

    assert says(made, tmp_path) == "[2, 3]"
    assert b"__main__" not in made.model


def test_a_class_whose_name_is_gone_becomes_importable_too(tmp_path: Path) -> None:
    made = lifted(MODEL.format(body="v + 1"), "model = Model()\ndel Model")

    assert says(made, tmp_path) == "[2, 3]"
    assert "class Model" in made.source


def test_only_what_the_model_needs_travels() -> None:
    made = lifted(
        "import json\nimport math\ndef draw():\n    return json", MODEL.format(body="math.sqrt(v)"), "model = Model()"
    )

    assert "import math" in made.source
    assert "json" not in made.source
    assert "draw" not in made.source


def test_functions_and_constants_that_it_reads_travel_too(tmp_path: Path) -> None:
    made = lifted("LIMIT = 3", "def more(v):\n    return v + LIMIT", MODEL.format(body="more(v)"), "model = Model()")

    assert says(made, tmp_path) == "[4, 5]"
    assert "LIMIT = 3" in made.source


def test_a_constant_has_the_value_it_had_at_the_end(tmp_path: Path) -> None:
    made = lifted("LIMIT = 3", MODEL.format(body="v + LIMIT"), "LIMIT += 1\nmodel = Model()")

    assert says(made, tmp_path) == "[5, 6]"


def test_a_computed_value_travels_as_a_value(tmp_path: Path) -> None:
    made = lifted("table = {n: n * n for n in range(1000)}", MODEL.format(body="table[v]"), "model = Model()")

    assert says(made, tmp_path) == "[1, 4]"
    assert "999" not in made.source


def test_a_value_may_be_of_a_class_of_the_notebook(tmp_path: Path) -> None:
    made = lifted(
        "class Shift:\n    by = 2",
        "shift = Shift()\nshift.by = 5",
        MODEL.format(body="v + shift.by"),
        "model = Model()",
    )

    assert says(made, tmp_path) == "[6, 7]"


def test_a_value_that_a_default_needs_is_there_in_time(tmp_path: Path) -> None:
    made = lifted(
        "start = set(range(500))",
        "def size(v, of=start):\n    return v + len(of)",
        MODEL.format(body="size(v)"),
        "model = Model()",
    )

    assert says(made, tmp_path) == "[501, 502]"


def test_a_values_file_that_was_changed_is_refused(tmp_path: Path) -> None:
    made = lifted("table = {n: n * n for n in range(1000)}", MODEL.format(body="table[v]"), "model = Model()")
    changed = Lifted(model=made.model, source=made.source, values=pickle.dumps({"table": {1: 0, 2: 0}}))

    assert "values.pkl is not the file that was released" in says(changed, tmp_path)


def test_lambdas_with_and_without_a_name_travel(tmp_path: Path) -> None:
    made = lifted(
        "double = lambda v: v * 2",
        "class Model:\n"
        "    def __init__(self, f): self.f = f\n"
        "    def predict(self, x): return [self.f(double(v)) for v in x]",
        "model = Model(lambda v: v + 0.5)",
    )

    assert says(made, tmp_path) == "[2.5, 4.5]"


def test_a_named_tuple_is_made_from_its_source(tmp_path: Path) -> None:
    made = lifted(
        "from collections import namedtuple\nPoint = namedtuple('Point', 'x y')",
        MODEL.format(body="Point(v, 7).y"),
        "model = Model()\nmodel.origin = Point(0, 0)",
    )

    assert says(made, tmp_path) == "[7, 7]"


def test_the_last_definition_of_a_name_counts(tmp_path: Path) -> None:
    made = lifted("def f(v): return 1", "def f(v): return 2", MODEL.format(body="f(v)"), "model = Model()")

    assert says(made, tmp_path) == "[2, 2]"


def test_cached_functions_keep_their_decorator(tmp_path: Path) -> None:
    made = lifted(
        "from functools import lru_cache\n@lru_cache\ndef f(v):\n    return v * 10",
        MODEL.format(body="f(v)"),
        "model = Model()\nmodel.f = f",
    )

    assert says(made, tmp_path) == "[10, 20]"


def test_a_model_of_libraries_needs_no_module() -> None:
    made = lifted("from sklearn.linear_model import LinearRegression\nmodel = LinearRegression()")

    assert made.source == ""
    assert "sklearn.linear_model._base" in made.modules


def test_what_cannot_leave_the_process_is_said() -> None:
    locked = "import threading\nmodel = Model()\nmodel.guard = threading.Lock()"

    with pytest.raises(ModelNotPickled, match=r"NB406: 'model' cannot be put into a package: .*lock.*\(cell 2\)"):
        lifted(MODEL.format(body="v"), locked)
