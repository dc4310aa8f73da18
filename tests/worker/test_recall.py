"""Recall: the history that a stage is given goes on as if it had been made there."""

from __future__ import annotations

from IPython.core.interactiveshell import InteractiveShell

from nb2prod.worker import recall


def test_a_result_that_is_shown_moves_the_given_ones_on() -> None:
    shell = InteractiveShell()
    shell.user_ns.update({"_": 2, "__": 1, "___": "", "_1": 2})
    recall.results(shell, ["_", "__", "___", "_1"])
    shell.execution_count = 2
    shell.run_cell("_ + 5", store_history=True)

    assert tuple(shell.user_ns[name] for name in ("_", "__", "___")) == (7, 2, 1)
    assert shell.user_ns["Out"] == {1: 2, 2: 7}
