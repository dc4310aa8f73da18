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
├── ReleaseExists        NB411  the id is taken
├── PackingEnded         NB412  the process that packs ended without a word
├── StagedDiffers        NB413  the stages do not do what the notebook does
├── PolicyWrong          NB414  the project's policy cannot be read
├── SecretFound          NB415  what would be packaged holds a secret
├── GateClosed           NB416  a rule of the policy is broken
└── (more in `nb2prod.errors.products`)
"""

from __future__ import annotations

from typing import Any

from attrs import field

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
            "own pipeline turn them into what it needs."
        )


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


@define
class BentoNotBuilt(ShipError):
    """BentoML refused what was generated."""

    reason: str
    log: str

    code = "NB408"

    @property
    def message(self) -> str:
        return f"BentoML could not build the service: {self.reason}."

    @property
    def cure(self) -> str:
        return "The log below says why; the generated files are kept with the run."

    @property
    def detail(self) -> str | None:
        return self.log


@define
class ServiceNotReady(ShipError):
    """The service did not start."""

    reason: str
    log: str

    code = "NB409"

    @property
    def message(self) -> str:
        return f"The service did not start: {self.reason}."

    @property
    def cure(self) -> str:
        return "Read the log below: most often the model needs something that only the notebook's process had."

    @property
    def detail(self) -> str | None:
        return self.log


@define
class ServiceDiffers(ShipError):
    """The service answers differently from the notebook."""

    reason: str
    rows: str  # the first rows that differ, for people

    code = "NB410"

    @property
    def message(self) -> str:
        return f"The service does not answer as the notebook does: {self.reason}."

    @property
    def cure(self) -> str:
        return (
            "Look for state that the model reads and the package does not hold: a file, an environment variable, "
            "a clock, a random number drawn while predicting."
        )

    @property
    def detail(self) -> str | None:
        return self.rows


@define
class ReleaseExists(ShipError):
    """The id of a release is taken."""

    release: str

    code = "NB411"

    @property
    def message(self) -> str:
        return f"There is a release '{self.release}' already."

    @property
    def cure(self) -> str:
        return "Ship again: every run has an id of its own."


@define
class PackingEnded(ShipError):
    """The process that packs the model ended without a word."""

    status: int
    log: str

    code = "NB412"

    @property
    def message(self) -> str:
        how = f"was killed by signal {-self.status}" if self.status < 0 else f"ended with exit code {self.status}"
        return f"The process that loads and packs the model {how}."

    @property
    def cure(self) -> str:
        if self.status == -9:
            return "Signal 9 is most often the system running out of memory: use a smaller model, or less data."
        return "Read the log below: loading the notebook's values failed in a way that Python could not report."

    @property
    def detail(self) -> str | None:
        return self.log


@define
class StagedDiffers(ShipError):
    """Run straight through, the notebook does something else than its stages."""

    where: Place
    difference: str  # what differs first
    more: int  # differences besides this one
    verdict: Any = field(repr=False)  # of `nb2prod.compare.runs`

    code = "NB413"

    @property
    def message(self) -> str:
        more = f" ({self.more} more: see `nb2prod verify`)" if self.more else ""
        return f"The stages do not do what the notebook does when run from top to bottom: {self.difference}{more}."

    @property
    def cure(self) -> str:
        return (
            "Look for state that only the notebook's own process has (a process id, an object's identity, an attribute "
            "of a module) and put it into the same stage as its readers, or into a cell tagged 'setup'. "
            "`--no-verify` ships without this comparison."
        )

    @property
    def place(self) -> Place:
        return self.where


@define
class PolicyWrong(ShipError):
    """The project's policy cannot be read."""

    rule: str
    reason: str

    code = "NB414"

    @property
    def message(self) -> str:
        return f"The policy's '{self.rule}' {self.reason}."

    @property
    def cure(self) -> str:
        return "Mend it in the project's pyproject.toml, under [tool.nb2prod.policy]."


@define
class SecretFound(ShipError):
    """What would be packaged holds a secret."""

    kind: str
    path: str
    line: int  # 0 within a pickle
    shown: str
    cell: int | None  # that has it
    more: int  # secrets besides this one

    code = "NB415"

    @property
    def message(self) -> str:
        where = f"line {self.line} of {self.path}" if self.line else self.path
        more = f" ({self.more} more)" if self.more else ""
        return f"The package would hold a secret ({self.kind}, '{self.shown}') in {where}{more}."

    @property
    def cure(self) -> str:
        return (
            "Read it from an environment variable where it is used, outside of what the model needs, and change it: "
            'whoever has the notebook has it. A false alarm is waived with `secrets = "pass"` in '
            "[tool.nb2prod.policy]."
        )

    @property
    def place(self) -> Place:
        return Place(cell=self.cell)


@define
class GateClosed(ShipError):
    """A rule of the policy is broken."""

    rules: tuple[tuple[str, str], ...]  # broken ones, with what was found

    code = "NB416"

    @property
    def message(self) -> str:
        return f"The policy stops this ship: {'; '.join(f'{rule} ({found})' for rule, found in self.rules)}."

    @property
    def cure(self) -> str:
        return (
            "Mend what the rule is about, or waive it with the reason in the project's pyproject.toml: "
            f'[tool.nb2prod.policy.waivers] "{self.rules[0][0]}" = "why".'
        )
