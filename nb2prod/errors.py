"""Errors: what went wrong, where, and what to do about it.

    Nb2ProdError
    ├── NotebookError       NB1xx  the notebook cannot be read, or would not reproduce
    │   ├── NotebookUnreadable  NB100
    │   ├── ChecksFailed        the code of the first finding
    │   └── StageUnknown        NB120
    ├── RunError            NB2xx  a stage did not finish
    │   ├── CellFailed          NB201
    │   ├── KernelDied          NB202
    │   ├── KernelMissing       NB203
    │   ├── StageTimedOut       NB204
    │   ├── ValueNotKept        NB205
    │   ├── ParameterUnknown    NB206
    │   ├── RunCancelled        NB207
    │   ├── OutputRefused       NB210
    │   └── (NB211 to NB215 are differences that `nb2prod verify` finds, no errors: see `nb2prod.compare`)
    ├── StoreError          NB3xx  something kept cannot be used
    │   ├── ArtifactMissing     NB301
    │   ├── ArtifactCorrupt     NB302
    │   ├── RunUnknown          NB303
    │   └── HomeUnusable        NB304
    ├── ShipError           NB4xx  the run is fine, but may not be shipped (see `nb2prod.shipping`)
    └── PluginMissing       NB901

Every error has a `code` that never changes meaning, a `message` (what happened), a `cure` (what to do) and a `place`.
Fields are positional, so that errors survive pickling. Only front-ends catch `Nb2ProdError`, to show it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    class Located(Protocol):
        """What `ChecksFailed` needs of a finding."""

        @property
        def code(self) -> str: ...
        @property
        def message(self) -> str: ...
        @property
        def cure(self) -> str: ...
        @property
        def place(self) -> Place: ...


@frozen(kw_only=True)
class Place:
    """Where in a notebook: cell index (from 0), its id, line within the cell (from 1), stage."""

    cell: int | None = None
    cell_id: str | None = None
    line: int | None = None
    stage: str | None = None

    def __str__(self) -> str:
        parts = []
        if self.cell is not None:
            parts.append(f"cell {self.cell + 1}")
        if self.line is not None:
            parts.append(f"line {self.line}")
        if self.stage is not None:
            parts.append(f"stage '{self.stage}'")
        return ", ".join(parts)


@define
class Nb2ProdError(Exception):
    """Something a user can understand and mend."""

    @property
    def code(self) -> str:
        """The stable name of this kind of error, such as `NB201`."""
        raise NotImplementedError

    @property
    def message(self) -> str:
        """What happened."""
        raise NotImplementedError

    @property
    def cure(self) -> str:
        """What to do about it."""
        raise NotImplementedError

    @property
    def place(self) -> Place:
        """Where in the notebook, as far as known."""
        return Place()

    @property
    def detail(self) -> str | None:
        """More to read, such as the traceback of the user's code."""
        return None

    def __str__(self) -> str:
        where = str(self.place)
        return f"{self.code}: {self.message}{f' ({where})' if where else ''}\n{self.cure}"


@define
class NotebookError(Nb2ProdError):
    """The notebook cannot be read, or would not reproduce."""


@define
class NotebookUnreadable(NotebookError):
    """The file is not a notebook that can be read."""

    path: str
    reason: str

    code = "NB100"

    @property
    def message(self) -> str:
        return f"'{self.path}' cannot be read as a notebook: {self.reason}."

    @property
    def cure(self) -> str:
        return "Open it in Jupyter and save it again, or give the path of an .ipynb file."


@define
class ChecksFailed(NotebookError):
    """The check found errors, so nothing was run."""

    findings: Sequence[Located]

    @property
    def code(self) -> str:
        return self.findings[0].code

    @property
    def message(self) -> str:
        more = len(self.findings) - 1
        return self.findings[0].message + (f" ({more} more: see `nb2prod check`)" if more else "")

    @property
    def cure(self) -> str:
        return self.findings[0].cure

    @property
    def place(self) -> Place:
        return self.findings[0].place


@define
class StageUnknown(NotebookError):
    """A stage was named that the notebook does not have."""

    name: str
    known: tuple[str, ...]

    code = "NB120"

    @property
    def message(self) -> str:
        return f"There is no stage '{self.name}'."

    @property
    def cure(self) -> str:
        return f"The stages are: {', '.join(self.known) or 'none'}."


@define
class RunError(Nb2ProdError):
    """A stage did not finish."""


@define
class CellFailed(RunError):
    """A cell raised an exception."""

    where: Place
    name: str  # of the exception's class
    value: str
    traceback: str = field(repr=False)

    code = "NB201"

    @property
    def message(self) -> str:
        return f"The cell raised {self.name}: {self.value}".rstrip(": ") + "."

    @property
    def cure(self) -> str:
        return "Mend the cell and run again: stages that are done are reused."

    @property
    def place(self) -> Place:
        return self.where

    @property
    def detail(self) -> str | None:
        return self.traceback


