"""What each verb imports: a command must not pay for libraries it does not use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from books import copied

HEAVY = (
    "papermill", "nbclient", "nbformat", "nbconvert", "jupyter_client", "pandas", "numpy", "pyarrow", "bentoml",
    "jinja2", "cryptography", "packaging.requirements", "nb2prod.deploying.services", "nb2prod.reproduction.reproduce",
    "psutil", "zmq", "tornado", "ssl", "http.client", "urllib.request", "tomllib", "asyncio.events",
)  # fmt: skip
ENTRY = "import sys, atexit; atexit.register(lambda: print(*sys.modules, file=sys.stderr)); "


def imported(folder: Path, *arguments: str) -> set[str]:
    """Return the modules that a command has imported when it ends."""
    main = "from nb2prod.cli.main import main; main()"
    command = [sys.executable, "-c", ENTRY + main, *arguments]
    found = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return set(found.stderr.splitlines()[-1].split())


def test_the_package_itself_imports_nothing() -> None:
    bare = subprocess.run([sys.executable, "-c", ENTRY], capture_output=True, text=True, check=True)
    ours = subprocess.run([sys.executable, "-c", ENTRY + "import nb2prod"], capture_output=True, text=True, check=True)

    assert {"nb2prod", "__future__"} == set(ours.stderr.split()) - set(bare.stderr.split())


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"]])
def test_help_is_given_without_ipython_and_all_that_is_heavier(tmp_path: Path, arguments: list[str]) -> None:
    assert set() == imported(tmp_path, *arguments) & {*HEAVY, "IPython", "nb2prod.api", "importlib.metadata"}


@pytest.mark.parametrize("arguments", [["check"], ["graph"], ["plan"], ["plan", "-p", "rows", "5"]])
def test_what_runs_nothing_imports_no_library_of_notebooks_or_data(tmp_path: Path, arguments: list[str]) -> None:
    verb, *rest = arguments
    path = copied("tiny_model", tmp_path)

    assert set() == imported(tmp_path, verb, path.name, *rest) & set(HEAVY)
