"""Policy: what a team asks of a run before it ships, and its yes or no, one verdict a rule."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from math import isfinite
from operator import ge, le
from typing import Any, Literal

from attrs import asdict, evolve, field, fields_dict, frozen
from attrs.validators import in_, instance_of

from nb2prod.errors.ships import PolicyWrong
from nb2prod.evaluate import PRIMARY, Comparison, Rival


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _names(_: Any, attribute: Any, value: Any) -> None:
    if value is not None and not (isinstance(value, tuple) and all(isinstance(one, str) for one in value)):
        raise ValueError('must be a list of columns, such as ["state"], or ["*"]', attribute)


def _texts(_: Any, attribute: Any, value: Any) -> None:
    if not (isinstance(value, tuple) and all(isinstance(one, str) for one in value)):
        raise ValueError('must be a list of texts, such as ["AGPL"]', attribute)


def _bounds(_: Any, attribute: Any, value: Any) -> None:
    numbers = value.values() if isinstance(value, dict) else ("",)
    if not all(isinstance(one, int | float) and not isinstance(one, bool) and isfinite(one) for one in numbers):
        raise ValueError("must be a table of names and numbers, such as { accuracy = 0.9 }", attribute)


def _price(_: Any, attribute: Any, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float | None) or (value or 0) < 0:
        raise ValueError("must be a number, 0 or more", attribute)


def _positive(_: Any, attribute: Any, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise ValueError("must be a number above 0", attribute)


def _reason(_: Any, attribute: Any, value: Any) -> None:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must say why the rule may be broken", attribute)


def _day(value: Any) -> Any:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _dated(_: Any, attribute: Any, value: Any) -> None:
    if value is not None and type(value) is not date:
        raise ValueError("must be a day, such as 2027-03-31", attribute)


@frozen(kw_only=True)
class Waiver:
    """Why a rule may be broken, `[tool.nb2prod.policy.waivers]`: a reason, or a table of it."""

    reason: str = field(default="", validator=_reason)
    until: date | None = field(default=None, converter=_day, validator=_dated)  # the last day on which it holds
    by: str = field(default="", validator=instance_of(str))  # who allowed it

    def __str__(self) -> str:
        told = [f"until {self.until}" if self.until else "", f"by {self.by}" if self.by else ""]
        return f"{self.reason} ({', '.join(filter(None, told))})" if any(told) else self.reason


@frozen(kw_only=True)
class Log:
    """What a service writes down of its predictions, `[tool.nb2prod.policy.log]`: nothing, unless it is asked to."""

    # Columns of a request that a line of the prediction log may hold, "*" for all; no log is written without `columns`.
    columns: tuple[str, ...] | None = field(default=None, converter=_tupled, validator=_names)
    share: float = field(default=1.0, validator=_positive)  # of the requests
    days: float = field(default=30, validator=_positive)  # until a line is taken away
    megabytes: float = field(default=64, validator=_positive)  # of all lines
    # Whole requests that are kept, to open them as a notebook: those that failed, or were refused as well.
    requests: str = field(default="none", validator=in_(("none", "failed", "refused")))


Severity = Literal["off", "warning", "error"]
SEVERITIES = ("off", "warning", "error")


def _spelt(value: Any) -> Any:
    return "warning" if value == "warn" else value


def _severe(value: Any) -> Any:
    return {name: _spelt(one) for name, one in value.items()} if isinstance(value, dict) else value


def _graded(_: Any, attribute: Any, value: Any) -> None:
    if not isinstance(value, dict) or not all(one in SEVERITIES for one in value.values()):
        raise ValueError(f"must be a table of rules, each with one of: {', '.join(SEVERITIES)}", attribute)


@frozen(kw_only=True)
class Drift:
    """When a change of what a service is asked is said, `[tool.nb2prod.policy.drift]`."""

    rows: int = field(default=200, validator=_positive)  # before anything is
    watch: float = field(default=0.1, validator=_positive)  # PSI
    alert: float = field(default=0.2, validator=_positive)
    days: int = field(default=7, validator=_positive)  # that are looked at


@frozen(kw_only=True)
class Rules:
    """The policy of a project, `[tool.nb2prod.policy]`."""

    # What a service does with a category that the model has not seen; where the model fails, it always refuses.
    unknown: str = field(default="warn", validator=in_(("refuse", "warn", "pass")))
    # What it does with a number outside of those seen in training.
    ranges: str = field(default="pass", validator=in_(("refuse", "pass")))
    # What a ship does when the package would hold a secret.
    secrets: str = field(default="refuse", validator=in_(("refuse", "pass")))
    # Whether a model may be kept as a pickle: where skops is installed and knows the model, it need not be.
    pickles: Literal["allow", "avoid", "refuse"] = field(default="allow", validator=in_(("allow", "avoid", "refuse")))
    # Licences that no package of a service may have: a part of the name is enough, such as "AGPL".
    forbidden_licences: tuple[str, ...] = field(default=(), converter=_tupled, validator=_texts)
    # How grave it is that the model is not better than its baseline by more than noise.
    baseline: Severity = field(default="warning", converter=_spelt, validator=in_(SEVERITIES))
    # Bounds of metrics and of what a rehearsal measures: `accuracy = 0.9`, `p95_ms = 20`.
    at_least: Mapping[str, float] = field(factory=dict, validator=_bounds)
    at_most: Mapping[str, float] = field(factory=dict, validator=_bounds)
    # What `nb2prod monitor` bounds likewise, of the days that drift looks at: `p95_ms = 50`, `refused = 0.05`.
    alerts: Mapping[str, float] = field(factory=dict, validator=_bounds)
    log: Log = field(factory=Log)
    drift: Drift = field(factory=Drift)
    # What a core costs an hour, for the risk sheet.
    price_per_cpu_hour: float | None = field(default=None, validator=_price)
    currency: str = field(default="EUR", validator=instance_of(str))
    # Whose releases are served: of this user's key and `trusted_keys`, of any key, or without a look at the signature.
    signatures: str = field(default="trusted", validator=in_(("trusted", "any", "off")))
    trusted_keys: tuple[str, ...] = field(default=(), converter=_tupled, validator=_texts)
    # How grave it is that a rule is broken, by its name, where that is not as usual.
    severities: Mapping[str, Severity] = field(factory=dict, converter=_severe, validator=_graded)
    # Rules that may be broken, by their name, and the reason why.
    waivers: Mapping[str, Waiver] = field(factory=dict, validator=instance_of(dict))


def served(rules: Rules) -> dict[str, Any]:
    """Return what of a policy a service itself keeps to."""
    return {
        "unknown": rules.unknown, "ranges": rules.ranges, "log": asdict(rules.log), "drift": asdict(rules.drift)
    }  # fmt: skip


DRIFT = "no drift"  # the rule of a monitor that is always there
STAGE = "stage"  # the policy's table of options for all stages, which `nb2prod.settings` reads


def rules(table: Mapping[str, Any]) -> Rules:
    """Read a project's policy.

    Raises:
        PolicyWrong: It has a rule that is not known, or a value that a rule does not take.
    """
    own = {name: value for name, value in table.items() if name != STAGE}
    inner = {name: _read(kind, own[name], f"{name}.") for name, kind in _TABLES.items() if name in own}
    if isinstance(own.get("waivers"), dict):
        inner["waivers"] = {rule: _waiver(rule, given) for rule, given in own["waivers"].items()}
    found: Rules = _read(Rules, {**own, **inner}, "")
    return found


_TABLES: Mapping[str, Any] = {"log": Log, "drift": Drift}


def _read(kind: Any, table: Any, where: str) -> Any:
    known = fields_dict(kind)
    if not isinstance(table, dict):
        raise PolicyWrong(where.rstrip("."), "must be a table of names and values")
    for name in table:
        if name not in known:
            raise PolicyWrong(f"{where}{name}", f"is not one of the rules: {', '.join(known)}")
    try:
        return kind(**table)
    except (TypeError, ValueError) as wrong:
        raise PolicyWrong(f"{where}{wrong.args[1].name}" if len(wrong.args) > 1 else where, _why(wrong)) from None


def _waiver(rule: str, given: Any) -> Any:
    return _read(Waiver, given if isinstance(given, dict) else {"reason": given}, f"waivers.{rule}.")


def _why(wrong: Exception) -> str:
    options = wrong.args[2] if len(wrong.args) > 2 else None
    if options is dict:
        return "must be a table of names and values"
    return f"must be one of: {', '.join(map(str, options))}" if options else str(wrong.args[0])


@frozen(kw_only=True)
class Verdict:
    """What one rule says; an `error` that is not ok stops the ship, a `warning` is shown."""

    rule: str
    ok: bool
    detail: str
    severity: Literal["warning", "error"] = "error"
    waived: str | None = None  # why it may be broken

    @property
    def stops(self) -> bool:
        """Say whether it keeps a run from being shipped."""
        return not self.ok and self.severity == "error" and self.waived is None


@frozen(kw_only=True)
class Gate:
    """All verdicts on a run."""

    verdicts: tuple[Verdict, ...]

    @property
    def ok(self) -> bool:
        """True when no rule of severity error is broken, unless that was waived."""
        return not any(v.stops for v in self.verdicts)


def gate(rules: Rules, verdicts: Iterable[Verdict], today: date) -> Gate:
    """Judge a run as severely as the policy says, with what it waives today."""
    graded = ((v, rules.severities.get(v.rule, v.severity)) for v in verdicts)
    return Gate(
        verdicts=tuple(
            _waived(evolve(v, severity=how), rules.waivers.get(v.rule), today) for v, how in graded if how != "off"
        )
    )


def _waived(verdict: Verdict, waiver: Waiver | None, today: date) -> Verdict:
    if verdict.ok or waiver is None:
        return verdict
    if waiver.until is not None and waiver.until < today:
        return evolve(verdict, detail=f"{verdict.detail}; it was waived until {waiver.until}")
    return evolve(verdict, waived=str(waiver))


def named(rules: Rules, verdicts: Iterable[Verdict]) -> Iterator[Verdict]:
    """Say which waivers and severities are of no rule of a run: a misspelt one would be missed where it counts."""
    known = {verdict.rule for verdict in verdicts}
    watched = {DRIFT, *(f"{name} at most {bound:g}" for name, bound in rules.alerts.items())}  # by `nb2prod monitor`
    if lost := sorted({*rules.waivers, *rules.severities} - known - watched):
        detail = f"of none: {', '.join(lost)}; the rules are {', '.join(sorted(known))}"
        yield Verdict(rule="waivers and severities are of rules", ok=False, detail=detail, severity="warning")


def beats(
    kind: str, metrics: Mapping[str, float], baseline: Mapping[str, float], compared: Comparison | None = None
) -> Verdict:
    """Say whether a model is better than its rival on the metric that counts, and by more than noise."""
    name, more = PRIMARY[kind]
    if compared is not None and compared.metric != name:
        name, more = compared.metric, True  # of classes of which one is rare
    mine, theirs = metrics[name], baseline[name]
    ok = mine > theirs if more else mine < theirs
    sign = (">" if mine > theirs else "<") if mine != theirs else "="
    detail = f"{mine:.4g} {sign} {theirs:.4g}"
    if compared is not None and compared.better_by is None:
        ok, detail = False, f"{detail}: too few rows to tell"
    elif compared is not None and compared.better_by is not None:
        low, high = compared.better_by
        detail += f", better by {low:.3g} to {high:.3g} (95 %)"
        ok, detail = ok and low > 0, detail if not ok or low > 0 else f"{detail}: no more than noise"
    return Verdict(rule=f"beats baseline on {name}", ok=ok, detail=detail, severity="warning")


def pickled(rules: Rules, file: str) -> Iterator[Verdict]:
    """Say whether a model is in a file that can run any code, where that matters."""
    if rules.pickles == "allow":
        return
    bad = file.endswith(".pkl")
    detail = f"{file} runs code when it is loaded, if somebody changes it and its hash" if bad else file
    severity: Literal["warning", "error"] = "error" if rules.pickles == "refuse" else "warning"
    yield Verdict(rule="the model is no pickle", ok=not bad, detail=detail, severity=severity)


def kept(rival: Rival, metric: str) -> Verdict:
    """Say whether a model is as good as the release that it shall take the place of, but for noise."""
    rule = f"as good as the live release on {metric}"
    if not rival.metrics:
        return Verdict(rule=rule, ok=False, detail=f"{rival.name} has no answer to these rows", severity="warning")
    if rival.better_by is None:
        return Verdict(rule=rule, ok=False, detail="too few rows to tell", severity="warning")
    low, high = rival.better_by
    detail = f"{rival.name} has {rival.metrics.get(metric, float('nan')):.4g}, better by {low:.3g} to {high:.3g} (95 %)"
    return Verdict(rule=rule, ok=high >= 0, detail=detail, severity="warning")


def raw(model: str, rows: tuple[str, ...], labels: tuple[str, ...]) -> Iterator[Verdict]:
    """Say that a model takes rows, or says labels, that the notebook has made of others, if it does."""
    told = [f"'{model}' takes rows as {', '.join(rows)} made them"] if rows else []
    told += [f"it says labels as {', '.join(labels)} made them"] if labels else []
    if told:
        cure = "put both into one Pipeline, or write a stage `serve` whose `predict` does all of it"
        rule = "clients have what the model takes"
        yield Verdict(rule=rule, ok=False, detail=f"{', and '.join(told)}: {cure}", severity="warning")


def bounded(rules: Rules, measured: Mapping[str, Any]) -> Iterator[Verdict]:
    """Say for each bound of the policy whether what was measured keeps it."""
    for bounds, word, keeps in ((rules.at_least, "at least", ge), (rules.at_most, "at most", le)):
        for name, bound in bounds.items():
            rule, value = f"{name} {word} {bound:g}", measured.get(name)
            if isinstance(value, int | float):
                yield Verdict(rule=rule, ok=bool(keeps(value, bound)), detail=f"{value:.4g}")
            else:
                detail = f"it was not measured; known are {', '.join(sorted(measured))}"
                yield Verdict(rule=rule, ok=False, detail=detail)


def licensed(licences: Mapping[str, str], forbidden: tuple[str, ...]) -> Verdict:
    """Say whether all packages have licences that the policy allows."""
    bad = [f"{name}: {said}" for name, said in licences.items() if any(f.lower() in said.lower() for f in forbidden)]
    detail = ", ".join(bad) if bad else f"{len(licences)} packages"
    return Verdict(rule="licences are allowed", ok=not bad, detail=detail)


def same(kind: str, *, equal: bool, rows: int) -> Verdict:
    """Say whether the service answered as the notebook does."""
    rule, what = SAME.get(kind, ("service predicts as the notebook", "held-out rows"))
    return Verdict(rule=rule, ok=equal, detail=f"{rows} {what} over HTTP: {'equal' if equal else 'different'}")


SAME = {
    "function": ("service answers as the notebook", "calls"),
    "product": ("service gives out what the notebook made", "rows and every byte of each table and figure"),
}
