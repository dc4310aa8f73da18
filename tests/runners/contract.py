"""What every runner promises; a plug-in's tests subclass it and give it an open `runner`, of a whole module."""

from __future__ import annotations

from pathlib import Path

from nb2prod.errors.runs import CellFailed, KernelDied, StageEnded, StageTimedOut
from nb2prod.runners.base import Runner
from runners.tasks import run


class RunnerContract:
    def test_cells_run_in_order_and_leave_what_is_asked_for(self, runner: Runner, tmp_path: Path) -> None:
        told = run(runner, tmp_path, "x = 1", "x += 1\nprint(x)", "x", keep=("x",))

        assert told.error is None
        assert told.started == [0, 1, 2]
        assert told.texts == ["", "2\n", "2"]
        assert [artifact["names"] for artifact in told.left["artifacts"]] == [["x"]]

    def test_a_cell_that_raises_ends_the_stage(self, runner: Runner, tmp_path: Path) -> None:
        told = run(runner, tmp_path, "print('a')\n1/0", "print('b')")

        assert isinstance(told.error, CellFailed)
        assert (told.error.name, told.error.place.cell) == ("ZeroDivisionError", 0)
        assert [result.ok for result in told.results] == [False]
        assert "ZeroDivisionError" in told.error.traceback
        assert not (tmp_path / "result.json").exists()

    def test_a_cell_that_may_raise_does_not(self, runner: Runner, tmp_path: Path) -> None:
        told = run(runner, tmp_path, ("1/0", ("raises-exception",)), "print('b')")

        assert told.error is None
        assert [outputs[0]["output_type"] for outputs in told.outputs] == ["error", "stream"]

    def test_a_cell_to_skip_is_skipped(self, runner: Runner, tmp_path: Path) -> None:
        told = run(runner, tmp_path, ("print('a')", ("skip-execution",)), "print('b')")

        assert told.texts == ["", "b\n"]

    def test_a_stage_that_ends_itself_early_did_not_finish(self, runner: Runner, tmp_path: Path) -> None:
        told = run(runner, tmp_path, "import sys\nsys.exit(0)", "print('b')", last=True)

        assert isinstance(told.error, StageEnded)
        assert told.error.place.cell == 0

    def test_the_last_cell_of_all_may_end_the_process(self, runner: Runner, tmp_path: Path) -> None:
        told = run(runner, tmp_path, "x = 1", "import sys\nsys.exit()", last=True, keep=("x",))

        assert told.error is None
        assert told.left["artifacts"]

    def test_sys_exit_with_a_code_is_a_failure(self, runner: Runner, tmp_path: Path) -> None:
        told = run(runner, tmp_path, "import sys\nsys.exit(3)", last=True)

        assert isinstance(told.error, CellFailed)
        assert told.error.value == "3"

    def test_a_process_that_dies_keeps_what_it_said(self, runner: Runner, tmp_path: Path) -> None:
        code = "print('before', flush=True)\nimport os, time\ntime.sleep(0.5)\nos.kill(os.getpid(), 9)"
        told = run(runner, tmp_path, code)

        assert isinstance(told.error, KernelDied)
        assert told.error.status == -9
        assert "signal 9" in told.error.message
        assert told.texts == ["before\n"]
        assert [result.ok for result in told.results] == [False]

    def test_a_cell_has_its_time(self, runner: Runner, tmp_path: Path) -> None:
        told = run(runner, tmp_path, "print('before', flush=True)\nwhile True: pass", "print('b')", timeout=1)

        assert isinstance(told.error, StageTimedOut)
        assert (told.error.place.cell, told.error.seconds) == (0, 1)
        assert told.texts[0].startswith("before\n")

    def test_a_question_cannot_be_asked(self, runner: Runner, tmp_path: Path) -> None:
        told = run(runner, tmp_path, "input('?')")

        assert isinstance(told.error, CellFailed)
        assert told.error.name == "StdinNotImplementedError"

    def test_an_overflow_is_kept_at_its_ends_and_in_a_file(self, runner: Runner, tmp_path: Path) -> None:
        cells = ["from IPython.display import display", "for i in range(60_000): print(i, 'x' * 80)",
                 "for i in range(1500): display(i)", "'y' * 3_000_000"]  # fmt: skip
        told = run(runner, tmp_path, *cells)

        assert told.error is None
        assert [len(outputs) for outputs in told.outputs] == [0, 1, 1001, 1]
        assert max(map(len, told.texts)) < 1_100_000
        assert told.texts[1].startswith("0 xxx")
        assert told.texts[1].endswith(f"59999 {'x' * 80}\n")
        assert str(tmp_path / "overflow.txt") in told.texts[1]
        assert f"\n30000 {'x' * 80}\n" in told.overflow
        assert "500 more outputs" in told.texts[2]
        assert "y" * 3_000_000 in told.overflow

    def test_an_endless_recursion_is_told_in_short(self, runner: Runner, tmp_path: Path) -> None:
        told = run(runner, tmp_path, "def f(n): return g(n) + 1\ndef g(n): return f(n) + 1\nf(0)")

        assert isinstance(told.error, CellFailed)
        assert told.error.name == "RecursionError"
        assert len(told.error.traceback) < 100_000

    def test_lines_that_were_overwritten_are_gone(self, runner: Runner, tmp_path: Path) -> None:
        told = run(runner, tmp_path, "for i in range(300): print(f'\\r{i}', end='', flush=True)\nprint('\\nend')")

        assert told.texts == ["299\nend\n"]

    def test_a_stage_has_its_time_as_a_whole(self, runner: Runner, tmp_path: Path) -> None:
        told = run(runner, tmp_path, *["import time\ntime.sleep(0.6)"] * 3, stage_timeout=1)

        assert isinstance(told.error, StageTimedOut)
        assert (told.error.what, told.error.place.cell) == ("stage", 1)

    def test_a_stage_that_takes_too_much_memory_is_ended(self, runner: Runner, tmp_path: Path) -> None:
        told = run(runner, tmp_path, "x = []\nimport time\nwhile True:\n    x.append(bytearray(10_000_000))\n"
                   "    time.sleep(0.01)", memory=200_000_000)  # fmt: skip

        assert isinstance(told.error, KernelDied)
        assert told.error.over is not None
        assert 200_000_000 < told.error.over < 2_000_000_000
        assert "memory" in told.error.cure

    def test_a_stage_gets_the_cores_it_may_have(self, runner: Runner, tmp_path: Path) -> None:
        told = run(runner, tmp_path, "import os\nlen(os.sched_getaffinity(0)), os.environ['OMP_NUM_THREADS']", cpus=1)

        assert told.texts == ["(1, '1')"]
