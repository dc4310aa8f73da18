"""Choice: which runner suits a notebook's kernel.

A fork can stand for a kernel only where that kernel is IPython in this very interpreter, on Linux. Kernels are looked
up where Jupyter does, without importing it.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nb2prod import plugins

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nb2prod.runners.base import Runner

_NATIVE = "python3"  # which Jupyter makes itself where nobody has installed one of this name
# Names that Jupyter reads as its own interpreter.
_PYTHON = frozenset({"python", "python3", f"python3.{sys.version_info.minor}"})


def open_runner(name: str, kernel: str) -> Runner:
    """Make the runner of a name; `auto` is `fork` where the kernel is this interpreter's, and `kernel` elsewhere."""
    if name == "auto":
        name = "fork" if sys.platform == "linux" and is_ours(kernel) else "kernel"
    found: Runner = plugins.find("nb2prod.runners", name)()
    return found


def is_ours(kernel: str) -> bool:
    """Tell whether a kernel is IPython in this very interpreter."""
    for folder in _folders():
        file = folder / kernel / "kernel.json"
        if file.is_file():
            try:
                return _starts_us(json.loads(file.read_text(encoding="utf-8")))
            except (OSError, ValueError):
                return False
    return kernel == _NATIVE


def _starts_us(spec: Any) -> bool:
    """True for a specification as `ipykernel install` writes it, of this interpreter."""
    match spec:
        case {"argv": [str() as python, *options, "-m", "ipykernel_launcher", "-f", "{connection_file}"]}:
            plain = all(option == "-Xfrozen_modules=off" for option in options) and not spec.get("env")
            return plain and _is_this(python)
    return False


def _is_this(python: Any) -> bool:
    if python in _PYTHON:
        return True
    # Not the file itself: environments link to one and the same.
    return Path(python).parent.resolve() == Path(sys.executable).parent.resolve()


def _folders() -> Iterator[Path]:
    """Yield the folders of kernels in the order in which Jupyter looks into them."""
    env: dict[str, str] = {**os.environ}
    home = Path.home()
    shared = Path(env.get("XDG_DATA_HOME") or home / ".local" / "share")
    user = Path(env.get("JUPYTER_DATA_DIR") or shared / "jupyter")
    ours = Path(sys.prefix) / "share" / "jupyter"
    system = (Path("/usr/local/share/jupyter"), Path("/usr/share/jupyter"))
    # An environment's own come first, unless somebody says otherwise.
    isolated = sys.prefix != sys.base_prefix or "CONDA_PREFIX" in env
    environment_first = env.get("JUPYTER_PREFER_ENV_PATH", "1" if isolated else "0").lower() not in {"0", "no", "false"}
    near = (ours, user) if environment_first else (user, ours)
    first = (Path(text) for text in env.get("JUPYTER_PATH", "").split(os.pathsep) if text)
    for folder in (*first, *near, *system):
        yield folder / "kernels"
    yield Path(env.get("IPYTHONDIR") or home / ".ipython") / "kernels"
