from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from books import copied, document, texts, written

from nb2prod import api, journal, settings
from nb2prod.api import Options
from nb2prod.errors.base import ChecksFailed, NotebookUnreadable, RunUnknown, StageUnknown
from nb2prod.errors.runs import ParameterUnknown
from nb2prod.report import Report


def actions(report: Report) -> dict[str, str]:
    return {outcome.stage: outcome.state for outcome in report.outcomes}


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def kept(home: Path) -> set[Path]:
    """Return what a run must leave as it was when it fails before it runs anything."""
    return {path for part in ("store", "releases") for path in (home / part).rglob("*")}


def in_cell(**fields: Any) -> str:
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": "x = 1", "outputs": [], "execution_count": None}
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{**cell, **fields}]})


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", '{"nbformat": 4}', '{"nbformat": 4, "cells": [{}]}', "not json",
        '{"nbformat": 3}', '{"nbformat": 3, "worksheets": [5], "metadata": {}}',
        '{"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": [{"cell_type": "code"}]}]}',
        in_cell(metadata={"tags": [5]}), in_cell(metadata={"tags": "a"}), in_cell(metadata={"tags": None}),
        in_cell(id=5), in_cell(source=5), in_cell(source=[5]),
    ],
)  # fmt: skip
def test_a_file_that_is_no_notebook_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.ipynb"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(NotebookUnreadable, match="NB100"):
        api.read(path)


@pytest.mark.parametrize(("name", "code", "cell"), [("syntax_error", "NB102", 2), ("missing_name", "NB103", 2)])
def test_a_notebook_with_errors_runs_nothing(tmp_path: Path, name: str, code: str, cell: int) -> None:
    path = copied(name, tmp_path)
    report = api.run(path)

    assert isinstance(report.error, ChecksFailed)
    assert (code, cell, True) == (report.error.code, report.error.place.cell, bool(report.error.cure))
    assert set() == kept(settings.home_of(path))


def test_a_refused_run_has_a_journal_with_an_end(tmp_path: Path) -> None:
    path = copied("missing_name", tmp_path)
    report = api.run(path)
    events = journal.read(settings.home_of(path), report.run)

    assert [event["event"] for event in events] == ["start", "finding", "error", "end"]
    assert [event["seq"] for event in events] == [1, 2, 3, 4]


def test_parameters_must_be_declared(tmp_path: Path) -> None:
    report = api.run(copied("tiny", tmp_path), Options(parameters={"nothing": 1}))

    assert isinstance(report.error, ParameterUnknown)


def test_a_stage_must_be_there_to_be_forced(tmp_path: Path) -> None:
    with pytest.raises(StageUnknown, match="nowhere"):
        api.plan(copied("tiny", tmp_path), Options(force=frozenset({"nowhere"})))


def test_an_old_notebook_is_brought_up_to_date(tmp_path: Path) -> None:
    cell = {
        "cell_type": "code",
        "input": "x = 1",
        "language": "python",
        "outputs": [],
        "metadata": {},
        "collapsed": False,
    }
    old = {
        "nbformat": 3,
        "nbformat_minor": 0,
        "metadata": {"name": ""},
        "worksheets": [{"cells": [cell], "metadata": {}}],
    }
    path = tmp_path / "old.ipynb"
    path.write_text(json.dumps(old), encoding="utf-8")

    assert [cell.source for cell in api.read(path).cells] == ["x = 1"]


@pytest.mark.kernel
def test_what_is_half_a_character_is_run_and_drawn_all_the_same(tmp_path: Path) -> None:
    raw = document("print(1)")
    raw["cells"].insert(0, {"cell_type": "markdown", "id": "m", "metadata": {}, "source": "\ud800"})
    raw["metadata"]["kernelspec"] = {"name": "python3"}
    path = tmp_path / "x.ipynb"
    path.write_text(json.dumps(raw), encoding="utf-8")
    report = api.run(path)

    assert report.ok
    assert report.output is not None
    assert texts(report.output) == ["1\n"]
    assert "<html" in api.report_page(tmp_path / ".nb2prod", report.run).read_text(encoding="utf-8")


