"""Errors: what went wrong, where, and what to do about it.

    Nb2ProdError
    ├── NotebookError       NB1xx  the notebook cannot be read, or would not reproduce
    │   ├── NotebookUnreadable  NB100
    │   ├── ChecksFailed        the code of the first finding
    │   ├── StageUnknown        NB120
    │   ├── SettingWrong        NB121
    │   └── RequirementRefused  NB122
    ├── RunError            NB2xx  a stage did not finish (see `nb2prod.errors.runs`)
    ├── StoreError          NB3xx  something kept cannot be used
    │   ├── ArtifactMissing     NB301
    │   ├── ArtifactCorrupt     NB302
    │   ├── RunUnknown          NB303
    │   ├── HomeUnusable        NB304
    │   └── (more in `nb2prod.errors.stores`)
    ├── ShipError           NB4xx  the run is fine, but may not be shipped (see `nb2prod.errors.ships`)
    ├── PluginMissing       NB901
    └── ExtraMissing        NB902

Every error has a `code` that never changes meaning, a `message` (what happened), a `cure` (what to do) and a `place`.
Fields are positional, so that errors survive pickling. Only front-ends catch `Nb2ProdError`, to show it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
from attrs import frozen

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


_unmade: set[type] = set()


def _define(cls: type) -> type:
    """Make a class of errors with attrs, but only when there is the first one, or a class below it.

    There are many of them, and each takes as long as a small module takes to import; most are never raised.
    """

    def __init__(self: Any, *values: Any, **named: Any) -> None:  # noqa: N807
        _make(cls)
        cls.__init__(self, *values, **named)  # type: ignore[misc]

    cls.__init__ = __init__  # type: ignore[misc]
    _unmade.add(cls)
    return cls


def _make(cls: type) -> None:
    if cls in _unmade:
        _unmade.discard(cls)
        del cls.__init__  # type: ignore[misc]
        attrs.define(cls, slots=False)


if TYPE_CHECKING:
    from attrs import define as define
else:
    define = _define


@define
class Nb2ProdError(Exception):
    """Something a user can understand and mend."""

    def __init_subclass__(cls) -> None:
        for base in reversed(cls.__mro__[1:]):
            _make(base)

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
class SettingWrong(NotebookError):
    """A flag, variable or entry of pyproject.toml has a value that means nothing."""

    name: str
    value: str
    meaning: str

    code = "NB121"

    @property
    def message(self) -> str:
        return f"'{self.value}' is no value for '{self.name}'."

    @property
    def cure(self) -> str:
        return f"It takes {self.meaning}."


@define
class RequirementRefused(NotebookError):
    """A package cannot be added to a file of requirements."""

    requirement: str
    file: str
    reason: str

    code = "NB122"

    @property
    def message(self) -> str:
        return f"'{self.requirement}' cannot be added to {self.file}: {self.reason}."

    @property
    def cure(self) -> str:
        return "Write it there yourself, in the form that the file has."


@define
class RunError(Nb2ProdError):
    """A stage did not finish."""


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
        return "Make that a folder that you may write and that has room, or copy the notebook to where it is so."


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


@define
class ExtraMissing(Nb2ProdError):
    """A library that only some need is not installed."""

    wanted: str
    library: str
    extra: str

    code = "NB902"

    @property
    def message(self) -> str:
        return f"'{self.wanted}' needs a library that is not installed: {self.library}."

    @property
    def cure(self) -> str:
        return f"pip install 'nb2prod[{self.extra}]'" if self.extra else f"pip install {self.library}"
