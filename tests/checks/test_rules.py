from __future__ import annotations

from typing import Any

import pytest
from books import parsed

from nb2prod.checks import RULES, check
from nb2prod.pipeline import build

FAULTS: dict[str, tuple[Any, ...]] = {
    "NB102": ("%%stage a\nx = (",),
    "NB103": ("%%stage a\nprint(nowhere)",),
    "NB104": ("%%stage Train\nx = 1",),
    "NB105": ("%%stage a\nx = 1", "%%stage b\ny = 1", "%%stage a\nz = 1"),
    "NB106": ("%%stage a --after b\nx = 1", "%%stage b\ny = 1"),
    "NB107": ("%%stage a\n",),
    "NB108": ("%%stage a\ng = (i for i in range(3))\nnext(g)", "%%stage b\nprint(list(g))"),
    "NB109": (("%%stage a\nx = 1", {"nb2prod": {"stage": "b"}}),),
    "NB110": ("%%stage a --gpu 1\nx = 1",),
    "NB111": ("%%stage a\n%cd /", "%%stage b\nprint(_dh)"),
    "NB112": ("%%stage a\nname = input('who?')",),
    "NB113": ("import os", "%%stage a\n%load_ext nb2prod"),
    "NB114": ("%%stage a\nimport collections as c\nc.OrderedDict.hello = 1",),
    "NB117": ("%%stage a\n[1, 2]", "%%stage b\n_.append(3)"),
    "NB118": ("%%stage a\nimport sys\nsys.meta_path.append(None)", "%%stage b\nx = 1"),
    "NB119": ("%%stage a\nx = 1", ("y = x", {"tags": ["setup"]}), "%%stage b\nx = 2", "%%stage c\nprint(y, x)"),
}
LOADED = "%load_ext nb2prod"


@pytest.mark.parametrize("code", FAULTS)
def test_each_fault_has_one_finding_with_its_cell_and_cure(code: str) -> None:
    above = () if code == "NB113" else (LOADED,)
    found = check(build(parsed(*above, *FAULTS[code])))

    assert [code] == [finding.code for finding in found]
    assert found[0].place.cell is not None
    assert found[0].cure


@pytest.mark.parametrize(
    "source",
    [
        "import collections\ncollections.UserDict.hello = 1", "try:\n    int.hello = 1\nexcept TypeError: pass",
        "class int: pass\nint.hello = 1", "import nowhere\nnowhere.Thing.hello = 1", "x.y = 1",
    ],
)  # fmt: skip
def test_attributes_that_may_be_set_have_no_finding(source: str) -> None:
    assert "NB114" not in [finding.code for finding in check(build(parsed(LOADED, f"%%stage a\n{source}")))]


@pytest.mark.parametrize("source", ["x = x + [1]", "x.append(1)"])
def test_a_setup_cell_that_changes_what_it_reads_has_a_finding(source: str) -> None:
    setup = (source, {"tags": ["setup"]})
    found = check(build(parsed(LOADED, "%%stage a\nx = []", setup, "%%stage b\nprint(x)")))

    assert [(finding.code, finding.place.cell) for finding in found] == [("NB119", 2)]


def test_a_notebook_without_code_has_a_finding() -> None:
    assert [finding.code for finding in check(build(parsed()))] == ["NB101"]


def test_each_rule_begins_its_docstring_with_its_code() -> None:
    codes = [str(rule.__doc__).split(":")[0] for rule in RULES]

    assert sorted({"NB101", *FAULTS}) == sorted(codes)


@pytest.mark.parametrize(
    "cells",
    [
        ("%%stage a\ndef f(): return later", "%%stage b\nlater = 1", "%%stage c\nprint(f())"),
        ("%%stage a\nfrom math import *", "%%stage b\nprint(sqrt(4))"),
        ("%%stage a\nexec(open('x.py').read())", "%%stage b\nprint(made)"),
        ("%%stage a\n%matplotlib inline\nfiles = !ls\nprint(files)",),
        ("%%stage a\nfor _ in range(3): pass", "%%stage b\nprint(_)"),
        ("%%stage a\nprint([x for x in range(3)], __name__)",),
        ("%%stage a\nclass A:\n    k = 1\n    def f(self): return A.k",),
        ("%%stage a\nbar = display(0, display_id='a')\nbar.update(1)", "%%stage b\nbar = {}\nbar.update(a=1)"),
        ("%%stage a\ndisplay(0, display_id='a')", "%%stage b\ndisplay(0, display_id='b')"),
        (("con = open('x')", {"tags": ["setup"]}), "%%stage b\nprint(con)"),
        ("%%stage a\nx = 1", ("y = x", {"tags": ["setup"]}), "%%stage b\nprint(y, x)", "%%stage c\nprint(y)"),
        ("%%stage a\nx = 1", ("y = x", {"tags": ["setup"]}), "%%stage b\nx = 2", "%%stage c\nprint(x)"),
    ],
)
def test_what_is_right_has_no_finding(cells: tuple[Any, ...]) -> None:
    assert check(build(parsed(LOADED, *cells))) == ()


@pytest.mark.parametrize(
    "cells",
    [
        ("import os\nget_ipython().run_line_magic('load_ext', 'nb2prod')", "%%stage a\nx = 1"),
        (("x = 1", {"tags": ["stage:a"]}), "y = 1"),
    ],
)
def test_a_notebook_that_plain_papermill_can_run_has_no_finding(cells: tuple[Any, ...]) -> None:
    assert check(build(parsed(*cells))) == ()


def test_a_comment_loads_nothing() -> None:
    (found,) = check(build(parsed(f"# {LOADED}", "%%stage a\nx = 1")))

    assert (found.code, found.severity, found.place.cell) == ("NB113", "warning", 1)


def test_a_name_that_a_cell_below_sets_gets_that_cure() -> None:
    (found,) = check(build(parsed(LOADED, "%%stage a\nprint(x)", "%%stage b\nx = 1")))

    assert "below" in found.cure


def test_a_name_that_a_loop_binds_may_be_read_below_the_loop() -> None:
    cells = ("%%stage a\nfor n in range(3):\n    last = n\nprint(last)", "%%javascript\n$date.val($('x'))")

    assert [finding.code for finding in check(build(parsed(LOADED, *cells)))] == []


@pytest.mark.parametrize(("name", "better"), [("größe", "grosse"), ("2nd", "stage_2nd"), ("加载", "stage")])
def test_a_better_name_for_a_stage_is_near_the_given_one(name: str, better: str) -> None:
    (found,) = check(build(parsed(LOADED, f"%%stage {name}\nx = 1")))

    assert found.fixes[0].title == f"Call the stage '{better}'"
