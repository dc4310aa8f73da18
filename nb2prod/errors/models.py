"""Unshippable: why what a notebook leaves cannot be shipped as a model.

ShipError
├── ModelMissing         NB401  nothing predicts
├── ModelsSeveral        NB402  more than one value does
├── TrainingRowsMissing  NB403  what the model learnt from cannot be told
├── HeldOutRowsMissing   NB404  nothing judges it but the rows it learnt from
├── ColumnUnclear        NB405  a column's values cannot be sent as JSON
├── ModelsInside         NB418  models are inside something, and none has a name
├── ModelUnjudged        NB419  there is nothing to compare its answers with
├── ModelNotPickled      NB406  the model cannot leave its process
└── PackageUnknown       NB407  the code imports what no installed package provides
"""

from __future__ import annotations

from nb2prod.errors.base import Place, ShipError, define


@define
class ModelMissing(ShipError):
    """The notebook leaves nothing that predicts."""

    name: str | None = None  # as the user gave it
    cell: int | None = None  # the last that could have left one

    code = "NB401"

    @property
    def place(self) -> Place:
        return Place(cell=self.cell)

    @property
    def message(self) -> str:
        if self.name:
            return f"'{self.name}' was named as the model, but the run leaves no such value with a `predict` method."
        return "The notebook leaves no fitted model, so there is nothing to serve."

    @property
    def cure(self) -> str:
        return (
            "Fit one on its own line (`model.fit(X_train, y_train)`), or name it on its stage: "
            "`%%stage train --model NAME`. Without a model ships a function `predict` in a stage `serve`, or a stage "
            "`publish` with tables and figures."
        )


@define
class ModelsSeveral(ShipError):
    """The notebook leaves more than one model."""

    names: tuple[str, ...]
    cells: tuple[int, ...]

    code = "NB402"

    @property
    def message(self) -> str:
        seen = ", ".join(f"'{name}' (cell {cell + 1})" for name, cell in zip(self.names, self.cells, strict=True))
        return f"The notebook leaves several models: {seen}."

    @property
    def cure(self) -> str:
        return f"Say which to ship on its stage: `%%stage train --model {self.names[-1]}`."

    @property
    def place(self) -> Place:
        return Place(cell=self.cells[-1])


@define
class TrainingRowsMissing(ShipError):
    """What the model learnt from cannot be told."""

    model: str
    cell: int

    code = "NB403"

    @property
    def message(self) -> str:
        return f"The rows and labels that '{self.model}' learnt from were not found at the end of the run."

    @property
    def cure(self) -> str:
        return (
            "Keep them under names of their own (`model.fit(X_train, y_train)`), or name them in the notebook's "
            "metadata: "
            '{"nb2prod": {"features": "X_train", "target": "y_train"}}.'
        )

    @property
    def place(self) -> Place:
        return Place(cell=self.cell)


@define
class HeldOutRowsMissing(ShipError):
    """Nothing judges the model but the rows it learnt from."""

    model: str
    cell: int

    seen: int = 0  # rows that should judge it and that it learnt from
    of: int = 0

    code = "NB404"

    @property
    def message(self) -> str:
        if self.seen:
            return (
                f"'{self.model}' learnt from {self.seen} of the {self.of} rows that should judge it: "
                "its quality on new rows is unknown."
            )
        return f"No rows were kept aside to judge '{self.model}': its quality is unknown and cannot be rehearsed."

    @property
    def cure(self) -> str:
        if self.seen:
            return (
                "Fit it on the training rows only (`model.fit(X_train, y_train)`), last of all, or keep rows aside "
                "that the last fit does not see, and measure it on those."
            )
        return (
            "Split the data (`train_test_split`) and measure the model on the part it has not seen, or name that part "
            'in the notebook\'s metadata: {"nb2prod": {"holdout": ["X_test", "y_test"]}}.'
        )

    @property
    def place(self) -> Place:
        return Place(cell=self.cell)


@define
class ColumnUnclear(ShipError):
    """A column's values cannot be sent as JSON."""

    column: str
    reason: str

    code = "NB405"

    @property
    def message(self) -> str:
        return f"A service cannot ask for '{self.column}': {self.reason}."

    @property
    def cure(self) -> str:
        return (
            "Give the model columns of numbers, texts, booleans or dates, each of one type, and let the model's "
            "own pipeline turn them into what it needs; or ship a function `predict` that does, in a stage `serve`."
        )


@define
class ModelsInside(ShipError):
    """Models are inside something, and none of them has a name of its own."""

    name: str  # of what they are in
    places: tuple[str, ...]  # as expressions
    cell: int

    code = "NB418"

    @property
    def message(self) -> str:
        listed = ", ".join(self.places[:5]) + (", …" if len(self.places) > 5 else "")
        return f"The models of the notebook are inside '{self.name}' ({listed}), and none was chosen."

    @property
    def cure(self) -> str:
        return f"Give the one to ship a name of its own, and measure it: `model = {self.places[0]}`."

    @property
    def place(self) -> Place:
        return Place(cell=self.cell)


@define
class ModelUnjudged(ShipError):
    """There is nothing to compare a model's answers with."""

    model: str
    cell: int
    reason: str

    code = "NB419"

    @property
    def message(self) -> str:
        return f"'{self.model}' cannot be measured against held-out labels: {self.reason}."

    @property
    def cure(self) -> str:
        return (
            "Ship it as a function, which needs no labels: a stage `%%stage serve` with "
            f"`def predict(rows: pd.DataFrame): return {self.model}.predict(rows)` and a call of it, such as "
            "`predict(X_test)`, whose answers the rehearsal compares."
        )

    @property
    def place(self) -> Place:
        return Place(cell=self.cell)


@define
class ModelNotPickled(ShipError):
    """The model cannot leave its process."""

    model: str
    cell: int
    reason: str

    code = "NB406"

    @property
    def message(self) -> str:
        return f"'{self.model}' cannot be put into a package: {self.reason}."

    @property
    def cure(self) -> str:
        return (
            "Keep connections, locks, open files and generators out of the model (make them when they are needed), "
            "and define its classes and functions at the top level of a cell."
        )

    @property
    def place(self) -> Place:
        return Place(cell=self.cell)


@define
class PackageUnknown(ShipError):
    """The code imports what no installed package provides."""

    module: str

    code = "NB407"

    @property
    def message(self) -> str:
        return f"The service needs the module '{self.module}', which no installed package provides."

    @property
    def cure(self) -> str:
        return "Install it as a package, or put its file beside the notebook: then it travels with the service."
