"""Finding: a located reason why the pipeline would not reproduce, with its cure."""

from __future__ import annotations

from typing import Literal

from attrs import field, frozen

from nb2prod.checks.fixes import Fix
from nb2prod.errors.base import Place


@frozen(kw_only=True)
class Finding:
    """One thing to mend."""

    code: str
    message: str
    cure: str
    place: Place = field(factory=Place)
    severity: Literal["error", "warning"] = "error"
    fixes: tuple[Fix, ...] = ()  # each does as the cure says, where that can be written down; the best one first

    @property
    def fix(self) -> Fix | None:
        """The fix to take if nobody chooses."""
        return next(iter(self.fixes), None)
