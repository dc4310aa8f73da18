from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from nb2prod.runners.choice import open_runner
from nb2prod.runners.fork import ForkRunner
from nb2prod.runners.kernel import KernelRunner

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only")
ARGV = ["-m", "ipykernel_launcher", "-f", "{connection_file}"]


def kernel(folder: Path, python: str, **more: Any) -> None:
    spec = folder / "kernels" / "mine" / "kernel.json"
    spec.parent.mkdir(parents=True)
    spec.write_text(json.dumps({"argv": [python, *ARGV], "language": "python", **more}))


def test_the_kernel_that_jupyter_itself_brings_is_forked() -> None:
    assert isinstance(open_runner("auto", "python3"), ForkRunner)


@pytest.mark.parametrize("python", ["python", "python3", sys.executable])
def test_a_kernel_of_this_interpreter_is_forked(python: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel(tmp_path, python)
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))

    assert isinstance(open_runner("auto", "mine"), ForkRunner)


@pytest.mark.parametrize(
    ("python", "more"), [("/elsewhere/bin/python", {}), ("python", {"env": {"A": "1"}}), ("R", {})]
)
def test_any_other_is_started(
    python: str, more: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel(tmp_path, python, **more)
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))

    assert isinstance(open_runner("auto", "mine"), KernelRunner)


def test_a_kernel_that_is_not_there_is_left_to_jupyter() -> None:
    assert isinstance(open_runner("auto", "no-such-kernel"), KernelRunner)


def test_a_runner_may_be_named() -> None:
    assert isinstance(open_runner("kernel", "python3"), KernelRunner)
