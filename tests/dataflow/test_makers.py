"""Makers: what cannot be stored is made again where that gives the same, and refused where it does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from books import parsed, texts, written

from nb2prod import api
from nb2prod.checks import check
from nb2prod.pipeline import build

AGAIN = {
    "a generator": ("xs = [1]\ng = (x for x in xs)", "list(g)"),
    "what it is made of changes": ("xs = [1]\ng = (x for x in xs)", "xs.append(2)", "list(g)"),
    "a function that yields": ("def f(n):\n    yield n\ng = f(3)", "next(g)"),
    "a coroutine": ("async def f(n): return n\ng = f(3)", "await g"),
    "a name that is looked up late": ("k = 1\ng = (x * k for x in [1])", "k = 2", "list(g)"),
    "another value below": ("g = (x for x in [1])\nlist(g)", "g = 3", "print(g)"),
    "a file": ("f = open('a.txt')", "f.read()"),
    "a thread that has ended": ("import threading\nt = threading.Thread()\nt.start()\nt.join()", "t.is_alive()"),
}
REFUSED = {
    "begun above": ("g = (x for x in [1, 2])\nnext(g)", "list(g)"),
    "read by two stages": ("g = (x for x in [1, 2])", "next(g)", "next(g)"),
    "what it is made of is another thing": ("xs = [1]\ng = (x for x in xs)", "xs = [2]", "list(g)"),
    "made of a call": ("def load(): return [1]\ng = (x for x in load())", "list(g)"),
    "a running thread": ("import threading\nt = threading.Thread()\nt.start()", "t.join()"),
    "a cursor": ("import sqlite3\nc = sqlite3.connect('a')\nr = c.execute('select 1')", "r.fetchall()"),
    "a reader": ("import csv\nr = csv.reader(open('a'))", "list(r)"),
}


def codes(*cells: str) -> list[str]:
    line = build(parsed(*(f"%%stage s{number}\n{cell}" for number, cell in enumerate(cells))))
    return [finding.code for finding in check(line) if finding.severity == "error"]


@pytest.mark.parametrize("cells", AGAIN.values(), ids=AGAIN)
def test_what_gives_the_same_again_is_no_fault(cells: tuple[str, ...]) -> None:
    assert codes(*cells) == []


@pytest.mark.parametrize("cells", REFUSED.values(), ids=REFUSED)
def test_what_would_give_another_thing_is_refused(cells: tuple[str, ...]) -> None:
    assert codes(*cells) == ["NB108"]


def test_a_setup_cell_has_what_it_reads_in_every_stage(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        ("n = 1", {"tags": ["parameters"]}),
        "%%stage load\nimport socket\nkind = socket.AF_INET",
        ("link = socket.socket(kind)\nbound = [n]", {"tags": ["setup"]}),
        "%%stage a\nprint(link.family == kind, bound)",
        "%%stage b\nbound.append(2)\nprint(link.fileno() > 0, bound)",
    )
    report = api.run(path, api.Options(parameters={"n": 5}))

    assert report.error is None
    assert report.output is not None
    assert texts(report.output)[-2:] == ["True [5]\n", "True [5, 2]\n"]
    assert {e.source for e in build(api.read(path)).edges if e.target == "b"} >= {"setup", "load", "setup_2"}