@pytest.mark.kernel
def test_the_page_of_a_run_is_drawn_when_it_is_asked_for(tmp_path: Path) -> None:
    path = copied("failing_cell", tmp_path)
    report, home = api.run(path), settings.home_of(path)
    before = list(home.rglob("report.html"))
    page = api.report_page(home, report.run)

    assert before == []
    assert "NB201" in page.read_text(encoding="utf-8")
    assert api.report_page(home, report.run) == page


def test_a_notebook_that_was_refused_has_a_page_that_says_why(tmp_path: Path) -> None:
    path = copied("syntax_error", tmp_path)
    report = api.run(path)

    assert "NB102" in api.report_page(settings.home_of(path), report.run).read_text(encoding="utf-8")


def test_a_run_that_is_not_there_has_no_page(tmp_path: Path) -> None:
    for name in ("20260101-000000-abcdef", "../../etc"):
        with pytest.raises(RunUnknown, match="NB303"):
            api.report_page(tmp_path / ".nb2prod", name)


@pytest.mark.kernel
class TestRun:
    """One notebook through its life; each step builds on the one above."""

    def test_everything_runs_at_first_and_nothing_the_second_time(self, tmp_path: Path) -> None:
        path = copied("tiny", tmp_path)
        source = path.read_bytes()
        first, second = api.run(path), api.run(path)

        assert {"done"} == set(actions(first).values())
        assert {"reused"} == set(actions(second).values())
        assert first.output is not None
        assert second.output is not None
        assert texts(first.output) == texts(second.output)
        assert source == path.read_bytes()

    def test_a_comment_runs_nothing_and_code_runs_what_follows(self, tmp_path: Path) -> None:
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

    def test_a_stage_that_reran_to_the_same_does_not_rerun_its_readers(self, tmp_path: Path) -> None:
        path = written(tmp_path, "%%stage a\nx = 1 + 1", "%%stage b\nprint(x)")
        api.run(path)
        edit(path, "1 + 1", "2")

        assert actions(api.run(path)) == {"a": "done", "b": "reused"}

    def test_the_plan_says_what_would_run_and_why(self, tmp_path: Path) -> None:
        path = written(tmp_path, "%%stage a\nx = 1", "%%stage b\nprint(x)", "%%stage c\nprint(2)")
        api.run(path)
        edit(path, "x = 1", "x = 3")

        assert [(s.stage, s.action) for s in api.plan(path)] == [("a", "run"), ("b", "run"), ("c", "reuse")]
        assert api.plan(path)[1].why == "it reads `x` from stage 'a', which runs"

    def test_force_until_and_parameters(self, tmp_path: Path) -> None:
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

    def test_a_changed_data_file_and_a_changed_module_run_their_readers(self, tmp_path: Path) -> None:
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

    def test_files_are_seen_however_they_are_named(self, tmp_path: Path) -> None:
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

    def test_a_module_behind_a_value_is_seen(self, tmp_path: Path) -> None:
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

    def test_a_forced_stage_leaves_what_it_made_now(self, tmp_path: Path) -> None:
        path = written(tmp_path, "%%stage a\nimport os, time\nx = time.time_ns()", "%%stage b\nprint(x)")
        first = api.run(path)
        forced = api.run(path, Options(force=frozenset({"a"})))
        again = api.run(path)

        assert first.output is not None
        assert forced.output is not None
        assert again.output is not None
        assert texts(first.output)[-1] != texts(forced.output)[-1] == texts(again.output)[-1]

    def test_a_parameter_reruns_only_what_reads_it(self, tmp_path: Path) -> None:
        path = written(
            tmp_path,
            "import sklearn.pipeline",
            ("n = 1", {"tags": ["parameters"]}),
            "%%stage a\nx = 1",
            "%%stage b\nprint(n)",
        )
        api.run(path)

        assert actions(api.run(path, Options(parameters={"n": 2}))) == {"setup": "done", "a": "reused", "b": "done"}

    def test_a_cell_that_may_fail_does_not_stop_the_stage(self, tmp_path: Path) -> None:
        path = written(tmp_path, ("%%stage a\n1 / 0", {"tags": ["raises-exception"]}), "%%stage b\nprint(1)")

        assert api.run(path).ok

    def test_a_failing_cell_keeps_what_was_done_and_says_where(self, tmp_path: Path) -> None:
        path = copied("failing_cell", tmp_path)
        report = api.run(path)

        assert report.error is not None
        assert (report.error.code, report.error.place.stage, report.error.place.cell) == ("NB201", "divide", 2)
        assert list(actions(report).values()) == ["done", "done", "failed", "skipped"]
        assert list(actions(api.run(path)).values()) == ["reused", "reused", "failed", "skipped"]

    def test_a_killed_kernel_is_said_to_be_killed(self, tmp_path: Path) -> None:
        report = api.run(copied("kernel_killed", tmp_path))

        assert report.error is not None
        assert (report.error.code, report.error.place.cell) == ("NB202", 2)
        assert "signal 9" in report.error.message

    def test_a_value_that_cannot_be_kept_is_named_with_its_reader(self, tmp_path: Path) -> None:
        report = api.run(copied("unpicklable_model", tmp_path))

        assert report.error is not None
        assert report.error.code == "NB205"
        assert "'model'" in report.error.message
        assert "'evaluate'" in report.error.message

    def test_a_cell_may_not_run_longer_than_its_stage_allows(self, tmp_path: Path) -> None:
        report = api.run(written(tmp_path, "%%stage a --timeout 1\nwhile True: pass"))

        assert report.error is not None
        assert report.error.code == "NB204"

    def test_a_stage_is_tried_again_as_often_as_it_says(self, tmp_path: Path) -> None:
        cell = (
            "%%stage a --retries 2\nwith open('n.txt', 'a') as f: f.write('x')\nassert len(open('n.txt').read()) == 3"
        )

        assert api.run(written(tmp_path, cell)).ok

    def test_a_missing_kernel_is_named(self, tmp_path: Path) -> None:
        raw = document("%%stage a\nx = 1")
        raw["metadata"]["kernelspec"]["name"] = "nowhere"
        path = tmp_path / "x.ipynb"
        path.write_text(json.dumps(raw), encoding="utf-8")
        report = api.run(path)

        assert report.error is not None
        assert report.error.code == "NB203"

    def test_a_damaged_store_is_made_anew(self, tmp_path: Path) -> None:
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


