from __future__ import annotations

from typing import Any

from nb2prod.runners.displays import UPDATE, Displays, identified


def shown(text: str, display: str) -> dict[str, Any]:
    return identified({"output_type": "display_data", "data": {"text/plain": text}, "metadata": {}}, display)


def changed(text: str, display: str) -> dict[str, Any]:
    return shown(text, display) | {"output_type": UPDATE}


def texts(cell: list[dict[str, Any]]) -> list[str]:
    return [output["data"]["text/plain"] for output in cell]


def test_an_update_changes_what_a_cell_above_shows_and_is_no_output() -> None:
    displays = Displays()
    above = displays.settle([shown("0 %", "bar"), shown("other", "else")])
    below = displays.settle([changed("100 %", "bar"), changed("lost", "unknown")])

    assert (texts(above), below) == (["100 %", "other"], [])


def test_showing_an_id_again_changes_the_displays_above() -> None:
    displays = Displays()
    above = displays.settle([shown("old", "bar")])
    below = displays.settle([shown("new", "bar")])

    assert (texts(above), texts(below)) == (["new"], ["new"])


def test_ids_stay_out_of_the_notebook() -> None:
    assert "transient" not in Displays().settle([shown("x", "bar")])[0]
