"""A stage that comes from a command's early fork is as one that comes from a new program."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from books import texts, written

pytestmark = [pytest.mark.kernel, pytest.mark.skipif(sys.platform != "linux", reason="early forks are for Linux")]
SCRIPT = """
import os, sys
from nb2prod.runners import early_fork
early_fork.born(sys.argv[1:])
print(hash("a"), os.environ.get("PYTHONHASHSEED"), sys.argv[1:], len(early_fork._forks))
early_fork.dismissed()
"""
SEEN = """
import gc, os, resource, signal, sys
print(sys.path, os.getcwd(), sys.flags, sys.argv, sys.stdin, gc.isenabled(), sys.getrecursionlimit())
print(os.getpgrp() == os.getpid())
print(sorted((name, value) for name, value in os.environ.items() if name != "JPY_PARENT_PID"))
print(sorted(name for name in sys.modules if name.partition(".")[0] not in {*sys.stdlib_module_names, "nb2prod"}))
print([signal.getsignal(number) for number in (2, 10, 13, 15)], len(os.listdir("/proc/self/fd")), hash("a"))
print(resource.getrlimit(resource.RLIMIT_NOFILE), __name__, sys.modules["__main__"].__dict__ is globals())
"""


def environment(**more: str) -> dict[str, str]:
    usual = {name: value for name, value in os.environ.items() if name != "PYTHONHASHSEED"}
    return usual | {"NB2PROD_WARM": "0", "NB2PROD_RUNNER": "auto"} | more


def command(*options: str) -> list[str]:
    return [sys.executable, *options, "-m", "nb2prod", "run", "test.ipynb"]


def test_a_stage_sees_what_it_sees_elsewhere(tmp_path: Path) -> None:
    found = []
    for options in ([], ["-q"]):  # with an option there is no early fork
        folder = tmp_path / "-".join(["book", *options])
        folder.mkdir()
        written(folder, SEEN)
        subprocess.run(command(*options), cwd=folder, env=environment(), check=True, capture_output=True)
        text = texts(max(folder.glob(".nb2prod/runs/*/executed.ipynb")))[0]
        found.append(text.replace(str(folder), "FOLDER").replace("quiet=1", "quiet=0").splitlines())

    for here, there in zip(*found, strict=True):
        assert here == there


@pytest.mark.parametrize("verb", ["run", "plan"])
def test_a_command_that_runs_stages_begins_again_with_their_seed(tmp_path: Path, verb: str) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    call = [sys.executable, "script.py", verb, "a b"]
    said = [
        subprocess.run(call, cwd=tmp_path, env=environment(), check=True, capture_output=True, text=True).stdout.split()
        for _ in range(2)
    ]

    assert [one[1:] for one in said] == [["None", f"['{verb}',", "'a", "b']", str(int(verb == "run"))]] * 2
    assert (said[0][0] == said[1][0]) == (verb == "run")


def test_a_seed_of_the_users_own_stays(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    call = [sys.executable, "script.py", "run"]
    env = environment(PYTHONHASHSEED="7")
    said = subprocess.run(call, cwd=tmp_path, env=env, check=True, capture_output=True, text=True).stdout

    assert said.split()[1:] == ["7", "['run']", "1"]


def test_nothing_is_left_when_no_stage_runs(tmp_path: Path) -> None:
    ours = environment(MINE=str(tmp_path))
    done = subprocess.run(command(), cwd=tmp_path, env=ours, check=False, capture_output=True)

    assert done.returncode == 2
    assert [one for one in psutil.process_iter() if _variable(one) == str(tmp_path)] == []


def test_when_the_command_is_killed_its_stage_ends(tmp_path: Path) -> None:
    written(tmp_path, "import os, time\nopen('pid', 'w').write(f'{os.getpid()} {os.getppid()}')\ntime.sleep(60)")
    process = subprocess.Popen(command(), cwd=tmp_path, env=environment(), stdout=-1, stderr=-1)
    until = time.monotonic() + 60
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert time.monotonic() < until
        time.sleep(0.05)
    parts = [psutil.Process(int(pid)) for pid in (tmp_path / "pid").read_text().split()]
    parent = parts[1].ppid()
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)

    assert parent == process.pid
    assert psutil.wait_procs(parts, timeout=10)[1] == []


def _variable(process: psutil.Process) -> str:
    try:
        return str(process.environ().get("MINE"))
    except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
        return ""
