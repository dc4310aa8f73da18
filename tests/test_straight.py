"""What stages print is what the notebook prints that runs straight through."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from books import texts, written

from nb2prod import api

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
