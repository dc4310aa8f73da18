"""What people read of how a release fares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

SHOWN = 8  # fields that are listed
WORDS = {"few": "too few rows", "stable": "stable", "watch": "watch", "drift": "drifted"}
CHIPS = {"few": "", "stable": "good", "watch": "warn", "drift": "bad"}

Json = Mapping[str, Any]


def text(found: Json) -> str:
    """Say it in a terminal."""
    return "\n".join(_lines(found))


def _lines(found: Json) -> Iterator[str]:
    yield f"{found['release']}: {'no alert' if found['ok'] else 'ALERT'}"
    for one in found["alerts"]:
        sign = "✓" if one["ok"] else "!" if one["waived"] else "✗"
        waived = f" (waived: {one['waived']})" if one["waived"] else ""
        yield f"{sign} {one['rule']}: {one['detail']}{waived}"
    traffic, rehearsal = found["traffic"], found["rehearsal"]
    yield f"last {found['drift']['days']} days: {traffic['requests']:,} requests, {traffic['rows']:,} rows"
    times = [f"{name[:-3]} {latency(traffic[name], rehearsal.get(name))}" for name in ("p50_ms", "p95_ms", "p99_ms")]
    yield f"latency: {', '.join(times)}"
    refused = ", ".join(f"{reason} ({count:,} times)" for reason, count in ordered(found["refused"]))
    yield f"refused: {refused or 'none'}"
    if found["spoilt"]:
        yield f"left out, since it cannot be read: {', '.join(found['spoilt'][:3])}"
    said = found["feedback"]
    yield f"feedback: {said['right']} right, {said['wrong']} wrong"
    yield from (f"  {line}" for line in map(comment, said["latest"][:3]))
    every = [*found["drift"]["predictions"], *sorted(found["drift"]["features"], key=lambda one: -one["psi"])]
    width = max((len(one["key"]) for one in every[:SHOWN]), default=0)
    for one in every[:SHOWN]:
        told = f"PSI {one['psi']:.3f}  JS {one['js']:.3f}" if one["state"] != "few" else f"{one['rows']:,} rows"
        yield f"  {one['key']:{width}}  {WORDS[one['state']]:12}  {told}"
    if len(every) > SHOWN:
        yield f"  … and {len(every) - SHOWN} more: --format html -o FILE"


def latency(now: float | None, before: float | None) -> str:
    """Say how long answers took, and in the rehearsal."""
    if now is None:
        return "not known yet"
    return f"{now:.2f} ms" + (f" (rehearsal {before:.2f})" if before is not None else "")


def ordered(refused: Json) -> list[tuple[str, int]]:
    """Return reasons, the most frequent first."""
    return sorted(refused.items(), key=lambda item: -item[1])


def comment(one: Json) -> str:
    """Say what somebody said of an answer."""
    right = "right" if one["right"] else "wrong"
    expected = f", expected {one['expected']}" if one.get("expected") is not None else ""
    request = f" (request {one['request']})" if one.get("request") else ""
    said = f": {one['comment']}" if one.get("comment") else ""
    return f"{one.get('time', '')} {right}{expected}{said}{request}"


def html(found: Json) -> str:
    """Draw it as one page, which loads nothing and runs nothing."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(autoescape=True, undefined=StrictUndefined)
    environment.globals.update(latency=latency, ordered=ordered, comment=comment, words=WORDS, chips=CHIPS)
    template = environment.from_string(_file("text/monitor.html.jinja"))
    style = Markup(_file("serving/pages/look.css"))  # noqa: S704  our own
    features = sorted(found["drift"]["features"], key=lambda one: -one["psi"])
    return template.render(found=found, style=style, features=features, moved=moved)


def moved(one: Json) -> str:
    """Name the bin whose share has changed most."""
    if not one["now"]:
        return ""
    place = max(range(len(one["now"])), key=lambda n: abs(one["now"][n] - one["then"][n]))
    return f"{one['bins'][place]}: {one['then'][place]:.0%} → {one['now'][place]:.0%}"


def _file(name: str) -> str:
    return files("nb2prod").joinpath(name).read_text(encoding="utf-8")
