from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from nb2prod.errors.runs import KernelDied, KernelMissing, RunCancelled, StageTimedOut
from nb2prod.runners.base import Runner, opened
from nb2prod.runners.fork import ForkRunner
from runners.contract import RunnerContract
from runners.tasks import run

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only"),
]
PRELOAD = ("numpy", "pandas", "pandas.DataFrame")


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    with opened(ForkRunner(), PRELOAD) as found:
        yield found


class TestForkRunner(RunnerContract):
    def test_the_libraries_are_there_but_unseen_until_they_are_imported(self, runner: Runner, tmp_path: Path) -> None:
        told = run(runner, tmp_path, "import sys, time\n'numpy' in sys.modules, 'pandas' in sys.modules",
                   "t = time.process_time()\nimport pandas\nt = time.process_time() - t",
                   "t < 0.2, 'numpy' in sys.modules, len(pandas.Series([1]))")  # fmt: skip

        assert told.texts[0] == "(False, False)"
        assert told.texts[2] == "(True, True, 1)"
        assert {"numpy", "pandas"} <= set(told.left["packages"])

    def test_a_stage_is_seen_to_use_only_what_it_imports(self, runner: Runner, tmp_path: Path) -> None:
        told = run(runner, tmp_path, "import numpy")

        assert "numpy" in told.left["packages"]
        assert "pandas" not in told.left["packages"]

    def test_no_two_stages_draw_the_same_numbers(self, runner: Runner, tmp_path: Path) -> None:
        drawn = {run(runner, tmp_path, "import numpy as np\nnp.random.rand()").texts[0] for _ in range(2)}

        assert len(drawn) == 2

    def test_stages_run_side_by_side(self, runner: Runner, tmp_path: Path) -> None:
        folders = [tmp_path / str(number) for number in range(3)]
        told = {}

        def stage(folder: Path) -> None:
            folder.mkdir()
            told[folder] = run(runner, folder, f"import time\ntime.sleep(0.5)\nprint({folder.name})")

        threads = [threading.Thread(target=stage, args=(folder,)) for folder in folders]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert [told[folder].texts for folder in folders] == [["0\n"], ["1\n"], ["2\n"]]
        assert time.monotonic() - began < 1.4

    def test_what_a_stage_leaves_running_ends_with_it(self, runner: Runner, tmp_path: Path) -> None:
        told = run(runner, tmp_path, "import subprocess\nprint(subprocess.Popen(['sleep', '60']).pid)")

        assert told.error is None
        assert not _running(int(told.texts[0]))

    def test_a_stage_that_does_not_listen_is_ended_all_the_same(self, runner: Runner, tmp_path: Path) -> None:
        told = run(runner, tmp_path, "import signal, time\nfor s in (2, 15): signal.signal(s, signal.SIG_IGN)\n"
                   "print('deaf', flush=True)\nwhile True: time.sleep(1)", timeout=1)  # fmt: skip

        assert isinstance(told.error, StageTimedOut)
        assert told.texts == ["deaf\n"]

    def test_a_crash_is_told_with_its_signal_and_last_words(self, runner: Runner, tmp_path: Path) -> None:
        told = run(runner, tmp_path, "import ctypes\nctypes.string_at(0)")

        assert isinstance(told.error, KernelDied)
        assert told.error.status == -signal.SIGSEGV
        assert told.error.peak is not None
        assert "Segmentation fault" in (told.error.detail or "")

    def test_a_hundred_megabytes_of_prints_take_seconds(self, runner: Runner, tmp_path: Path) -> None:
        began = time.process_time()
        told = run(runner, tmp_path, "import resource, time\nt = time.process_time()\n"
                   "for i in range(1_000_000): print('x' * 99)\nt = time.process_time() - t",
                   "t < 20, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 400_000")  # fmt: skip

        assert told.texts[1] == "(True, True)"
        assert len(told.overflow) > 100_000_000
        assert time.process_time() - began < 1


