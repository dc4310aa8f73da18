"""A command that the daemon carries out must be as if it had run in its own process."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import psutil
import pytest
from attrs import frozen
from books import copied, texts, written

from nb2prod.daemon import client
from nb2prod.daemon.server import read_early

pytestmark = [pytest.mark.kernel, pytest.mark.skipif(sys.platform != "linux", reason="a daemon is for Linux")]


@frozen
class Shell:
    """A user's shell, with a folder for sockets of its own."""

    runtime: Path

    def environment(self, **more: str) -> dict[str, str]:
        usual = {name: value for name, value in os.environ.items() if not name.startswith(("NB2PROD_", "XDG_"))}
        return usual | {"XDG_RUNTIME_DIR": str(self.runtime), "NB2PROD_RUNNER": "auto"} | more

    def call(self, *arguments: object, cwd: Path, stdin: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "nb2prod", *map(str, arguments)]
        return subprocess.run(
            command, cwd=cwd, env=self.environment(**more), input=stdin, capture_output=True, text=True, check=False
        )

    def begin(self, *arguments: object, cwd: Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "nb2prod", *map(str, arguments)]
        return subprocess.Popen(command, cwd=cwd, env=self.environment(), stdout=-1, stderr=-1, text=True)

    def served(self) -> int:
        return int(self.status()["served"])

    def status(self) -> dict[str, int]:
        found = json.loads(self.call("warm", "status", "--format", "json", cwd=self.runtime).stdout)
        return found if found["state"] == "running" else {}


@pytest.fixture(scope="module")
def runtime() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="nb"))  # a socket's path must be short
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def shell(runtime: Path) -> Shell:
    """A shell with a daemon."""
    found = Shell(runtime)
    if not found.status():
        started = found.call("warm", "start", cwd=runtime)
        assert started.returncode == 0, started.stderr
    return found


@pytest.fixture(scope="module", autouse=True)
def nothing_left_behind(runtime: Path) -> Iterator[None]:
    yield
    found = Shell(runtime)
    pid = found.status().get("pid")
    found.call("warm", "stop", cwd=runtime)
    if pid:
        psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=10)
    assert not found.status()


def both(shell: Shell, *arguments: object, cwd: Path, **more: str) -> list[subprocess.CompletedProcess[str]]:
    """Run a command in the daemon and without it."""
    before = shell.served()
    found = [shell.call(*arguments, cwd=cwd, **more), shell.call(*arguments, cwd=cwd, NB2PROD_WARM="0", **more)]
    assert shell.served() == before + 1
    return found


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "tiny.ipynb"], ["graph", "tiny.ipynb", "--format", "json"], ["plan", "nowhere.ipynb"],
        ["plan", "tiny.ipynb", "-p", "count", "7"], ["run", "--help"], ["run"], ["run", "tiny.ipynb", "-p", "x", "1"],
        ["check", "syntax_error.ipynb"],
    ],
)  # fmt: skip
def test_it_says_the_same_and_ends_the_same(shell: Shell, tmp_path: Path, arguments: list[str]) -> None:
    for name in ("tiny", "syntax_error"):
        copied(name, tmp_path)
    here, there = both(shell, *arguments, cwd=tmp_path)

    assert (here.returncode, here.stdout, here.stderr) == (there.returncode, there.stdout, there.stderr)


def test_a_run_has_its_folder_environment_umask_and_limits(shell: Shell, tmp_path: Path) -> None:
    source = "import os, resource, sys\nprint(os.getcwd(), os.environ['MINE'], oct(os.umask(0)), sys.stdin)"
    more = "print(resource.getrlimit(resource.RLIMIT_NOFILE), os.nice(0), hash('a'), os.environ.get('PYTHONHASHSEED'))"
    # What the daemon has for commands is not among what its stages have imported.
    path = written(tmp_path, f"{source}\n{more}\nprint('click' in sys.modules)\nimport click\nprint(click.Command)")
    found = []
    for setting in ({}, {"NB2PROD_WARM": "0"}):
        env = shell.environment(MINE="x", **setting)
        run = f"umask 027; ulimit -n 500; exec nice -n 3 {sys.executable} -m nb2prod run {path.name} --force setup"
        subprocess.run(["bash", "-c", run], cwd=tmp_path, env=env, check=True, capture_output=True)
        found.append(texts(max(tmp_path.glob(".nb2prod/runs/*/executed.ipynb"))))

    assert found[0] == found[1]
    assert "0o27" in found[0][0]
    assert found[0][0].endswith("False\n<class 'click.core.Command'>\n")
    assert f"(500, 500) {os.nice(0) + 3} " in found[0][0]
    assert shell.served() >= 1


def sleeping(folder: Path, seconds: float = 60) -> Path:
    return written(folder, f"import os, time\nopen('pid', 'w').write(str(os.getpid()))\ntime.sleep({seconds})")


