"""Policy: what a team asks of a run before it ships, and its yes or no, one verdict a rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from attrs import field, fields_dict, frozen
from attrs.validators import in_

from nb2prod.evaluate.metrics import PRIMARY
from nb2prod.refusals import PolicyWrong


@frozen(kw_only=True)
class Rules:
    """The policy of a project, `[tool.nb2prod.policy]`."""

    # What a service does with a category that the model has not seen; where the model fails, it always refuses.
    unknown: str = field(default="warn", validator=in_(("refuse", "warn", "pass")))
    # What it does with a number outside of those seen in training.
    ranges: str = field(default="pass", validator=in_(("refuse", "pass")))
    # What a ship does when the package would hold a secret.
    secrets: str = field(default="refuse", validator=in_(("refuse", "pass")))
    # Licences that no package of a service may have: a part of the name is enough, such as "AGPL".
    forbidden_licences: tuple[str, ...] = field(default=(), converter=tuple)


def rules(table: Mapping[str, Any]) -> Rules:
    """Read a project's policy.

    Raises:
        PolicyWrong: It has a rule that is not known, or a value that a rule does not take.
    """
    known = fields_dict(Rules)
    for name in table:
        if name not in known:
            raise PolicyWrong(name, f"is not one of the rules: {', '.join(known)}")
    try:
        return Rules(**table)
    except (TypeError, ValueError) as wrong:
        raise PolicyWrong(str(wrong.args[1].name) if len(wrong.args) > 1 else "", _why(wrong)) from None


def _why(wrong: Exception) -> str:
    options = getattr(wrong.args[2], "__len__", None) and wrong.args[2] if len(wrong.args) > 2 else ()
    return f"must be one of: {', '.join(map(str, options))}" if options else str(wrong.args[0])


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


def licensed(licences: Mapping[str, str], forbidden: tuple[str, ...]) -> Verdict:
    """Say whether all packages have licences that the policy allows."""
    bad = [f"{name}: {said}" for name, said in licences.items() if any(f.lower() in said.lower() for f in forbidden)]
    detail = ", ".join(bad) if bad else f"{len(licences)} packages"
    return Verdict(rule="licences are allowed", ok=not bad, detail=detail)


def same(*, equal: bool, rows: int) -> Verdict:
    """Say whether the service answered as the notebook's model does."""
    told = f"{rows} held-out rows over HTTP"
    return Verdict(
        rule="service predicts as the notebook", ok=equal, detail=f"{told}: {'equal' if equal else 'different'}"
    )
