from __future__ import annotations

from typing import Any

from books import document

from nb2prod.edits import Edit, apply


def raw() -> dict[str, Any]:
    made = document("x = 1", ("y = 2\nz = 3", {"tags": ["a"], "nb2prod": {"stage": "old"}}), "print(z)")
    made["cells"][1]["source"] = ["y = 2\n", "z = 3"]
    made["cells"][1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "seen"}]
    return made


def test_only_what_is_named_changes() -> None:
    before = raw()
    after = apply(before, [Edit(cell=1, cell_id="c1", source="%%stage new\ny = 2\n", metadata={}, tags=())])
    changed = after["cells"][1]

    assert (changed["source"], changed["metadata"]) == (["%%stage new\n", "y = 2\n"], {})
    assert changed["outputs"] == before["cells"][1]["outputs"]
    assert [after["cells"][n] == before["cells"][n] for n in (0, 2)] == [True, True]
    assert before == raw()


def test_a_cell_is_put_above_another_that_changes_too() -> None:
    edits = [
        Edit(cell=0, cell_id="c0", above="%load_ext nb2prod"),
        Edit(cell=0, cell_id="c0", source="%%stage a\nx = 1"),
    ]
    after = apply(raw(), edits)

    assert [cell["source"] for cell in after["cells"][:2]] == ["%load_ext nb2prod", "%%stage a\nx = 1"]
    assert len({cell["id"] for cell in after["cells"]}) == 4


def test_cells_of_older_notebooks_get_no_id() -> None:
    before = raw() | {"nbformat_minor": 4}

    assert "id" not in apply(before, [Edit(cell=0, cell_id="c0", above="import a")])["cells"][0]
