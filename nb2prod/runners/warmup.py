"""Warm-up: what is made ahead of stages, in a process from which they are forked: a kernel and imported libraries."""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import os
import signal
import socket
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define

import nb2prod.worker.kernel  # noqa: F401 - what each stage needs of us
from nb2prod.runners.module_cache import ModuleCache
from nb2prod.runners.process_state import ProcessState, snapshot
from nb2prod.runners.shell import Kernel
from nb2prod.stores import marks
from nb2prod.worker import registries, witness

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_PATIENCE = "OPENBLAS_THREAD_TIMEOUT"
# What a library imports only when it is given the values of others, and would import in each stage anew.
_LATER = (
    (
        "sklearn",
        {"pandas", "narwhals.stable.v2"},
        ["narwhals._pandas_like.namespace", "narwhals._interchange.dataframe", "narwhals.stable.v2._namespace"],
    ),
)
_ARGV = ("-f", "kernel.json", "--HistoryManager.hist_file=:memory:")  # as nbclient starts a kernel


@define
class Unfit(Exception):
    """Libraries that must not be imported ahead, since the import shows or does something that stages must see."""

    names: list[str]
    reason: str


@define(kw_only=True)
class Warm:
    """What is made ahead of stages."""

    kernel: Kernel
    state: ProcessState
    cache: ModuleCache
    argv: tuple[str, ...] = _ARGV


_warm: list[Warm] = []  # of this process, or of the one that it was forked from


def warm(preload: Sequence[str]) -> Warm:
    """Make a kernel and import libraries in this process, which is as before otherwise; more libraries may follow.

    Raises:
        Unfit: A library is not fit; this process has it now, and must not be forked for stages.
    """
    if not _warm:
        before = snapshot()
        kernel = Kernel.instance()
        kernel.initialize(list(_ARGV))
        state = ProcessState.seen(before)
        kernel.rehearse()
        state.revert()
        registries.settle()
        marks.boot()
        _gather()
        _warm.append(Warm(kernel=kernel, state=state, cache=ModuleCache()))
    found = _warm[0]
    found.cache.collect()
    missing = [name for name in preload if not found.cache.holds(name)]
    if missing:
        _fill(found, missing)
    gc.freeze()  # else a child copies all pages when it collects garbage
    return found


def _gather() -> None:
    """Put the names of all modules side by side in memory: each stage goes through them, and copies their pages."""
    for name in list(sys.modules):
        sys.modules[name.encode().decode()] = sys.modules.pop(name)


def _fill(found: Warm, names: Sequence[str]) -> None:
    found.state.apply()
    collects = gc.isenabled()
    gc.disable()  # next to nothing of what imports make is garbage
    try:
        # Libraries ask for `get_ipython` when they are imported (pandas: how wide is the screen?); cells have it.
        with _patience(), found.kernel.shell.builtin_trap, found.cache.filling() as load:
            roots = _by_root(names)
            for root, parts in roots.items():
                _import(load, root, parts)
            for root, others, later in _LATER:
                if root in roots and sys.modules.keys() >= others:
                    _import(load, root, later)
    finally:
        found.state.revert()
        (gc.enable if collects else gc.disable)()
    witness.imported(found.cache.modules)


def lend(names: Sequence[str]) -> None:
    """Import modules for the use of this process itself; in a fork that warms itself they are put away, too."""
    with _warm[0].cache.lending():
        for name in names:
            importlib.import_module(name)
    gc.freeze()


@contextmanager
def _patience() -> Iterator[None]:
    """Let threads of OpenBLAS wait for more work in a busy loop for 2^20 ticks of the clock, and then sleep.

    It is 2^26 otherwise, which is as long as many an import and as many a stage. OpenBLAS reads the variable when it is
    loaded; Python's own `os.environ` does not get to know of it.
    """
    if _PATIENCE in os.environ:
        yield
        return
    os.putenv(_PATIENCE, "20")
    try:
        yield
    finally:
        os.unsetenv(_PATIENCE)


def fits(environment: Mapping[str, str]) -> bool:
    """Tell whether stages of such an environment can be forked from here.

    The seed of hashes is of the whole process. Other variables that libraries read when they are imported are for
    whoever called `warm` to compare.
    """
    return bool(_warm) and not sys.flags.hash_randomization and environment.get("PYTHONHASHSEED") == "0"


def _by_root(names: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(name.partition(".")[0], []).append(name)
    return found


def _import(load: Callable[[str], None], root: str, names: list[str]) -> None:
    """Import modules of one package ahead, if that goes unnoticed."""
    said: list[str] = []
    usual, before = warnings.showwarning, _visible()
    warnings.showwarning = lambda *message: said.append(str(message[0]))
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            for name in names:
                load(name)
    except Exception as wrong:  # whatever it is, stages shall meet it
        raise Unfit([root], f"{type(wrong).__name__}: {wrong}") from wrong
    finally:
        warnings.showwarning = usual
    if out.getvalue() or said:
        raise Unfit([root], "".join([out.getvalue(), *said]))
    after = _visible()
    changed = [name for name in before if before[name] != after[name]]
    if changed:
        raise Unfit([root], f"it changes the {', '.join(changed)}")


def _visible() -> dict[str, Any]:
    """Return state of the process that imports of libraries usually leave alone."""
    return {
        "directory": Path.cwd(),
        "path": list(sys.path),
        "recursion limit": sys.getrecursionlimit(),
        "hooks": (sys.excepthook, sys.displayhook),
        "signals": [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)],
        "timeout of sockets": socket.getdefaulttimeout(),
        "processes": children(),
    }


def children() -> list[int]:
    """Return the processes that this one has started, and those it was left."""
    try:
        return [int(text) for text in Path("/proc/self/task", str(os.getpid()), "children").read_text().split()]
    except OSError:
        return []
