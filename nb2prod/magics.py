"""Magics: `%%stage`, `%pipeline` and `%ship` in any front-end that has cells."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define, field

from nb2prod.errors.base import Nb2ProdError, NotebookError, Place
from nb2prod.stage import NAME, OPTIONS, declaration, split, untagged

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.interactiveshell import InteractiveShell

    from nb2prod.stage import Tag


@define
class StageRefused(NotebookError):
    """A `%%stage` line cannot be understood."""

    problem: str
    advice: str
    number: str  # NB104: the name; NB110: an option

    @property
    def code(self) -> str:
        """The code under which `nb2prod check` reports the same."""
        return self.number

    @property
    def message(self) -> str:
        """What happened."""
        return self.problem

    @property
    def cure(self) -> str:
        """What to do about it."""
        return self.advice


@define
class NotebookNotFound(NotebookError):
    """Nobody says which file the running notebook is."""

    tried: str

    code = "NB191"

    @property
    def message(self) -> str:
        """What happened."""
        return f"{self.tried}."

    @property
    def cure(self) -> str:
        """What to do about it."""
        return "Give its path: `%pipeline my_notebook.ipynb`."


@define
class RunFailed(Nb2ProdError):
    """A ship or run that was started here did not reach its end."""

    found: dict[str, Any]

    @property
    def code(self) -> str:
        """The code of what stopped it."""
        return str(self.found["code"])

    @property
    def message(self) -> str:
        """What happened."""
        return str(self.found["message"])

    @property
    def cure(self) -> str:
        """What to do about it."""
        return str(self.found["cure"])

    @property
    def place(self) -> Place:
        """Where in the notebook."""
        return Place(cell=self.found.get("cell"), stage=self.found.get("stage"))


class PipelineError(Exception):
    """An error of nb2prod as a notebook shows it: what happened and what to do, without our own traceback."""

    def _render_traceback_(self) -> list[str]:
        return str(self).splitlines()


@define
class Recorder:
    """Takes the `%%stage` line away before IPython reads a cell, and remembers what ran.

    The cell then runs exactly as it would without the line: `await`, displays, tracebacks and magics below included.
    """

    ran: dict[str, str] = field(factory=dict)  # stage → the source of its last cell that ran here
    # IPython also transforms cells to see whether they are complete; it leaves out what has side effects.
    has_side_effects: bool = True

    def __call__(self, lines: list[str]) -> list[str]:
        """Transform the lines of a cell."""
        source = "".join(lines)
        tag = declaration(source)
        if tag is None:
            return lines
        _accept(tag)
        self.ran[tag.name] = source
        return untagged(source).splitlines(keepends=True)

    def unsaved(self, path: Path) -> tuple[str, ...]:
        """Return the stages that ran here with code that the file does not have.

        None when the file has nothing of what ran here: then it is another notebook.
        """
        from nb2prod import api

        saved = {cell.source.strip() for cell in api.read(path).cells}
        missing = tuple(name for name, source in self.ran.items() if source.strip() not in saved)
        return missing if len(missing) < len(self.ran) else ()


def register(shell: InteractiveShell) -> None:
    """Teach a shell the magics; twice is the same as once."""
    if any(isinstance(transform, Recorder) for transform in shell.input_transformers_cleanup):
        return
    recorder = Recorder()
    shell.input_transformers_cleanup.insert(0, recorder)
    shell.register_magic_function(_stage(shell), "cell", "stage")
    shell.register_magic_function(_shown(lambda line: _pipeline(shell, recorder, line), _PIPELINE), "line", "pipeline")
    shell.register_magic_function(_shown(lambda line: _ship(shell, recorder, line), _SHIP), "line", "ship")


_PIPELINE = """Show the pipeline of a notebook: stages, findings, progress, and buttons to run and ship it.

    %pipeline [NOTEBOOK]

Without a path it is the notebook that this cell is in, where the front-end says which that is. The notebook is taken
as it is saved.
"""
_SHIP = """Run a notebook, package its model, rehearse the package, release and serve it.

    %ship [NOTEBOOK]