def test_libraries_that_say_something_when_imported_say_it_in_each_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    libraries = tmp_path / "libraries"
    libraries.mkdir()
    (libraries / "loud.py").write_text("print('imported')")
    (libraries / "warns.py").write_text("import warnings; warnings.warn('old', stacklevel=2)")
    monkeypatch.setenv("PYTHONPATH", str(libraries))
    with opened(ForkRunner(), ("loud", "warns", "numpy")) as runner:
        told = run(runner, tmp_path, "import loud", "import warns", "import loud")

    assert told.texts[0] == "imported\n"
    assert "UserWarning: old" in told.texts[1]
    assert told.texts[2] == ""


def test_a_module_beside_the_notebook_comes_before_a_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    libraries = tmp_path / "site-packages"  # which IPython puts the working directory before
    libraries.mkdir()
    (libraries / "slow.py").write_text("mine = 0")
    (tmp_path / "slow.py").write_text("mine = 1")
    monkeypatch.setenv("PYTHONPATH", str(libraries))
    with opened(ForkRunner(), ("slow",)) as runner:
        told = run(runner, tmp_path, "import slow\nprint(slow.mine)")

    assert told.texts == ["1\n"]


def test_ctrl_c_ends_a_stage_with_all_it_started(tmp_path: Path) -> None:
    code = "import subprocess\np = subprocess.Popen(['sleep', '60'])\nopen('pid', 'w').write(str(p.pid))\np.wait()"
    timer = threading.Thread(target=_interrupt_when, args=(tmp_path / "pid",))
    before = psutil.Process().children()
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever a test before has left
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt), opened(ForkRunner()) as runner:
            run(runner, tmp_path, code)
    finally:
        timer.join()
        signal.signal(signal.SIGINT, usual)

    assert not _running(int((tmp_path / "pid").read_text()))
    assert psutil.Process().children() == before


@pytest.mark.parametrize("wait", [0.1, 3])
def test_a_runner_that_is_closed_ends_the_runs_that_wait_for_it(wait: float, tmp_path: Path) -> None:
    runner, found = ForkRunner(), []
    runner.open(())
    thread = threading.Thread(target=lambda: found.append(run(runner, tmp_path, "import time\ntime.sleep(60)")))
    thread.start()
    time.sleep(wait)
    runner.close()
    thread.join(10)

    assert isinstance(found[0].error, RunCancelled)


def test_when_the_run_is_killed_nothing_of_it_goes_on(tmp_path: Path) -> None:
    code = "import os, subprocess\np = subprocess.Popen(['setsid', 'sleep', '60'])\n" \
           "open('pid', 'w').write(f'{os.getpid()} {p.pid} {os.getppid()}')\np.wait()"  # fmt: skip
    pid = os.fork()
    if pid == 0:
        try:
            with opened(ForkRunner()) as runner:
                run(runner, tmp_path, code)
        finally:
            os._exit(0)
    _wait_for(tmp_path / "pid")
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    time.sleep(1)

    assert [one for one in (tmp_path / "pid").read_text().split() if _running(int(one))] == []


def test_when_the_fork_server_is_killed_the_stage_ends_and_is_told_of(tmp_path: Path) -> None:
    with opened(ForkRunner()) as runner:
        told = run(runner, tmp_path, "import os, time\nos.kill(os.getppid(), 9)\ntime.sleep(60)")

    assert isinstance(told.error, KernelDied)


def test_a_fork_server_that_cannot_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "zmq.py").write_text("raise ImportError('zmq is broken')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with opened(ForkRunner()) as runner:
        told = run(runner, tmp_path, "1")

    assert isinstance(told.error, KernelMissing)
    assert "zmq is broken" in told.error.message


def _running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _wait_for(file: Path) -> None:
    until = time.monotonic() + 30
    while not (file.exists() and file.read_text()) and time.monotonic() < until:
        time.sleep(0.05)


def _interrupt_when(file: Path) -> None:
    _wait_for(file)
    os.kill(os.getpid(), signal.SIGINT)
