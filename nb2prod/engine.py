"""StagedEngine: `papermill in.ipynb out.ipynb --engine nb2prod` runs a notebook as its pipeline."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import nbformat
from attrs import evolve
from papermill.engines import Engine
from papermill.iorw import papermill_io

from nb2prod import relay, run_name, settings
from nb2prod.errors.runs import CellFailed

if TYPE_CHECKING:
    from nb2prod.errors.base import Nb2ProdError
    from nb2prod.events import Event, Listener
    from nb2prod.settings import Settings

_NAMELESS = "notebook.ipynb"


class StagedEngine(Engine):  # type: ignore[misc]
    """Runs each stage in a process of its own; parameters, progress and outputs keep papermill's meaning."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> None:
        """Run `nb_man.nb` stage by stage, filling its cells.

        Args:
            nb_man: papermill's manager of the notebook's state.
            kernel_name: The kernel that papermill chose.
            options: `input_path` says where the notebook lives; the rest is for kernels that papermill itself starts.
        """
        path = _place(options.get("input_path"))
        chosen = evolve(settings.read(path), kernel=kernel_name)
        name = run_name.new()

        def follow(event: Event) -> None:
            _follow(nb_man, event)

        warm = relay.carried_out(nb_man.nb, path, name, chosen, follow)
        error = _run(nb_man.nb, path, name, chosen, follow) if warm is None else warm[0]
        for cell in nb_man.nb.cells:
            _as_nodes(cell)  # those of stages that were reused
        # A failed cell has its traceback in the outputs, from which papermill makes its own error.
        if error is not None and not isinstance(error, CellFailed):
            raise error


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
    if cell.cell_type == "code":
        cell.outputs = nbformat.from_dict(list(cell.outputs))
