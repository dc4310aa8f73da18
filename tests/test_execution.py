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

from attrs import asdict, frozen
from books import document
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell

from nb2prod import kernel, notebook, pipeline
from nb2prod.decision import Context, kept
from nb2prod.errors import Place, RunError
from nb2prod.events import Event
from nb2prod.execution import Execution
from nb2prod.failures import CellFailed
from nb2prod.machine import Machine
from nb2prod.plan import Record
from nb2prod.runners.base import CellResult, Task
from nb2prod.scheduler import Scheduler
from nb2prod.stage import untagged
from nb2prod.stores.local import LocalStore


@frozen(kw_only=True)
class Staged:
    texts: list[str]  # what each cell printed
    records: dict[str, Record]


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


def staged(cells: list[str], folder: Path, *, jobs: int, last: dict[str, Record] | None = None) -> Staged:
    """Run a program as stages: anew, though all is kept, when it is told what the stages did `last` time."""
    raw = document(*cells)
    line = pipeline.build(notebook.parse(raw, "test.ipynb"))
    store = LocalStore(str(folder / "store"))
    workspace = folder / ".work"
    workspace.mkdir(exist_ok=True)
    scheduler = Scheduler(runner=ForkRunner(), machine=Machine(jobs=jobs, cpus=jobs))
    run = Execution(
        context=Context(
            pipeline=line,
            folder=folder,
            store=store,
            kernel="python3",
            force={stage.name: "it was asked for" for stage in line.stages if last},
            last=last or {},
        ),
        document=raw,
        scheduler=scheduler,
        workspace=workspace,
        listen=_silent,
    )
    with scheduler.opened():
        run.run()
    assert run.error is None, run.error
    records = {stage: kept(store, key) for stage, key in run.keys.items()}
    texts = ["".join(output["text"] for output in cell["outputs"]) for cell in raw["cells"]]
    return Staged(texts=texts, records={stage: record for stage, record in records.items() if record})


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

# What reads few names leaves room for stages that run ahead.
SHOWS = ["a, b, c", "xs, ys, zs, xs is zs", "d", "f(1)", "p.v, q.v, P.seen, p is q, isinstance(q, P)", "k()"]
shows = st.sampled_from([SHOW, *(f"print({names})" for names in SHOWS)])
stages = st.tuples(st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=4), shows).map(lambda s: [*s[0], s[1]])
programs = st.lists(stages, min_size=2, max_size=5)


@settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(programs)
@example([["zs[0] = c", SHOW], ["xs.append(a)", SHOW], ["d['x'] = ys", SHOW]])
@example([["q = P(c)", "p = q", SHOW], ["p.grow()", SHOW], ["P.seen = [b]", SHOW]])
@example([["f = lambda v: v - c", SHOW], ["h()", SHOW], ["k = make(b)", SHOW], ["k()", SHOW]])
def test_staged_equals_straight_however_a_program_is_cut(program: list[list[str]]) -> None:
    stages = [f"%%stage s{number}\n" + "\n".join(lines) for number, lines in enumerate(program)]
    cells = [START, *stages]
    with tempfile.TemporaryDirectory() as folder:
        first = staged(cells, Path(folder), jobs=1)
        again = staged(cells, Path(folder), jobs=4, last=first.records)

    assert straight(cells) == first.texts
    assert first.texts == again.texts
