from __future__ import annotations

from pathlib import Path

import forks
import pytest

CELLS = ["x = 1", "%%stage a\nimport os\ndef city(): return os.environ.get('CITY')", "%%stage b\nprint(city())"]


def test_a_stage_runs_again_when_an_environment_variable_has_another_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states, said = [], []
    for value in ("Bern", "Bern", "Basel"):
        monkeypatch.setenv("CITY", value)
        run = forks.run(CELLS, tmp_path)
        states.append([*run.states.values()])
        said.append(run.texts[2])

    assert said == ["Bern\n", "Bern\n", "Basel\n"]
    assert states == [["done", "done", "done"], ["reused", "reused", "reused"], ["reused", "done", "done"]]


def test_a_comment_runs_only_those_again_that_look_at_the_text(tmp_path: Path) -> None:
    defines = "import inspect\ndef f():\n    # {}\n    return 1"
    cells = ["%%stage b\nprint(f())", "%%stage c\nprint('new' in inspect.getsource(f))"]
    forks.run([defines.format("old"), *cells], tmp_path)
    again = forks.run([defines.format("new"), *cells], tmp_path)

    assert [*again.states.values()] == ["reused", "reused", "done"]
    assert again.texts[2] == "True\n"
