"""Policy: what a team asks of a run before it ships, and its yes or no, one verdict a rule."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from operator import ge, le
from typing import Any, Literal

from attrs import asdict, evolve, field, fields_dict, frozen
from attrs.validators import in_, instance_of, optional

from nb2prod.errors.ships import PolicyWrong
from nb2prod.evaluate import PRIMARY, Comparison, Rival


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _names(_: Any, attribute: Any, value: Any) -> None:
    if value is not None and not (isinstance(value, tuple) and all(isinstance(one, str) for one in value)):
        raise ValueError('must be a list of columns, such as ["state"], or ["*"]', attribute)


def _positive(_: Any, attribute: Any, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise ValueError("must be a number above 0", attribute)


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
    forbidden_licences: tuple[str, ...] = field(default=(), converter=tuple)
    # How grave it is that the model is not better than its baseline by more than noise.
    baseline: Literal["off", "warning", "error"] = field(default="warning", validator=in_(("off", "warning", "error")))
    # Bounds of metrics and of what a rehearsal measures: `accuracy = 0.9`, `p95_ms = 20`.
    at_least: Mapping[str, float] = field(factory=dict, validator=instance_of(dict))
    at_most: Mapping[str, float] = field(factory=dict, validator=instance_of(dict))
    # What `nb2prod monitor` bounds likewise, of the days that drift looks at: `p95_ms = 50`, `refused = 0.05`.
    alerts: Mapping[str, float] = field(factory=dict, validator=instance_of(dict))
    log: Log = field(factory=Log)
    drift: Drift = field(factory=Drift)
    # What a core costs an hour, for the risk sheet.
    price_per_cpu_hour: float | None = field(default=None, validator=optional(instance_of((int, float))))
    currency: str = field(default="EUR", validator=instance_of(str))
    # Whose releases are served: of this user's key and `trusted_keys`, of any key, or without a look at the signature.
    signatures: str = field(default="trusted", validator=in_(("trusted", "any", "off")))
    trusted_keys: tuple[str, ...] = field(default=(), converter=tuple)
    # Rules that may be broken, by their name, and the reason why.
    waivers: Mapping[str, str] = field(factory=dict, validator=instance_of(dict))


def served(rules: Rules) -> dict[str, Any]:
    """Return what of a policy a service itself keeps to."""
    return {
        "unknown": rules.unknown, "ranges": rules.ranges, "log": asdict(rules.log), "drift": asdict(rules.drift)
    }  # fmt: skip


STAGE = "stage"  # the policy's table of options for all stages, which `nb2prod.settings` reads


def rules(table: Mapping[str, Any]) -> Rules:
    """Read a project's policy.

    Raises:
        PolicyWrong: It has a rule that is not known, or a value that a rule does not take.
    """
    own = {name: value for name, value in table.items() if name != STAGE}
    inner = {name: _read(kind, own[name], f"{name}.") for name, kind in _TABLES.items() if name in own}
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


def gate(rules: Rules, verdicts: Iterable[Verdict]) -> Gate:
    """Judge a run, with what the policy waives."""
    return Gate(verdicts=tuple(v if v.ok else evolve(v, waived=rules.waivers.get(v.rule)) for v in verdicts))


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
