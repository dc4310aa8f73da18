"""What a fix does: the finding goes, nothing else comes, and nothing else changes."""

from __future__ import annotations

from typing import Any

import pytest
from books import document

from nb2prod import edits, notebook
from nb2prod.checks import Finding, check
from nb2prod.pipeline import build

Cell = str | tuple[str, dict[str, Any]]
LOADED = "%load_ext nb2prod"


def by(stage: str, *tags: str, **options: Any) -> dict[str, Any]:
    return {"nb2prod": {"stage": stage, **options}, "tags": list(tags)}


def findings(raw: dict[str, Any]) -> tuple[Finding, ...]:
    return check(build(notebook.parse(raw, "test.ipynb")))


def mended(*cells: Cell, title: str | None = None) -> dict[str, Any]:
    """Carry out a fix of the first finding, after which there is none; return the notebook that comes of it."""
    raw = document(*cells)
    found = findings(raw)[0]
    fix = next(fix for fix in found.fixes if title in {None, fix.title})
    made = edits.apply(raw, fix.edits)
    assert findings(made) == ()
    return made


def sources(raw: dict[str, Any]) -> list[str]:
    return [cell["source"] for cell in raw["cells"]]


def names(raw: dict[str, Any]) -> list[str]:
    return [stage.name for stage in build(notebook.parse(raw, "test.ipynb")).stages]


def test_a_cell_that_is_no_code_is_left_out() -> None:
    assert mended("a = 1", "these are words")["cells"][1]["metadata"] == {"tags": ["skip"]}


def test_a_name_is_spelt_as_above() -> None:
    assert sources(mended("frame = 1", "print(fram, frame.fram, frame)"))[1] == "print(frame, frame.fram, frame)"


@pytest.mark.parametrize(
    "cells",
    [
        (LOADED, "%%stage My Part --retries 2\nx = 1", "%%stage b --after My\ny = 1"),
        (("x = 1", by("My")), ("y = 1", by("b", after="My"))),
        (("x = 1", {"tags": ["step:My"]}), ("y = 1", {"tags": ["step:b", "prev:My"]})),
    ],
)
def test_a_stage_gets_another_name_wherever_it_is_named(cells: tuple[Cell, ...]) -> None:
    raw = document(*cells)
    found = next(finding for finding in findings(raw) if finding.code == "NB104")
    assert found.fix is not None
    line = build(notebook.parse(edits.apply(raw, found.fix.edits), "test.ipynb"))

    assert [(stage.name, stage.after) for stage in line.stages][-2:] == [("my", ()), ("b", ("my",))]


@pytest.mark.parametrize(
    "tagged",
    [
        lambda name: f"%%stage {name}\nx = 1",
        lambda name: ("x = 1", by(name)),
        lambda name: ("x = 1", {"tags": [f"stage:{name}"]}),
    ],
)
def test_a_stage_that_comes_back_is_called_otherwise(tagged: Any) -> None:
    assert names(mended(LOADED, *(tagged(name) for name in ("a", "b", "a")))) == ["setup", "a", "b", "a_2"]


@pytest.mark.parametrize(
    ("cells", "changed"),
    [
        ((LOADED, "%%stage a --after x --retries 1\ny = 1"), "%%stage a --retries 1\ny = 1"),
        (
            (LOADED, "%%stage b\ny = 1", "%%stage a --retries 1 --after=b,x\ny = 1"),
            "%%stage a --retries 1 --after b\ny = 1",
        ),
        ((("y = 1", by("a", after="x")),), {"nb2prod": {"stage": "a"}, "tags": []}),
        (
            (("y = 1", {"tags": ["step:b"]}), ("y = 1", {"tags": ["step:a", "prev:b:x"]})),
            {"tags": ["step:a", "prev:b"]},
        ),
    ],
)
def test_a_stage_does_not_wait_for_one_that_is_not_there(cells: tuple[Cell, ...], changed: Any) -> None:
    last = mended(*cells)["cells"][-1]

    assert changed in (last["source"], last["metadata"])


def test_an_empty_stage_loses_its_tag() -> None:
    assert names(mended("x = 1", ("", by("a")))) == ["setup"]


def test_a_value_that_cannot_be_kept_stays_with_its_reader_in_one_stage() -> None:
    made = mended(
        LOADED,
        "%%stage a\nimport socket\ns = socket.create_connection(('x', 1))",
        ("y = 1", by("b")),
        "%%stage c\ns.send(b'')",
    )

    assert names(made) == ["setup", "a"]
    assert sources(made)[-1] == "s.send(b'')"