Without a path it is the notebook that this cell is in, where the front-end says which that is. The notebook is taken
as it is saved. Interrupt the kernel to cancel; what is done is kept.
"""


def _stage(shell: InteractiveShell) -> Callable[[str, str], None]:
    def stage(line: str, cell: str) -> None:
        tag = declaration(f"%%stage {line}")
        assert tag is not None
        _accept(tag)
        shell.run_cell(cell, store_history=False).raise_error()

    options = "\n".join(f"    --{name:9} {about}" for name, (_, about) in OPTIONS.items())
    stage.__doc__ = (
        "Run a cell as usual, and make it part of a stage.\n\n    %%stage NAME [--option value …]\n\n"
        "A stage's cells run together, are cached together and are retried together. What a stage reads and leaves is\n"
        f"inferred from its code. Options:\n\n{options}\n"
    )
    return _shown(stage, stage.__doc__)


def _accept(tag: Tag) -> None:
    """Stop at a stage line that a check would report."""
    if not NAME.fullmatch(tag.name):
        problem = f"'{tag.name}' is no name for a stage." if tag.name else "The stage has no name."
        advice = "Use small letters, digits and underscores, for instance `%%stage train`."
        raise PipelineError(str(StageRefused(problem, advice, "NB104")))
    if tag.faults:
        known = ", ".join(f"--{name}" for name in OPTIONS)
        raise PipelineError(
            str(StageRefused(f"Stage '{tag.name}': {tag.faults[0]}.", f"The options are {known}.", "NB110"))
        )


def _shown(magic: Callable[..., Any], about: str) -> Callable[..., Any]:
    """Let a magic's errors of ours be shown without a traceback."""

    def run(*given: str) -> Any:
        try:
            return magic(*given)
        except Nb2ProdError as wrong:
            raise PipelineError(str(wrong)) from None

    run.__doc__ = about
    return run


def _pipeline(shell: InteractiveShell, recorder: Recorder, line: str) -> Any:
    if _inside_a_run():
        return None
    path = notebook_path(line, shell.user_ns)
    from nb2prod.widget import Panel

    return Panel(path, _notes(recorder, path))


def _ship(shell: InteractiveShell, recorder: Recorder, line: str) -> None:
    if _inside_a_run():
        return
    path = notebook_path(line, shell.user_ns)
    from IPython.display import display

    from nb2prod.text import verbs
    from nb2prod.widget import Panel

    panel = Panel(path, _notes(recorder, path))
    display(panel)
    panel.start("ship")
    try:
        result = panel.wait()
    except KeyboardInterrupt:
        panel.cancel()
        result = panel.wait()
    if panel.progress.error is not None:
        raise RunFailed(dict(panel.progress.error))
    if result is not None:
        sys.stdout.write(verbs.ship(result) + "\n")


def _inside_a_run() -> bool:
    """Tell whether this is the process of a stage: a notebook that ships itself must not do so while it is shipped."""
    kernel = sys.modules.get("nb2prod.worker.kernel")  # a process that has not imported it is no stage's
    return kernel is not None and kernel.inside()


def _notes(recorder: Recorder, path: Path) -> tuple[str, ...]:
    from nb2prod import api

    notes = []
    other = recorder.unsaved(path)
    if other:
        names = ", ".join(f"'{name}'" for name in other)
        notes.append(f"The saved notebook differs from what ran here in stage {names}: save it, so that this ships.")
    if not any(stage.tags for stage in split(api.read(path))):
        notes.append(
            f"No cell is tagged yet. Stages are proposed below, and by: nb2prod suggest {shlex.quote(path.name)}"
        )
    return tuple(notes)


def notebook_path(line: str, names: dict[str, Any]) -> Path:
    """Return the notebook's file: as given, as Jupyter's server says, or as VS Code says.

    Raises:
        NotebookNotFound: None of them names a file that exists.
    """
    try:
        given = shlex.split(line)
    except ValueError:
        raise NotebookNotFound(f"A quote is not closed in `{line}`") from None
    if len(given) > 1:
        raise NotebookNotFound(f"`{line}` is more than one path; one with spaces needs quotes")
    if given:
        path = Path(given[0]).expanduser()
        if not path.is_file():
            raise NotebookNotFound(f"There is no notebook '{given[0]}'")
        return path.resolve()
    for told in (os.environ.get("JPY_SESSION_NAME", ""), str(names.get("__vsc_ipynb_file__", ""))):
        if told.endswith(".ipynb") and Path(told).is_file():
            return Path(told).resolve()
    raise NotebookNotFound("This front-end does not say which file the notebook is")
