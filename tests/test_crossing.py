"""Crossing: what one stage does out of sight of its names is there in the next ones."""

from __future__ import annotations

import signal
from pathlib import Path

import forks
import pytest
from books import parsed

from nb2prod.checks import check
from nb2prod.execution.machine import Machine
from nb2prod.pipeline import build
from nb2prod.worker import ambient

PROGRAM = [
    """%%stage make
from __future__ import annotations
import decimal, gc, logging, random, re, signal, sys, textwrap, weakref
class A: pass
a, b = A(), A()
class Single(type):
    made = {}
    def __call__(cls, *given):
        if cls not in cls.made: cls.made[cls] = super().__call__(*given)
        return cls.made[cls]
class One(metaclass=Single):
    def __init__(self): self.v = 0
one = One()
held = A()
held.v = 5
cache = weakref.WeakValueDictionary({'k': held})
signals = []
kept_dedent = textwrap.dedent
def new_dedent(text): return 'new'
def lazily(x: Nowhere) -> Nothing: return x
draw = random.random
random.seed(4)
decimal.getcontext().traps[decimal.Inexact] = True
sys.set_int_max_str_digits(5000)
gc.set_threshold(501, 5, 5)
logging.addLevelName(25, 'NOTICE')
logging.disable(10)
""",
    """%%stage change
A.count = 3
A.hello = lambda self: ('hello', self.count)
One().v = 8
textwrap.dedent = new_dedent
signal.signal(signal.SIGUSR1, lambda number, frame: signals.append(number))
def lazily_too(x: Nowhere): return x
first = draw()
""",
    """%%stage look
print(a.hello(), one.v, One() is one, cache['k'].v, textwrap.dedent(' x'))
signal.raise_signal(signal.SIGUSR1)
print(first, draw(), random.random(), lazily(1), lazily_too(2), lazily_too.__annotations__)
print(logging.getLevelName(25), logging.root.manager.disable, gc.get_threshold(), sys.get_int_max_str_digits())
try: print(decimal.Decimal(1) / 3)
except decimal.Inexact: print('inexact')
textwrap.dedent = kept_dedent
""",
    """%%stage again
print(len(signals), textwrap.dedent(' x'), b.hello())
""",
]


def test_a_name_that_code_deletes_out_of_sight_is_gone(tmp_path: Path) -> None:
    cells = [
        "%%stage a\nlocals().update({'left': 1, 'kept': 2})",
        "%%stage b\nfor name in ['left']: del globals()[name]",
        "%%stage c\nprint('left' in globals(), globals()['kept'])",
    ]
    done = forks.run(cells, tmp_path, machine=Machine(jobs=1))

    assert forks.straight(cells) == done.texts


def test_what_a_function_evaluates_is_there_where_it_is_called(tmp_path: Path) -> None:
    cells = [
        "%%stage a\nclass Shown:\n    def __init__(self, *names): self.names = names\n"
        "    def __str__(self): return str([eval(name) for name in self.names])",
        "%%stage b\nx, y = 1, [2]",
        "%%stage c\nprint(Shown('x', 'y'))",
    ]
    done = forks.run(cells, tmp_path, machine=Machine(jobs=1))

    assert forks.straight(cells) == done.texts


def test_what_names_do_not_say_reaches_the_stages_below(tmp_path: Path) -> None:
    done = forks.run(PROGRAM, tmp_path, machine=Machine(jobs=1))
    here, usual = ambient.capture(), signal.getsignal(signal.SIGUSR1)
    try:
        expected = forks.straight(PROGRAM)
    finally:
        ambient.restore(here)  # the straight run is in this process
        signal.signal(signal.SIGUSR1, usual)

    assert done.execution.error is None, done.execution.error
    assert expected == done.texts


SETS = {
    "import sqlite3\ncon = sqlite3.connect(':memory:')\ncon.create_function('f', 1, abc)": "con",
    "import sqlite3\ncon = sqlite3.connect(':memory:')\ncur = con.cursor()\ncur.execute('select 1')": "cur",
    "import multiprocessing as mp\nv = mp.Value('i', 3)": "v",
    "from subprocess import Popen as Run\np = Run(['cat'])": "p",
    "import mmap\nm = mmap.mmap(-1, 10)": "m",
    "from unittest.mock import MagicMock\nm = MagicMock()": "m",
    "import tempfile\ntd = tempfile.TemporaryDirectory()\np = td.name + '/x'": "p",
    "class A:\n    def __del__(self): print('gone')\na = A()": "a",
    "class A:\n    def __init__(self): self.g = self.gen()\n    def gen(self): yield 1\na = A()\nnext(a.g)": "a",
    "import contextvars\nv = contextvars.ContextVar('v')\nt = v.set(5)": "t",
    "from sqlalchemy import create_engine\neng = create_engine('sqlite://')": "eng",
    "xs = [1]\nseen = {id(xs): 1}": "seen",
    "g = {'a': (x for x in [1])}": "g",
    "from sklearn.model_selection import KFold\nparts = KFold(3).split([1, 2, 3])\nnext(parts)": "parts",
    "import re\nfound = re.finditer('a', 'banana')\nnext(found)": "found",
    "import pandas as pd\nrows = pd.read_csv('x.csv', chunksize=2)\nnext(rows)": "rows",
    "import xgboost as xgb\nd = xgb.DMatrix(make(1))": "d",
}


@pytest.mark.parametrize("source", SETS)
def test_what_stays_in_its_process_is_refused_at_its_line(source: str) -> None:
    reader = f"%%stage b\nprint({SETS[source]})"
    found = check(build(parsed("%load_ext nb2prod\nabc = make = str", f"%%stage a\n{source}", reader)))

    assert {"NB108"} == {finding.code for finding in found}
    assert found[0].place.cell == 1


@pytest.mark.parametrize(
    "source",
    [
        "import sys, io\nold, sys.stdout = sys.stdout, io.StringIO()",
        "import sys, io\nold = sys.stdout\nsys.stdout = io.StringIO()\nprint(1)\nsys.stdout = old",
        "import sys\nif 'google.colab' in sys.modules: print('there')",
        "xs = [1]\nsame = id(xs) == id(xs)\nprint(id(xs))",
        "import sqlite3\ncur = sqlite3.connect(':memory:').cursor()\nrows = cur.execute('select 1').fetchall()",
        "import tempfile\nwith tempfile.TemporaryDirectory() as td: same = td",
        "parts = 'a b'.split(' ')",
    ],
)
def test_what_is_as_good_elsewhere_is_not_refused(source: str) -> None:
    reader = "%%stage b\nxs = same = parts = old = rows = 1\nprint(1)"
    found = check(build(parsed("%load_ext nb2prod", f"%%stage a\n{source}", reader)))

    assert [finding.code for finding in found] == []
