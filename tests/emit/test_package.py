from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from books import FOLDER
from emit.projects import built, printed, python, written

from nb2prod import api, emit
from nb2prod.emit import CannotExtract

CHURN = Path(__file__).parents[2] / "examples" / "churn" / "churn.ipynb"


def stages(*cells: str) -> str:
    line = built(*cells)
    return emit.files(line)[f"{emit.package_name(line)}/stages.py"]


def test_a_stage_is_a_function_of_what_it_reads_that_returns_what_later_stages_need() -> None:
    text = stages("%%stage load\nrows = [1, 2]\nspare = 3", "%%stage total\ntotal = sum(rows)\nprint(total)")

    assert (
        'def load():\n    """Stage \'load\' of test.ipynb."""\n    rows = [1, 2]\n    spare = 3\n    return rows'
        in text
    )
    assert "def total(rows):" in text


def test_parameters_become_keyword_arguments_with_their_defaults() -> None:
    line = built(("n = 3  # how many", {"tags": ["parameters"]}), "%%stage load\nrows = list(range(n))")
    files = emit.files(line)

    assert "def load(*, n):" in files["test_pipeline/stages.py"]
    assert "def run(*, n=3):" in files["test_pipeline/pipeline.py"]
    assert "rows = stages.load(n=n)" in files["test_pipeline/pipeline.py"]


def test_the_markdown_above_a_stage_is_its_docstring() -> None:
    files = emit.files(api.inspect(api.read(CHURN))[0])

    assert '"""Prepare.\n\n    One customer in five is kept aside' in files["churn/stages.py"]


def test_definitions_hold_functions_and_classes_with_the_imports_and_constants_that_they_read() -> None:
    text = emit.definitions(
        built(
            "import math\nimport json\nLIMIT = 2",
            "%%stage a\ndef area(r):\n    return min(math.pi * r, LIMIT)\nx = area(1)",
        )
    )

    assert text.splitlines()[2:] == [
        "import math",
        "",
        "LIMIT = 2",
        "",
        "",
        "def area(r):",
        "    return min(math.pi * r, LIMIT)",
    ]


# Each is a way in which moving code into functions goes wrong; the last line is what the notebook prints.
MOVES: dict[str, tuple[tuple[str, ...], str]] = {
    "a function reads a value that changes later": (
        ("%%stage a\nk = 1\ndef f():\n    return k", "%%stage b\nk = 20", "%%stage c\nprint(f())"),
        "20",
    ),
    "a lambda reads a value that changes later": (
        ("%%stage a\nk = 2\nf = lambda v: v * k", "%%stage b\nk = 5", "%%stage c\nprint(f(2))"),
        "10",
    ),
    "a class in the notebook has a decorator": (
        (
            "%%stage a\nfrom dataclasses import dataclass\n@dataclass\nclass P:\n    x: int = 1\np = P()",
            "%%stage b\nprint(p, isinstance(p, P))",
        ),
        "P(x=1) True",
    ),
    "lines are joined by semicolons": (("import os; import sys\nA = 1; B = 2;", "%%stage a\nprint(A, B);"), "1 2"),
    "stages have the names of keywords and of our own modules": (
        ("%%stage class\nstages = [1]", "%%stage run\nrun = stages + [2]\nprint(run)"),
        "[1, 2]",
    ),
    "a function changes a value of the notebook": (
        ("%%stage a\nn = 0\ndef bump():\n    global n\n    n += 1", "%%stage b\nbump()\nbump()", "%%stage c\nprint(n)"),
        "2",
    ),
    "two names share a list": (("%%stage a\na = b = []", "%%stage b\na.append(1)", "%%stage c\nprint(b)"), "[1]"),
    "a name is set on some paths only": (
        ("%%stage a\nx, go = 1, False", "%%stage b\nif go:\n    x = 2", "%%stage c\nprint(x)"),
        "1",
    ),
    "a stage has the name of a function that it calls": (
        ("%%stage a\nfrom math import sqrt\nx = 4", "%%stage sqrt\nprint(sqrt(x))"),
        "2.0",
    ),
    "an import is tried": (
        (
            "try:\n    import not_there as js\nexcept ImportError:\n    import json as js",
            "%%stage a\nprint(js.dumps([1]))",
        ),
        "[1]",
    ),
    "everything is imported": (("from math import *", "%%stage a\nprint(cos(0))"), "1.0"),
    "a string holds lines": (('%%stage a\ntext = """one\n  two"""', "%%stage b\nprint(repr(text))"), "'one\\n  two'"),
    "a cell waits": (
        ("import asyncio", "%%stage a\nasync def f():\n    return 5\nx = await f()", "%%stage b\nprint(x)"),
        "5",
    ),
    "a cell is timed": (("%%stage a\n%%time\nx = 3", "%%stage b\n%time y = x + 1\nprint(y)"), "4"),
    "the shell is asked": (
        ("%%stage a\nword = 'hi'\nlines = !echo {word} there", "%%stage b\nprint(lines)"),
        "['hi there']",
    ),
    "a cell runs as the main program": (
        ("%%stage a\nx = 1\nif __name__ == '__main__':\n    x = 2", "%%stage b\nprint(x)"),
        "2",
    ),
    "session magics stand in cells": (("%matplotlib inline\n%load_ext nb2prod", "%%stage a\nprint(1)"), "1"),
}


