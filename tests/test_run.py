"""A run does again what has changed, what reads that, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from books import copied, texts, written

from nb2prod import api, settings
from nb2prod.api import Options
from nb2prod.report import Report

pytestmark = pytest.mark.kernel


def actions(report: Report) -> dict[str, str]:
    return {outcome.stage: outcome.state for outcome in report.outcomes}


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_everything_runs_at_first_and_nothing_the_second_time(tmp_path: Path) -> None:
    path = copied("tiny", tmp_path)
    source = path.read_bytes()
    first, second = api.run(path), api.run(path)

    assert {"done"} == set(actions(first).values())
    assert {"reused"} == set(actions(second).values())
    assert first.output is not None
    assert second.output is not None
    assert texts(first.output) == texts(second.output)
    assert source == path.read_bytes()


def test_a_comment_runs_nothing_and_code_runs_what_follows(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "%%stage load\nxs = [1, 2, 3]",
        "%%stage count\nn = len(xs)",
        "%%stage total\nt = sum(xs)",
        "%%stage show\nprint(n, t)",
    )
    api.run(path)
    edit(path, "n = len(xs)", "# how many\\nn  =  len(xs)")

    assert {"reused"} == set(actions(api.run(path)).values())

    edit(path, "n  =  len(xs)", "n = len(xs) + 1")
    report = api.run(path)

    assert actions(report) == {"load": "reused", "count": "done", "total": "reused", "show": "done"}
    assert report.outcomes[1].why == "its code changed"
    assert report.outcomes[3].why == "`n` changed"


def test_a_stage_that_reran_to_the_same_does_not_rerun_its_readers(tmp_path: Path) -> None:
    path = written(tmp_path, "%%stage a\nx = 1 + 1", "%%stage b\nprint(x)")
    api.run(path)
    edit(path, "1 + 1", "2")

    assert actions(api.run(path)) == {"a": "done", "b": "reused"}


def test_the_plan_says_what_would_run_and_why(tmp_path: Path) -> None:
    path = written(tmp_path, "%%stage a\nx = 1", "%%stage b\nprint(x)", "%%stage c\nprint(2)")
    api.run(path)
    edit(path, "x = 1", "x = 3")

    assert [(s.stage, s.action) for s in api.plan(path)] == [("a", "run"), ("b", "run"), ("c", "reuse")]
    assert api.plan(path)[1].why == "it reads `x` from stage 'a', which runs"


def test_force_until_and_parameters(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        ("n = 1", {"tags": ["parameters"]}),
        "%%stage a\nx = n * 2",
        "%%stage b\nprint('b')",
        "%%stage c\nprint(x)",
    )
    api.run(path)
    report = api.run(path, Options(parameters={"n": 5}, until="b", force=frozenset({"b"})))

    assert actions(report) == {"setup": "done", "a": "done", "b": "done", "c": "skipped"}
    whole = api.run(path, Options(parameters={"n": 5}))
    assert whole.output is not None
    assert texts(whole.output)[-1] == "10\n"


def test_a_changed_data_file_and_a_changed_module_run_their_readers(tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_text("1", encoding="utf-8")
    (tmp_path / "helper.py").write_text("def f(x): return x", encoding="utf-8")
    path = written(
        tmp_path,
        "from helper import f",
        "%%stage a\nx = int(open('data.txt').read())",
        "%%stage b\nprint(f(2))",
        "%%stage c\nprint(x)",
    )
    api.run(path)
    (tmp_path / "data.txt").write_text("7", encoding="utf-8")

    assert actions(api.run(path)) == {"setup": "reused", "a": "done", "b": "reused", "c": "done"}

    (tmp_path / "helper.py").write_text("def f(x): return x + 1", encoding="utf-8")
    report = api.run(path)

    assert actions(report) == {"setup": "done", "a": "reused", "b": "done", "c": "reused"}
    assert report.output is not None
    assert texts(report.output)[-2:] == ["3\n", "7\n"]


def test_files_are_seen_however_they_are_named(tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_text("1", encoding="utf-8")
    path = written(
        tmp_path,
        "%%stage a\nfrom pathlib import Path\nx = (Path.cwd() / ('v' + '.txt')).read_text()",
        "%%stage b\nname = 'out' + '.csv'\nwith open(name, 'w') as f: f.write(x)",
        "%%stage c\nprint(open('out.csv').read())",
    )
    api.run(path)

    assert set(actions(api.run(path)).values()) == {"reused"}

    (tmp_path / "out.csv").unlink()
    assert actions(api.run(path)) == {"a": "reused", "b": "done", "c": "reused"}

    (tmp_path / "v.txt").write_text("2", encoding="utf-8")
    report = api.run(path)

    assert actions(report) == {"a": "done", "b": "done", "c": "done"}
    assert report.output is not None
    assert texts(report.output)[-1] == "2\n"


def test_a_module_behind_a_value_is_seen(tmp_path: Path) -> None:
    (tmp_path / "helpers.py").write_text("class Model:\n    def predict(self): return 1", encoding="utf-8")
    path = written(
        tmp_path, "%%stage make\nimport helpers\nmodel = helpers.Model()", "%%stage use\nprint(model.predict())"
    )
    api.run(path)
    # Of another size: Python itself takes a file of the same size and second for the one it has compiled.
    (tmp_path / "helpers.py").write_text("class Model:\n    def predict(self): return 22", encoding="utf-8")
    report = api.run(path)

    assert report.output is not None
    assert texts(report.output)[-1] == "22\n"


def test_a_forced_stage_leaves_what_it_made_now(tmp_path: Path) -> None:
    path = written(tmp_path, "%%stage a\nimport os, time\nx = time.time_ns()", "%%stage b\nprint(x)")
    first = api.run(path)
    forced = api.run(path, Options(force=frozenset({"a"})))
    again = api.run(path)

    assert first.output is not None
    assert forced.output is not None
    assert again.output is not None
    assert texts(first.output)[-1] != texts(forced.output)[-1] == texts(again.output)[-1]


def test_a_parameter_reruns_only_what_reads_it(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "import sklearn.pipeline",
        ("n = 1", {"tags": ["parameters"]}),
        "%%stage a\nx = 1",
        "%%stage b\nprint(n)",
    )
    api.run(path)

    assert actions(api.run(path, Options(parameters={"n": 2}))) == {"setup": "done", "a": "reused", "b": "done"}


def test_a_damaged_store_is_made_anew(tmp_path: Path) -> None:
    path = written(tmp_path, "%%stage a\nx = [1]", "%%stage b\nprint(x)")
    api.run(path)
    for file in (settings.home_of(path) / "store").rglob("*"):
        if file.is_file():
            damaged = file.read_bytes()[:-1]
            file.unlink()
            file.write_bytes(damaged)
    report = api.run(path)

    assert actions(report) == {"a": "done", "b": "done"}
    assert report.output is not None
    assert texts(report.output)[-1] == "[1]\n"