def stage(folder: Path, process: subprocess.Popen[str]) -> psutil.Process:
    """Wait until the stage sleeps, and return its process."""
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        text = (folder / "pid").read_text(encoding="utf-8") if (folder / "pid").exists() else ""
        if text:
            return psutil.Process(int(text))
        time.sleep(0.02)
    raise AssertionError(process.communicate(timeout=5))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_reaches_the_command(shell: Shell, tmp_path: Path, number: int) -> None:
    sleeping(tmp_path)
    process = shell.begin("run", "test.ipynb", cwd=tmp_path)
    child = stage(tmp_path, process)
    process.send_signal(number)
    out, _ = process.communicate(timeout=30)

    assert process.returncode == 1
    assert "NB207" in out
    assert psutil.wait_procs([child], timeout=10)[1] == []


def test_a_client_that_is_killed_takes_its_command_with_it(shell: Shell, tmp_path: Path) -> None:
    sleeping(tmp_path)
    process = shell.begin("run", "test.ipynb", cwd=tmp_path)
    child = stage(tmp_path, process)
    process.kill()
    process.communicate(timeout=10)

    assert psutil.wait_procs([child], timeout=10)[1] == []
    assert shell.status()


def test_a_daemon_that_is_killed_takes_its_commands_with_it(shell: Shell, tmp_path: Path) -> None:
    sleeping(tmp_path)
    process = shell.begin("run", "test.ipynb", cwd=tmp_path)
    child = stage(tmp_path, process)
    psutil.Process(shell.status()["pid"]).kill()
    process.communicate(timeout=10)

    assert process.returncode not in {0, None}
    assert psutil.wait_procs([child], timeout=10)[1] == []
    copied("tiny", tmp_path)
    assert shell.call("check", "tiny.ipynb", cwd=tmp_path).returncode == 0


def test_several_commands_run_at_once_and_a_stop_lets_them_end(shell: Shell, tmp_path: Path) -> None:
    paths = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        paths.append(
            written(tmp_path / name, "import os, time\nopen('pid', 'w').write(str(os.getpid()))\ntime.sleep(2)")
        )
    processes = [shell.begin("run", path, cwd=tmp_path) for path in paths]
    for path, process in zip(paths, processes, strict=True):
        stage(path.parent, process)
    running = shell.status()["running"]
    shell.call("warm", "stop", cwd=tmp_path)

    assert running == 2
    assert shell.status() == {}
    for process in processes:
        process.communicate(timeout=30)
    assert [process.returncode for process in processes] == [0, 0]


@pytest.mark.parametrize("more", [{"OMP_NUM_THREADS": "1"}, {"PYTHONHASHSEED": "7"}, {"NB2PROD_WARM": "0"}])
def test_another_environment_does_without(shell: Shell, tmp_path: Path, more: dict[str, str]) -> None:
    copied("tiny", tmp_path)
    before = shell.served()

    assert shell.call("check", "tiny.ipynb", cwd=tmp_path, **more).returncode == 0
    assert shell.served() == before


def test_only_what_is_read_early_counts() -> None:
    assert read_early({"PATH": "a", "PYTHONHASHSEED": "0", "LANG": "C"}) == {"LANG": "C"}


def test_it_ends_when_packages_change(shell: Shell, tmp_path: Path) -> None:
    copied("tiny", tmp_path)
    shell.call("warm", "stop", cwd=tmp_path)
    site = tmp_path / "site"
    site.mkdir()
    shell.call("warm", "start", cwd=tmp_path, PYTHONPATH=str(site))
    (site / "new-1.0.dist-info").mkdir()
    found = shell.call("check", "tiny.ipynb", cwd=tmp_path, PYTHONPATH=str(site))

    assert found.returncode == 0
    assert "packages were installed or removed" in found.stderr
    assert shell.status() == {}


def test_it_ends_when_it_was_idle(shell: Shell, tmp_path: Path) -> None:
    shell.call("warm", "start", "--idle", "1", cwd=tmp_path)
    process = psutil.Process(shell.status()["pid"])

    assert psutil.wait_procs([process], timeout=10)[1] == []
    assert shell.status() == {}


def test_a_folder_that_others_may_enter_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "folder", lambda: str(tmp_path / "sockets"))
    client.make_folder()
    assert (tmp_path / "sockets").stat().st_mode & 0o777 == 0o700

    (tmp_path / "sockets").chmod(0o755)
    with pytest.raises(PermissionError):
        client.make_folder()


def papermill(shell: Shell, folder: Path, name: str, **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "papermill", name, f"out_{name}", "--engine", "nb2prod", "--no-progress-bar"]
    return subprocess.run(
        command, cwd=folder, env=shell.environment(**more), capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("name", ["tiny", "failing_cell", "kernel_killed", "missing_name"])
def test_papermill_has_the_same_from_it(shell: Shell, tmp_path: Path, name: str) -> None:
    found = []
    for place, setting in (("warm", {}), ("cold", {"NB2PROD_WARM": "0"})):
        (tmp_path / place).mkdir()
        copied(name, tmp_path / place)
        before = shell.served()
        ran = papermill(shell, tmp_path / place, f"{name}.ipynb", **setting)
        book = nbformat.read(tmp_path / place / f"out_{name}.ipynb", 4)
        cells = [(cell.get("outputs"), cell.get("execution_count")) for cell in book.cells]
        states = [cell.metadata.get("papermill", {}).get("status") for cell in book.cells]
        found.append((ran.returncode, ran.stderr.splitlines()[-1:], cells, states))
        assert shell.served() == before + (place == "warm")

    assert found[0] == found[1]