@pytest.mark.parametrize("case", MOVES)
def test_the_package_prints_what_the_notebook_prints_when(case: str, tmp_path: Path) -> None:
    cells, expected = MOVES[case]

    assert expected == printed(tmp_path, *cells)


def test_defaults_that_are_made_anew_are_made_on_each_call(tmp_path: Path) -> None:
    cells = (
        "import math",
        ("sizes = [1]\nlast = math.pi", {"tags": ["parameters"]}),
        "%%stage a\nsizes.append(last)\nprint(sizes)",
    )
    folder = written(built(*cells), tmp_path)
    out = python(folder, "-c", "from test_pipeline.pipeline import run; run(); run(); run(last=0)")

    assert out.splitlines() == ["[1, 3.141592653589793]"] * 2 + ["[1, 0]"]


@pytest.mark.parametrize(
    ("source", "what", "line"),
    [
        ("%%stage a\n%run other.py", "`%run` cannot", 2),
        ("%%stage a\nglobals()['x'] = 1", r"`globals\(\)`", None),
        ("%%stage a\nprint(Out[1])", r"`Out\[1\]`", None),
        ("%%stage a\nget_ipython().user_ns", "get_ipython", None),
        ("%%stage a\n\n%%sql\nselect 1", "`%%sql` cannot", None),
    ],
)
def test_what_only_a_notebook_can_do_is_refused_with_its_cell_and_a_cure(
    source: str, what: str, line: int | None
) -> None:
    with pytest.raises(CannotExtract, match=what) as caught:
        emit.files(built("x = 1", source))

    assert caught.value.place.cell == 1
    assert caught.value.cure
    assert line is None or caught.value.place.line == line


def test_the_package_of_a_notebook_named_like_a_module_hides_nothing() -> None:
    assert emit.package_name(built("x = 1")) == "test_pipeline"


def test_the_project_of_the_example_is_formatted_and_linted_as_it_stands(tmp_path: Path) -> None:
    folder = written(api.inspect(api.read(CHURN))[0], tmp_path)
    for command in (["format", "--check"], ["check", "--select", "B,E,F,I,W"]):
        done = subprocess.run([sys.executable, "-m", "ruff", *command, "."], cwd=folder, capture_output=True, text=True)

        assert done.returncode == 0, done.stdout


def test_the_tests_of_a_project_compare_types_with_those_that_the_notebook_left(tmp_path: Path) -> None:
    line = api.inspect(api.read(FOLDER / "tiny.ipynb"))[0]
    written(line, tmp_path)
    right = emit.files(line, kinds={"numbers": "list", "squares": "list", "root": "float"})["tests/test_pipeline.py"]
    (tmp_path / "tests/test_pipeline.py").write_text(right, encoding="utf-8")

    assert '("numbers", "numbers", "list")' in right
    assert "4 passed" in python(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider")
