from __future__ import annotations

import pytest
from books import parsed

from nb2prod.notebook import Cell
from nb2prod.stage import OPTIONS, code, declaration, form, split, tag_of, untagged


def names(*cells: object) -> list[tuple[str, list[int]]]:
    return [(stage.name, [cell.index for cell in stage.code_cells]) for stage in split(parsed(*cells))]  # type: ignore[arg-type]


def test_three_ways_of_tagging_are_equal() -> None:
    by_magic = ("%%stage load\nx = 1", {})
    by_metadata = ("x = 1", {"nb2prod": {"stage": "load"}})
    by_tag = ("x = 1", {"tags": ["stage:load"]})

    assert [names(by_magic), names(by_metadata), names(by_tag)] == [[("load", [0])]] * 3


def test_untagged_cells_are_setup_above_the_first_stage_and_belong_to_the_stage_above_below_it() -> None:
    assert names("import os", "n = 1", "%%stage load\na = 1", "b = 2", "%%stage train\nc = 3") == [
        ("setup", [0, 1]),
        ("load", [2, 3]),
        ("train", [4]),
    ]


def test_kale_tags_are_aliases() -> None:
    found = split(
        parsed(
            ("import os", {"tags": ["imports"]}),
            ("def f(): pass", {"tags": ["functions"]}),
            ("n = 1", {"tags": ["pipeline-parameters"]}),
            ("a = 1", {"tags": ["step:load"]}),
            ("b = 1", {"tags": []}),
            ("c = 1", {"tags": ["step:train", "prev:load"]}),
            ("print(c)", {"tags": ["skip"]}),
            ("acc = 1", {"tags": ["pipeline-metrics"]}),
        )
    )

    assert [(stage.name, stage.role) for stage in found] == [
        ("setup", "setup"),
        ("load", "stage"),
        ("train", "stage"),
        ("metrics", "evaluate"),
    ]
    assert [cell.index for cell in found[0].everywhere] == [0, 1]
    assert found[2].after == ("load",)


def test_options_are_read_with_their_types() -> None:
    tag = declaration("%%stage train --retries 2 --timeout=1.5 --no-cache --after load,clean --model clf")

    assert tag is not None
    assert tag.options == {"retries": 2, "timeout": 1.5, "cache": False, "model": "clf"}
    assert tag.after == ("load", "clean")


@pytest.mark.parametrize(
    "head",
    [
        "--gpu 1",
        "--retries many",
        "--retries -3",
        "--timeout nan",
        "--timeout -1",
        "--timeout inf",
        "--timeout 0",
        "stray",
        '"open',
    ],
)
def test_what_is_wrong_in_a_line_is_kept_as_a_fact(head: str) -> None:
    tag = declaration(f"%%stage train {head}")

    assert tag is not None
    assert len(tag.faults) == 1


def test_the_stage_line_goes_and_the_lines_below_keep_their_numbers() -> None:
    cell = Cell(index=0, id="a", kind="code", source="%%stage load\nx = 1")

    assert code(cell) == "\nx = 1"
    assert untagged(cell.source) == "x = 1"


def test_ways_that_disagree_are_kept_as_a_fact() -> None:
    cell = Cell(index=0, id="a", kind="code", source="%%stage a\nx = 1", metadata={"stage": "b"})
    tag = tag_of(cell)

    assert tag is not None
    assert (tag.name, tag.others) == ("a", ("b",))


def test_setup_cells_may_come_back() -> None:
    assert [
        name
        for name, _ in names(
            ("import os", {"tags": ["imports"]}),
            ("a = 1", {"tags": ["step:load"]}),
            ("def f(): pass", {"tags": ["functions"]}),
            ("b = f()", {"tags": ["step:train"]}),
        )
    ] == ["setup", "load", "setup_2", "train"]


def test_the_form_of_the_options_says_what_each_takes() -> None:
    fields = form()["properties"]

    assert fields["retries"] == {"type": "integer", "minimum": 0, "description": OPTIONS["retries"][1]}
    assert fields["cache"]["type"] == "boolean"
    assert "role" not in fields


def test_kale_s_older_and_newer_ways_of_naming_are_read() -> None:
    found = split(
        parsed(
            ("import os", {"tags": ["block:imports"]}),
            ("a = 1", {"tags": ["step:load-data"]}),
            ("b = 1", {"tags": ["block:_clean"]}),
            ("c = 1", {"tags": ["block:train", "prev:load-data:_clean"]}),
            ("d = 1", {"tags": ["block:", "prev:train"]}),
        )
    )

    assert [(stage.name, stage.role, stage.after) for stage in found] == [
        ("setup", "setup", ()),
        ("load_data", "stage", ()),
        ("clean", "stage", ()),
        ("train", "stage", ("load_data", "clean")),
    ]
