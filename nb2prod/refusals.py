"""Refusal: why a run that went well may not be shipped.

ShipError
├── ModelMissing         NB401  nothing predicts
├── ModelsSeveral        NB402  more than one value does
├── TrainingRowsMissing  NB403  what the model learnt from cannot be told
├── HeldOutRowsMissing   NB404  nothing judges it but the rows it learnt from
├── ColumnUnclear        NB405  a column's values cannot be sent as JSON
├── ModelNotPickled      NB406  the model cannot leave its process
├── PackageUnknown       NB407  the code imports what no installed package provides
├── BentoNotBuilt        NB408  BentoML refused what was generated
├── ServiceNotReady      NB409  the service did not start
├── ServiceDiffers       NB410  it answers differently from the notebook
└── ReleaseExists        NB411  the id is taken
"""

# ruff: noqa: D102  message, cure and place are explained where the tree begins

from __future__ import annotations

from attrs import define

from nb2prod.errors import Place, ShipError


@define
class ModelMissing(ShipError):
    """The notebook leaves nothing that predicts."""

    name: str | None = None  # as the user gave it

    code = "NB401"

    @property
    def message(self) -> str:
        if self.name:
            return f"'{self.name}' was named as the model, but the run leaves no such value with a `predict` method."
        return "The notebook leaves no fitted model, so there is nothing to serve."

    @property
    def cure(self) -> str:
        return (
            "Fit one on its own line (`model.fit(X_train, y_train)`), or name it on its stage: "
            "`%%stage train --model NAME`. A notebook without a model will ship as a data product in a later version."
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

    code = "NB404"

    @property
    def message(self) -> str:
        return f"No rows were kept aside to judge '{self.model}': its quality is unknown and cannot be rehearsed."

    @property
    def cure(self) -> str:
        return (
            "Split the data (`train_test_split`) and measure the model on the part it has not seen, or name that part "
            'in the notebook\'s metadata: {"nb2prod": {"holdout": ["X_test", "y_test"]}}.'
        )

    @property
    def place(self) -> Place:
        return Place(cell=self.cell)
