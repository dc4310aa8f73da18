"""Report: what became of each stage of a run, how long it took (s) and how large its results are (bytes)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nb2prod.artifact import Version
    from nb2prod.errors.base import Nb2ProdError

Action = Literal["run", "reuse", "skip"]
State = Literal["done", "reused", "failed", "skipped"]


@frozen(kw_only=True)
class Outcome:
    """What became of one stage."""

    stage: str
    action: Action
    state: State
    why: str
    seconds: float = 0.0
    bytes: int = 0


@frozen(kw_only=True)
class Report:
    """What a run did."""

    run: str
    notebook: str
    outcomes: tuple[Outcome, ...]
    values: Mapping[str, Version] = field(factory=dict)  # name → where its last version is
    keys: Mapping[str, str] = field(factory=dict)  # stage → key of what it left
    parameters: Mapping[str, Any] = field(factory=dict)
    metrics: Mapping[str, float] = field(factory=dict)  # that the notebook's evaluating stages print
    output: Path | None = None  # the executed notebook
    error: Nb2ProdError | None = None

    @property
    def ok(self) -> bool:
        """True when every stage is done or reused."""
        return self.error is None