STRAIGHT: dict[str, tuple[Any, ...]] = {
    "functions see globals as they are when called": (
        "%%stage a\nk = 1\ndef f(): return k",
        "%%stage b\nk = 2",
        "%%stage c\nprint(f())",
    ),
    "shared objects stay shared": ("%%stage a\na = b = []", "%%stage b\na.append(1)", "%%stage c\nprint(b, a is b)"),
    "seeds travel": (
        "%%stage a\nimport random\nrandom.seed(1)",
        "%%stage b\nx = random.random()",
        "%%stage c\nprint(x, random.random())",
    ),
    "classes stay one class": (
        "%%stage a\nclass A:\n    def __init__(self, v): self.v = v\n    def __eq__(self, o): return self.v == o.v",
        "%%stage b\na = A(1)",
        "%%stage c\nprint(isinstance(a, A), a == A(1))",
    ),
    "directories and variables travel": (
        "%%stage a\nimport os, tempfile\nd = tempfile.mkdtemp()\nos.chdir(d)\nos.environ['K'] = 'v'",
        "%%stage b\nprint(os.getcwd() == os.path.realpath(d), os.environ['K'])",
    ),
    "what a process is set to travels": (
        "%%stage a\nimport gc, os, socket, time\nos.environ['TZ'] = 'Asia/Tokyo'\ntime.tzset()\nos.umask(0o77)\n"
        "gc.disable()\nsocket.setdefaulttimeout(3)",
        "%%stage b\nprint(time.tzname, os.umask(0o22), gc.isenabled(), socket.getdefaulttimeout())",
    ),
    "deleted names are gone": ("%%stage a\nx = 1", "%%stage b\ndel x", "%%stage c\nprint('x' in globals())"),
    "cached functions and registered ones work": (
        "%%stage a\nfrom functools import lru_cache, singledispatch\n@lru_cache\ndef f(n): return n + 1\n"
        "@singledispatch\ndef g(x): return 'any'\n@g.register\ndef _(x: int): return 'int'",
        "%%stage b\nprint(f(1), g('a'), g(1))",
    ),
    "magics, shell and await": (
        "%%stage a\n%time x = 1 + 1\nwords = !echo hello",
        "%%stage b\nimport asyncio\nawait asyncio.sleep(0)\nprint(words[0], x)",
    ),
    "setup runs in each stage": (
        ("import sqlite3\ncon = sqlite3.connect(':memory:')", {"tags": ["setup"]}),
        "%%stage a\nprint(con.execute('select 1').fetchone())",
        "%%stage b\nprint(con.execute('select 2').fetchone())",
    ),
    "what a branch imported is what is there": (
        "%%stage a\nflag = False\nif flag:\n    from math import floor as r\nelse:\n    from math import ceil as r\n"
        "try:\n    import not_there as xp\nexcept ImportError:\n    print('none')\n    import json as xp",
        "%%stage b\nprint(r(1.5), xp.dumps([1]))",
    ),
    "the last of equal imports counts": (
        "%%stage a\nfrom math import floor as r",
        "%%stage b\nfrom math import ceil as r",
        "%%stage c\nfrom math import floor as r",
        "%%stage d\nprint(r(1.5))",
    ),
    "names of IPython may be taken": ("%%stage a\ndef display(x): print('mine', x)", "%%stage b\ndisplay(1)"),
    "logging goes on as it was set up": (
        "%%stage a\nimport logging, sys\nlogging.basicConfig(level=20, stream=sys.stdout, format='%(message)s')",
        "%%stage b\nlogging.getLogger('x').info('said')",
    ),
    "definitions that register themselves do so once": (
        "%%stage a\nseen = []\ndef register(f):\n    seen.append(f.__name__)\n    return f\n@register\ndef f(): pass",
        "%%stage b\nprint(seen)",
        "%%stage c\nprint(seen)",
    ),
    "a setting that is shared by its class is shared": (
        "%%stage a\nclass C:\n    items = []\nalias = C.items",
        "%%stage b\nalias.append(1)",
        "%%stage c\nprint(C.items)",
    ),
    "the last value of a cell is shown": ("%%stage a\nx = 41", "x + 1", "%%stage b\nx * 2"),
}


@pytest.mark.kernel
@pytest.mark.parametrize("what", STRAIGHT)
def test_staged_equals_straight(tmp_path: Path, what: str) -> None:
    import nbformat
    from nbclient import NotebookClient

    from nb2prod.stage import untagged

    path = written(tmp_path, *STRAIGHT[what])
    report = api.run(path)
    straight = nbformat.read(path, as_version=4)
    for cell in straight.cells:
        cell.source = untagged(cell.source)
    NotebookClient(straight, resources={"metadata": {"path": str(tmp_path)}}).execute()
    expected = tmp_path / "straight.ipynb"
    nbformat.write(straight, expected)

    assert report.ok, report.error
    assert report.output is not None
    assert [_timeless(text) for text in texts(expected)] == [_timeless(text) for text in texts(report.output)]


def _timeless(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if "time" not in line and "µs" not in line)
