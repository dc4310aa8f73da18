"""Projects for tests: notebooks written out, and run as a user would."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from books import parsed

from nb2prod import emit, pipeline
from nb2prod.pipeline import Pipeline


def built(*cells: str | tuple[str, dict[str, Any]]) -> Pipeline:
    """Infer the pipeline of code cells."""
    return pipeline.build(parsed(*cells))


def written(line: Pipeline, folder: Path) -> Path:
    """Write a pipeline's project into a folder."""
    for name, text in emit.files(line).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def python(folder: Path, *arguments: str) -> str:
    """Run Python in a project that knows nothing of this repository, and return what it printed."""
    kept = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTEST_ADDOPTS"}}
    done = subprocess.run([sys.executable, *arguments], cwd=folder, env=kept, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def printed(folder: Path, *cells: str | tuple[str, dict[str, Any]]) -> str:
    """Write code cells as a package, run it, and return what the stages printed."""
    line = built(*cells)
    written(line, folder)
    return python(folder, "-c", f"from {emit.package_name(line)}.pipeline import run; run()").strip()
