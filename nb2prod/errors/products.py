"""Withheld: why a function, a table or a figure may not be shipped.

ShipError
├── TableUnclear         NB470  a table's column cannot be given out
├── ProductEmpty         NB471  nothing of what shall be published is a table or a figure
├── FileLeftBehind       NB474  a function reads a file that stays beside the notebook
├── FunctionUnclear      NB472  what a function takes, or answers, cannot be told
└── NotScored            NB473  a release is asked for something else than rows of a table
"""

from __future__ import annotations

from attrs import define

from nb2prod.errors.base import Place, ShipError


@define
class TableUnclear(ShipError):
    """A table's column cannot be given out."""

    table: str
    column: str
    reason: str

    code = "NB470"

    @property
    def message(self) -> str:
        return f"The column '{self.column}' of the table '{self.table}' cannot be published: {self.reason}."

    @property
    def cure(self) -> str:
        return (
            "Give each column a name of its own and values of one type (numbers, texts, booleans, times, lists of "
            "these), or leave it out: `%%stage publish --tables NAME` says which tables are meant."
        )


@define
class ProductEmpty(ShipError):
    """Nothing of what shall be published is a table or a figure."""

    names: tuple[str, ...]  # that were asked for and are no tables; empty where all was looked at
    cell: int | None = None

    code = "NB471"

    @property
    def message(self) -> str:
        if self.names:
            return f"'{', '.join(self.names)}' shall be published, and the run leaves no table of that name."
        return "The notebook leaves no model, no table and no figure, so there is nothing to serve."

    @property
    def cure(self) -> str:
        return (
            "End with what others shall have: a model fitted on its own line (`model.fit(X_train, y_train)`), a "
            "function `predict` in a stage `serve`, or a DataFrame under a name of its own: "
            "`%%stage publish --tables NAME`."
        )

    @property
    def place(self) -> Place:
        return Place(cell=self.cell)


@define
class FileLeftBehind(ShipError):
    """A function reads a file that stays beside the notebook."""

    name: str
    file: str
    cell: int | None

    code = "NB474"

    @property
    def message(self) -> str:
        return f"'{self.name}' names the file '{self.file}', which stays beside the notebook: no service has it."

    @property
    def cure(self) -> str:
        return (
            "Read it in a stage before, and let the function use what was read, which travels with it: "
            f"`table = read('{self.file}')`."
        )

    @property
    def place(self) -> Place:
        return Place(cell=self.cell)


@define
class FunctionUnclear(ShipError):
    """What a function takes, or answers, cannot be told."""

    name: str
    cell: int | None
    reason: str

    code = "NB472"

    @property
    def message(self) -> str:
        return f"A service cannot ask for what '{self.name}' takes: {self.reason}."

    @property
    def cure(self) -> str:
        return (
            "Annotate its parameters (`def predict(text: str, limit: int = 5) -> dict:`), call it once in the same "
            "stage, or set `example` to what it is called with: {'text': 'hello', 'limit': 5}."
        )

    @property
    def place(self) -> Place:
        return Place(cell=self.cell)


@define
class NotScored(ShipError):
    """A release is asked for something else than rows of a table."""

    release: str
    kind: str

    code = "NB473"

    @property
    def message(self) -> str:
        return f"'{self.release}' is a {self.kind}: there are no rows of a table for it to score."

    @property
    def cure(self) -> str:
        return f"Ask its service instead: `nb2prod serve {self.release}` says where it is."
