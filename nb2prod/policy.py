"""Gate: a policy's yes or no on a run, one verdict a rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from attrs import frozen

from nb2prod.evaluate.metrics import PRIMARY


@frozen(kw_only=True)
class Verdict:
    """What one rule says; an `error` that is not ok stops the ship, a `warning` is shown."""

    rule: str
    ok: bool
    detail: str
    severity: Literal["warning", "error"] = "error"


@frozen(kw_only=True)
class Gate:
    """All verdicts on a run."""

    verdicts: tuple[Verdict, ...]

    @property
    def ok(self) -> bool:
        """True when no rule of severity error is broken."""
        return all(v.ok or v.severity == "warning" for v in self.verdicts)


def beats(kind: str, metrics: Mapping[str, float], baseline: Mapping[str, float]) -> Verdict:
    """Say whether a model is better than its rival on the metric that counts."""
    name, more = PRIMARY[kind]
    mine, theirs = metrics[name], baseline[name]
    ok = mine > theirs if more else mine < theirs
    sign = (">" if mine > theirs else "<") if mine != theirs else "="
    detail = f"{mine:.4g} {sign} {theirs:.4g}"
    return Verdict(rule=f"beats baseline on {name}", ok=ok, detail=detail, severity="warning")


def same(*, equal: bool, rows: int) -> Verdict:
    """Say whether the service answered as the notebook's model does."""
    told = f"{rows} held-out rows over HTTP"
    return Verdict(
        rule="service predicts as the notebook", ok=equal, detail=f"{told}: {'equal' if equal else 'different'}"
    )
