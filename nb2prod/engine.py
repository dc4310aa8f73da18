"""StagedEngine: `papermill in.ipynb out.ipynb --engine nb2prod` runs a notebook as its pipeline.

Each stage runs in a process of its own; parameters, progress and outputs keep papermill's meaning.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nb2prod.errors.base import Nb2ProdError
    from nb2prod.events import Event, Listener
    from nb2prod.settings import Settings

_NAME = "StagedEngine"
_NAMELESS = "notebook.ipynb"
_OFTEN = 1.0  # seconds between two times that the executed notebook is written


def __getattr__(name: str) -> Any:
    """Make papermill's class of this engine when it is asked for.

    papermill asks while it is being imported itself: there is nothing but `Engine` yet, and whoever imports this module
    first must not import papermill, which would ask for the class before it is there.
    """
    if name != _NAME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from papermill.engines import Engine

    if _NAME not in globals():  # papermill may have asked during the line above
        made = {"__doc__": __doc__, "execute_managed_notebook": classmethod(_execute)}
        globals()[_NAME] = type(_NAME, (Engine,), made)
    return globals()[_NAME]


def _execute(_cls: type, /, nb_man: Any, kernel_name: str, **options: Any) -> None:
    """Run `nb_man.nb` stage by stage, filling its cells.

    Args:
        nb_man: papermill's manager of the notebook's state.
        kernel_name: The kernel that papermill chose.
        options: `input_path` says where the notebook lives; the rest is for kernels that papermill itself starts.
    """
    from attrs import evolve

    from nb2prod import relay, settings
    from nb2prod.errors.runs import CellFailed
    from nb2prod.startup import run_name

    path = _place(options.get("input_path"))
    chosen = evolve(settings.read(path), kernel=kernel_name)
    name = run_name.new()

    def follow(event: Event) -> None:
        _follow(nb_man, event)

    with _bundled(nb_man) as save:
        warm = relay.carried_out(nb_man.nb, path, name, chosen, follow, save)
    error = _run(nb_man.nb, path, name, chosen, follow) if warm is None else warm[0]
    for cell in nb_man.nb.cells:
        _as_nodes(cell)  # those of stages that were reused
    if error is None:
        nb_man.complete_pbar()  # papermill counts texts as well, of which nobody told it
    # A failed cell has its traceback in the outputs, from which papermill makes its own error.
    if error is not None and not isinstance(error, CellFailed):
        raise error


@contextmanager
def _bundled(nb_man: Any) -> Iterator[Callable[[], None]]:
    """Let the manager save the notebook now and then, and not twice a cell; give what saves it when there is time."""
    save, due, when = nb_man.save, False, time.monotonic()

    def now() -> None:
        nonlocal due, when
        if due:
            save()
            due, when = False, time.monotonic()

    def later() -> None:
        nonlocal due
        due = True
        if time.monotonic() - when > _OFTEN:
            now()

    nb_man.save = later
    try:
        yield now
    finally:
        nb_man.save = save  # that it does at the end is papermill's to see to


def _run(nb: Any, path: Path, name: str, chosen: Settings, follow: Listener) -> Nb2ProdError | None:
    # On use: a daemon has them imported.
    from nb2prod import run, schema

    # Plain papermill starts the kernel here: in `--cwd`, or where papermill was called.
    how = run.Options(run=name, folder=Path.cwd())
    tell = run.journaled(chosen.home, name, follow)
    report = run.of_document(nb, path, how, chosen, tell)
    run.finish(chosen.home, schema.report(report), tell)
    return report.error


def _place(given: Any) -> Path:
    """Return where the notebook lives: its file, or a name in this folder when it came from elsewhere.

    A path is relative to where papermill was called, which its file handler remembers when `--cwd` went elsewhere.
    """
    from papermill.iorw import papermill_io

    text = given if isinstance(given, str) else ""
    if "://" in text:
        return Path.cwd() / (PurePosixPath(urlsplit(text).path).name or _NAMELESS)
    if not text.endswith((".ipynb", ".json")):
        return Path.cwd() / _NAMELESS  # standard input, or the document itself
    files = papermill_io.get_handler("local")
    caller = files.cwd(None)  # there is no way to ask but to set
    files.cwd(caller)
    return Path(caller or Path.cwd(), text)


def _follow(nb_man: Any, event: Event) -> None:
    if event.kind != "cell":
        return
    index = event.data["cell"]
    cell = nb_man.nb.cells[index]
    if event.data["state"] == "running":
        nb_man.cell_start(cell, index)
        return
    _as_nodes(cell)
    if event.data["state"] == "failed":
        nb_man.cell_exception(cell, index)
    nb_man.cell_complete(cell, index)


def _as_nodes(cell: Any) -> None:
    import nbformat

    if cell.cell_type == "code":
        cell.outputs = nbformat.from_dict(list(cell.outputs))