@define
class KernelDied(RunError):
    """The stage's process ended while a cell was running."""

    where: Place
    status: int | None  # exit code; negative is the signal that killed it

    code = "NB202"

    @property
    def message(self) -> str:
        if self.status is not None and self.status < 0:
            return f"The kernel was killed by signal {-self.status} while this cell ran."
        ended = "" if self.status is None else f" with exit code {self.status}"
        return f"The kernel ended{ended} while this cell ran."

    @property
    def cure(self) -> str:
        if self.status == -9:
            return "Signal 9 is most often the system running out of memory: use less data, or a smaller stage."
        return "Look for code that ends the process (os._exit, a crash in a native library) in this cell."

    @property
    def place(self) -> Place:
        return self.where


@define
class KernelMissing(RunError):
    """The notebook's kernel cannot be started here."""

    name: str
    reason: str

    code = "NB203"

    @property
    def message(self) -> str:
        return f"The kernel '{self.name}' cannot be used: {self.reason}."

    @property
    def cure(self) -> str:
        return "Choose a kernel that `jupyter kernelspec list` shows and that has nb2prod installed, or pass --kernel."


@define
class StageTimedOut(RunError):
    """A cell ran longer than its stage allows."""

    where: Place
    seconds: float

    code = "NB204"

    @property
    def message(self) -> str:
        return f"The cell ran longer than the {self.seconds:g} s its stage allows."

    @property
    def cure(self) -> str:
        return "Raise the stage's `--timeout`, or give it less to do."

    @property
    def place(self) -> Place:
        return self.where


@define
class ValueNotKept(RunError):
    """A value that a later stage needs cannot be stored."""

    where: Place
    name: str
    kind: str
    reason: str
    readers: tuple[str, ...] = ()

    code = "NB205"

    @property
    def message(self) -> str:
        used = f", which stage {' and '.join(repr(r) for r in self.readers)} needs," if self.readers else ""
        return f"'{self.name}' ({self.kind}){used} cannot be kept: {self.reason}."

    @property
    def cure(self) -> str:
        return (
            "Make it again where it is used: put the line that makes it into a cell tagged 'setup', merge the stages, "
            "or pass something that can be stored (a path, a list)."
        )

    @property
    def place(self) -> Place:
        return self.where


@define
class ParameterUnknown(RunError):
    """A parameter was given that the notebook does not declare."""

    names: tuple[str, ...]
    known: tuple[str, ...]

    code = "NB206"

    @property
    def message(self) -> str:
        return f"The notebook has no parameter {', '.join(repr(n) for n in self.names)}."

    @property
    def cure(self) -> str:
        if self.known:
            return f"Its parameters are: {', '.join(self.known)}."
        return "Tag a cell that sets it to its default with 'parameters'."


@define
class RunCancelled(RunError):
    """Somebody stopped the run."""

    where: Place

    code = "NB207"

    @property
    def message(self) -> str:
        return "The run was cancelled."

    @property
    def cure(self) -> str:
        return "Run again to go on: stages that are done are reused."

    @property
    def place(self) -> Place:
        return self.where


@define
class OutputRefused(RunError):
    """The executed notebook cannot be written where it was asked for."""

    path: str
    reason: str

    code = "NB210"

    @property
    def message(self) -> str:
        return f"The executed notebook cannot be written to '{self.path}': {self.reason}."

    @property
    def cure(self) -> str:
        return "Give the path of a file in a folder that you may write, such as `-o out.ipynb`."


@define
class StoreError(Nb2ProdError):
    """Something kept cannot be used."""


@define
class ArtifactMissing(StoreError):
    """The store has nothing under a key."""

    key: str

    code = "NB301"

    @property
    def message(self) -> str:
        return f"Nothing is kept under '{self.key}'."

    @property
    def cure(self) -> str:
        return "Run the notebook again: what is missing is made anew."


@define
class ArtifactCorrupt(StoreError):
    """What is kept under a key is not what was put there."""

    key: str

    code = "NB302"

    @property
    def message(self) -> str:
        return f"What is kept under '{self.key}' was changed or cut off."

    @property
    def cure(self) -> str:
        return "It was set aside; run the notebook again to make it anew."


@define
class RunUnknown(StoreError):
    """A run or release was named that is not here."""

    name: str

    code = "NB303"

    @property
    def message(self) -> str:
        return f"There is no run or release '{self.name}' here."

    @property
    def cure(self) -> str:
        return "List them with `nb2prod runs` and `nb2prod releases`."


@define
class HomeUnusable(StoreError):
    """The folder of records cannot be made or written."""

    path: str
    reason: str

    code = "NB304"

    @property
    def message(self) -> str:
        return f"Records cannot be written to '{self.path}': {self.reason}."

    @property
    def cure(self) -> str:
        return "Make that a folder that you may write, or copy the notebook to where you may."


@define
class ShipError(Nb2ProdError):
    """The run is fine, but what it made may not be shipped."""


@define
class PluginMissing(Nb2ProdError):
    """No installed package provides a plug-in of that name."""

    group: str
    name: str
    known: tuple[str, ...]

    code = "NB901"

    @property
    def message(self) -> str:
        return f"No '{self.name}' is installed among {self.group}."

    @property
    def cure(self) -> str:
        return f"Installed are: {', '.join(self.known) or 'none'}."


# What was asked for is not there: wrong use, not work that failed.
MISUSE = frozenset({StageUnknown.code, ParameterUnknown.code, OutputRefused.code})
