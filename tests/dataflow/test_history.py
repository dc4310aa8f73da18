"""History: what IPython remembers of cells above crosses from stage to stage like a name."""

from __future__ import annotations

import pytest
from books import parsed

from nb2prod.dataflow.stage_flow import StageFlow
from nb2prod.pipeline import build


def flows(*cells: str) -> tuple[StageFlow, ...]:
    return build(parsed(*(f"%%stage s{number}\n{cell}" for number, cell in enumerate(cells)))).flows


@pytest.mark.parametrize("code", ["print(_1)", "Out[1]", "_oh[1] + 1", "f = lambda: _1", "def f():\n    return Out[1]"])
def test_a_numbered_result_is_left_by_the_cell_with_that_number(code: str) -> None:
    first, _, last = flows("40 + 2", "x = 1", code)

    assert set(first.leaves) >= {"_1"}
    assert set(last.results) == {"_1"}


def test_the_last_result_is_handed_through_stages_that_may_show_another() -> None:
    first, second, last = flows("1 + 1", "x\n2 + 2", "print(__)")

    assert set(first.leaves) >= {"_", "__", "___"}
    assert set(second.reads) >= {"_", "__", "___"}
    assert set(last.results) == {"_", "__", "___"}


def test_all_results_are_needed_where_the_whole_of_out_is_read() -> None:
    assert set(flows("1", "x = 2", "3", "print(len(Out))")[3].results) == {"_1", "_3"}


def test_inputs_are_the_sources_of_the_cells_above() -> None:
    assert flows("x = 1", "print(In[1], _i)")[1].above == ("x = 1",)


def test_a_name_that_the_notebook_has_set_is_no_history() -> None:
    assert flows("_ = str.upper\n1", "print(_('a'))")[1].results == frozenset()


def test_nobody_keeps_what_nobody_reads() -> None:
    assert set(flows("1 + 1", "x = 1")[0].leaves) == set()
