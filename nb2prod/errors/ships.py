"""Refusal: why a run that went well may not be shipped.

ShipError
├── BentoNotBuilt        NB408  BentoML refused what was generated
├── ServiceNotReady      NB409  the service did not start
├── ServiceDiffers       NB410  it answers differently from the notebook
├── ReleaseExists        NB411  the id is taken
├── PackingEnded         NB412  the process that packs ended without a word
├── StagedDiffers        NB413  the stages do not do what the notebook does
├── PolicyWrong          NB414  the project's policy cannot be read
├── SecretFound          NB415  what would be packaged holds a secret
├── GateClosed           NB416  a rule of the policy is broken
└── (more in `nb2prod.errors.models` and `nb2prod.errors.products`)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field

from nb2prod.errors.base import Place, ShipError, define


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
    gate: Mapping[str, Any] = field(factory=dict, repr=False)  # all that was judged, as JSON

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