@pytest.mark.parametrize(
    ("cells", "moved"),
    [
        (
            (LOADED, "%%stage a\nx = 1\nimport socket\ns = socket.socket()\ny = s.fileno()", "%%stage b\ns.close()"),
            [LOADED, "import socket\ns = socket.socket()", "%%stage a\nx = 1\nimport socket\ny = s.fileno()"],
        ),
        (
            (
                "dsn = 'x'",
                ("import psycopg2\nrows = 1", by("a")),
                "c = psycopg2.connect(\n    dsn,\n)",
                ("c.cursor()", by("b")),
            ),
            ["dsn = 'x'", "import psycopg2\nc = psycopg2.connect(\n    dsn,\n)", "import psycopg2\nrows = 1", ""],
        ),
        (
            (LOADED, "%%stage a\nimport socket\ns = socket.socket()", ("s.close()", by("b"))),
            [LOADED, "import socket\ns = socket.socket()", "s.close()"],
        ),
    ],
)
def test_a_value_that_cannot_be_kept_is_made_in_setup(cells: tuple[Cell, ...], moved: list[str]) -> None:
    made = mended(*cells, title="Move to setup")

    assert sources(made)[: len(moved)] == moved
    assert [cell["metadata"].get("tags") for cell in made["cells"]].count(["setup"]) == 1


@pytest.mark.parametrize(
    "cells",
    [
        ("x = 1", ("import socket\nhost = 'x'\ns = socket.create_connection((host, 1))", by("a")), ("s", by("b"))),
        ("x = 1", ("import socket; s = socket.socket()", by("a")), ("s", by("b"))),
        ("x = 1", ("import subprocess\np = subprocess.Popen(['true'])", by("a")), ("p", by("b"))),
    ],
)
def test_what_would_be_another_one_in_setup_is_only_merged(cells: tuple[Cell, ...]) -> None:
    (found,) = findings(document(*cells))

    assert [fix.title for fix in found.fixes] == ["Merge 'b' into 'a'"]


def test_a_stage_that_comes_back_is_merged_with_what_stands_between() -> None:
    cells = ("x = 1", ("a = 1", by("a")), ("b = 1", by("b")), ("c = 1", by("a")))

    assert names(mended(*cells, title="Merge 'b' into 'a'")) == ["setup", "a"]


def test_of_several_tags_another_one_is_kept() -> None:
    cell = ("%%stage a\nx = 1", {**by("b", "stage:c"), "other": 1})
    made = mended(LOADED, cell, title="Keep 'b' only")

    assert (sources(made)[1], made["cells"][1]["metadata"]) == ("%%stage b\nx = 1", {"other": 1})
    made = mended(("x = 1", by("b", "stage:c", "kept")), title="Keep 'c' only")
    assert made["cells"][0]["metadata"] == by("c", "kept")


def test_of_two_names_that_are_near_either_can_be_meant() -> None:
    found = findings(document("total_1 = 1\ntotal_2 = 2", "print(total_)"))[0]

    assert {fix.title for fix in found.fixes} == {f"Write 'total_{n}' instead of 'total_'" for n in (1, 2)}


def test_of_several_tags_the_one_that_counts_is_kept() -> None:
    made = mended(LOADED, ("%%stage a\nx = 1", {**by("b", "stage:c"), "other": 1}))

    assert (names(made), made["cells"][1]["metadata"]) == (["setup", "a"], {"other": 1})
    assert mended(("x = 1", by("b", "stage:c", "kept")))["cells"][0]["metadata"] == by("b", "kept")


def test_options_that_are_wrong_are_taken_away() -> None:
    made = mended(LOADED, "%%stage a --retries 2 --gpux 1 stray --timeout no --no-cache\nx = 1")

    assert sources(made)[1] == "%%stage a --retries 2 --cache false\nx = 1"
    assert mended(("x = 1", by("a", retries=1, gpux=2)))["cells"][0]["metadata"] == by("a", retries=1)


def test_a_question_becomes_a_parameter() -> None:
    made = mended("import os", ("n = int(input('how many?'))\nname = input()\nprint(n, name)", by("ask")))
    line = build(notebook.parse(made, "test.ipynb"))

    assert sources(made) == ["import os", 'n = 0\nname = ""', "print(n, name)"]
    assert [(item.name, item.value) for item in line.parameters] == [("n", "0"), ("name", "''")]
    assert names(made) == ["setup", "ask"]


def test_the_magic_is_loaded_at_the_top() -> None:
    assert sources(mended("import os", "%%stage a\nx = 1"))[0] == LOADED


@pytest.mark.parametrize("cells", [("print(nowhere_near)",), ("y = x", "x = 1"), ("x = [input() for _ in range(3)]",)])
def test_what_only_a_person_can_mend_has_no_fix(cells: tuple[str, ...]) -> None:
    assert [(finding.fix, finding.fixes) for finding in findings(document(*cells))] == [(None, ())]
