"""Failures: why a stage, and with it a run, did not finish.

RunError                NB2xx
├── CellFailed          NB201
├── KernelDied          NB202
├── KernelMissing       NB203
├── StageTimedOut       NB204
├── ValueNotKept        NB205
├── ParameterUnknown    NB206
├── RunCancelled        NB207
├── StageEnded          NB209
├── OutputRefused       NB210
├── ResourcesMissing    NB220
├── ClusterUnreachable  NB221
├── FolderMissing       NB222
├── DataUnfit           NB223
└── (NB211 to NB215 are differences that `nb2prod verify` finds, no errors: see `nb2prod.compare.runs`)
"""

from __future__ import annotations

import signal
from typing import Literal

from attrs import field

from nb2prod.errors.base import Place, RunError, SettingWrong, StageUnknown, define
from nb2prod.errors.deployments import ShareWrong
from nb2prod.errors.stores import CredentialsInUrl

_KILLED = -9  # by the signal of this number, which Windows has no name for


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
        again = "run again: stages that are done are reused."
        if self.name == "ModuleNotFoundError":
            return f"Install the package where the kernel runs (`nb2prod check` says which it is), and {again}"
        return f"Mend the cell and {again}"

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
    peak: int | None = None  # bytes of memory it had at most
    over: int | None = None  # bytes it took when it was ended for taking more than its stage allows
    said: str = field(default="", repr=False)  # its last words on stderr

    code = "NB202"

    @property
    def message(self) -> str:
        if self.over:
            return f"The stage took {_size(self.over)} of memory, more than it may, and was ended while this cell ran."
        at = f", when it had taken up to {_size(self.peak)} of memory," if self.peak else ""
        if self.status is not None and self.status < 0:
            probably = " Probably the system ran out of memory." if self.status == _KILLED else ""
            return f"The kernel was killed by {_signal(-self.status)}{at} while this cell ran.{probably}".replace(
                ",.", "."
            )
        ended = "" if self.status is None else f" with exit code {self.status}"
        return f"The kernel ended{ended} while this cell ran."

    @property
    def cure(self) -> str:
        if self.over:
            return "Raise the stage's `--memory`, or give it less data."
        if self.status == _KILLED:
            return "Use less data, or a smaller stage, or a machine with more memory."
        return "Look for code that ends the process (os._exit, a crash in a native library) in this cell."

    @property
    def detail(self) -> str | None:
        return self.said or None

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
    what: Literal["cell", "stage"] = "cell"

    code = "NB204"

    @property
    def message(self) -> str:
        if self.what == "stage":
            return f"The stage ran longer than the {self.seconds:g} s it may, and was stopped in this cell."
        return f"The cell ran longer than the {self.seconds:g} s its stage allows."

    @property
    def cure(self) -> str:
        option = "--stage-timeout" if self.what == "stage" else "--timeout"
        return f"Raise the stage's `{option}`, or give it less to do."

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
class StageEnded(RunError):
    """A cell ended the process in good order, though there was more to run."""

    where: Place

    code = "NB209"

    @property
    def message(self) -> str:
        return "The cell ended the stage early (sys.exit): the cells below it were not run."

    @property
    def cure(self) -> str:
        return "Put what shall not always run into an `if`, or take the `sys.exit` out; the last cell may have one."

    @property
    def place(self) -> Place:
        return self.where


@define
class OutputRefused(RunError):
    """A notebook cannot be written where it was asked for."""

    path: str
    reason: str

    code = "NB210"

    @property
    def message(self) -> str:
        return f"The notebook cannot be written to '{self.path}': {self.reason}."

    @property
    def cure(self) -> str:
        return "Give the path of a file in a folder that you may write, such as `-o out.ipynb`."


@define
class ResourcesMissing(RunError):
    """A stage asks for more than the machine has."""

    where: Place
    kind: str
    asked: int
    there: int

    code = "NB220"

    @property
    def message(self) -> str:
        return f"The stage asks for {self.asked:,} {self.kind}, and this machine has {self.there:,}."

    @property
    def cure(self) -> str:
        return "Ask for less in the stage's options, or run it where there is more, such as with `--executor dask`."

    @property
    def place(self) -> Place:
        return self.where


@define
class ClusterUnreachable(RunError):
    """Nobody answers where a cluster was said to be, or not any more."""

    address: str
    reason: str

    code = "NB221"

    @property
    def message(self) -> str:
        return f"The cluster at '{self.address}' does not answer: {self.reason}".rstrip(".") + "."

    @property
    def cure(self) -> str:
        return "Give the address of a Dask scheduler with --cluster, such as tcp://host:8786, and see that it runs."


@define
class FolderMissing(RunError):
    """A worker on another machine does not have the notebook's folder."""

    where: Place
    folder: str
    host: str

    code = "NB222"

    @property
    def message(self) -> str:
        return f"The machine '{self.host}' has no folder '{self.folder}', where the notebook's code runs."

    @property
    def cure(self) -> str:
        return "Put the notebook into a folder that all workers share under the same path."

    @property
    def place(self) -> Place:
        return self.where


@define
class DataUnfit(RunError):
    """A file of rows is not what a release's model takes."""

    path: str
    faults: tuple[str, ...]  # the first of them
    count: int

    code = "NB223"

    @property
    def message(self) -> str:
        more = f"; and {self.count - len(self.faults):,} more" if self.count > len(self.faults) else ""
        return f"'{self.path}' does not fit: {'; '.join(self.faults)}{more}."

    @property
    def cure(self) -> str:
        return "Nothing was written. Mend what is named; the rules for rows are in the release's schema.json."


@define
class WarmFailed(RunError):
    """The process that has libraries imported ahead did not start."""

    said: str

    code = "NB230"

    @property
    def message(self) -> str:
        return f"The warm process did not start: {self.said.strip().rpartition(chr(10))[2]}"

    @property
    def cure(self) -> str:
        return "Runs go without it. It needs Linux, and a folder of this user's own for its socket."

    @property
    def detail(self) -> str | None:
        return self.said


# What was asked for is not there: wrong use, not work that failed.
MISUSE = frozenset(
    kind.code for kind in (SettingWrong, StageUnknown, ParameterUnknown, OutputRefused, CredentialsInUrl, ShareWrong)
)


def _size(number: int) -> str:
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{number / 1e6:.0f} MB"


def _signal(number: int) -> str:
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number}"
