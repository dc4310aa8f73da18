"""Property: however a program is cut into stages, staged equals straight."""

from __future__ import annotations

import contextlib
import io
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import asdict
from books import document
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell

from nb2prod import kernel, notebook, pipeline
from nb2prod.errors import Place, RunError
from nb2prod.events import Event
from nb2prod.execution import Context, Execution
from nb2prod.failures import CellFailed
from nb2prod.runners.base import CellResult, Task
from nb2prod.stage import untagged
from nb2prod.stores.local import LocalStore


class ForkRunner:
    """Runs a stage in a fork of this process: as isolated as a kernel, and fast enough for hundreds of programs."""

    def open(self, preload: Sequence[str]) -> None:
        pass

    def close(self) -> None:
        pass

    def run(self, task: Task) -> RunError | None:
        task.job_file.write_text(json.dumps(asdict(task.job)), encoding="utf-8")
        said = task.job_file.with_suffix(".said")
        child = os.fork()
        if child == 0:
            status = 1
            try:
                said.write_text(json.dumps(_inside(task)), encoding="utf-8")
                status = 0
            finally:
                os._exit(status)
        _, status = os.waitpid(child, 0)
        if status:
            return CellFailed(Place(stage=task.stage), "an error", "the child failed", "")
        for cell, text in zip(task.cells, json.loads(said.read_text(encoding="utf-8")), strict=True):
            task.finished(CellResult(cell=cell, outputs=[{"output_type": "stream", "name": "stdout", "text": text}]))
        return None


def _inside(task: Task) -> list[str]:
    os.chdir(task.folder)
    InteractiveShell.clear_instance()
    shell: Any = InteractiveShell.instance(history_load_length=0)
    kernel.enter(shell, str(task.job_file))
    texts = []
    for cell in task.cells:
        with contextlib.redirect_stdout(io.StringIO()) as out:
            shell.run_cell(untagged(cell.source)).raise_error()
        texts.append(out.getvalue())
    kernel.leave(shell, str(task.job_file))
    return texts


def staged(cells: list[str], folder: Path) -> list[str]:
    raw = document(*cells)
    run = Execution(
        context=Context(
            pipeline=pipeline.build(notebook.parse(raw, "test.ipynb")),
            folder=folder,
            store=LocalStore(str(folder / "store")),
            kernel="python3",
        ),
        document=raw,
        runner=ForkRunner(),
        workspace=folder,
        listen=_silent,
    )
    run.run()
    assert run.error is None, run.error
    return ["".join(output["text"] for output in cell["outputs"]) for cell in raw["cells"]]


def _silent(_event: Event) -> None:
    return


def straight(cells: list[str]) -> list[str]:
    names: dict[str, Any] = {"__name__": "__main__"}
    texts = []
    for cell in cells:
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(untagged(cell), names)
        texts.append(out.getvalue())
    return texts


# Every name is set before the first stage, so that any statement may follow any other.
START = """
import random
random.seed(3)
a, b, c = 1, 2, 3
xs, ys = [1], [2]
zs = xs
d = {'x': xs, 'n': [5]}
def f(v): return v + a
def g(): xs.append(b)
def h():
    global c
    c = c + f(b)
def make(n):
    def step():
        nonlocal n
        n += a
        return n
    return step
k = make(10)
class P:
    seen = []
    def __init__(self, v): self.v = v
    def grow(self):
        self.v += a
        P.seen.append(self.v)
        return self
p = q = P(7)
"""
SHOW = "print(a, b, c, xs, ys, zs, d, f(1), p.v, q.v, P.seen, xs is zs, p is q, isinstance(q, P), k())"
STATEMENTS = [
    "a = b + 1", "b = c * 2 - a", "c = f(b) % 101", "a += 1", "a, b = b, a", "a = random.randrange(9)",
    "xs.append(a)", "ys = xs", "ys = list(xs)", "zs = ys", "xs = [b]", "xs += [a]", "zs[0] = c",
    "d['n'].append(a)", "d['x'] = ys", "d = dict(d)", "d['n'] = [n for n in zs if n > b][:3]",
    "g()", "h()", "k()", "k = make(b)", "p.grow()", "q = P(c)", "p = q", "p.v = a", "P.seen = [b]",
    "for b in range(3): xs.append(b)", "if a > b: c = 0", "a = sum(n for n in xs) % 97",
    "def f(v): return v * 2 + b", "f = lambda v: v - c", "def g(): ys.append(a)",
    "with_default = (lambda v, acc=xs: acc + [v])(a); xs = with_default[:4]",
    "try:\n    a = xs[5]\nexcept IndexError as e:\n    a = len(xs)",
    "match xs:\n    case [first, *rest]: a = first\n    case _: a = 0",
    "del ys; ys = zs", "c = (lambda: a + b)() % 103", "b = [a := n for n in range(4)][-1]",
]  # fmt: skip

programs = st.lists(st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=4), min_size=2, max_size=4)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(programs)
@example([["zs[0] = c"], ["xs.append(a)"], ["d['x'] = ys"]])
@example([["q = P(c)", "p = q"], ["p.grow()"], ["P.seen = [b]"]])
@example([["f = lambda v: v - c"], ["h()"], ["k = make(b)"], ["k()"]])
def test_staged_equals_straight_however_a_program_is_cut(program: list[list[str]]) -> None:
    stages = [f"%%stage s{number}\n" + "\n".join([*lines, SHOW]) for number, lines in enumerate(program)]
    cells = [START, *stages]
    with tempfile.TemporaryDirectory() as folder:
        found = staged(cells, Path(folder))

    assert straight(cells) == found
