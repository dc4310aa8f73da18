"""Monitor: how a release fares where it is served, beside what its rehearsal and its training rows let expect."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from attrs import asdict

from nb2prod import policy, settings
from nb2prod.errors.monitors import ServiceSilent
from nb2prod.errors.ships import PolicyWrong
from nb2prod.policy import Rules, Verdict
from nb2prod.releases import release
from nb2prod.releases.release import Release

MEASURES = ("p50_ms", "p95_ms", "p99_ms", "refused", "failed", "wrong", "psi")  # that an alert may bound

Json = dict[str, Any]


def monitor(home: Path, name: str, *, url: str | None = None) -> Json:
    """Tell how a release fares, and which alerts it sets off.

    Args:
        home: The folder of records.
        name: The release.
        url: Where it is served, for a service that does not remember in this folder.

    Raises:
        RunUnknown: There is no such release.
        PolicyWrong: The policy has an alert that nothing measures.
        ServiceSilent: There is no answer at `url`.
    """
    made = release.read(home, name)
    rules = policy.rules(settings.policy_of(home.parent / "_"))
    told = asked(url) if url else remembered(home, made, rules)
    found = {**told, "release": name, "notebook": made.notebook, "created": made.created, "kind": made.kind}
    found["rehearsal"] = {k: made.rehearsal.get(k) for k in ("p50_ms", "p95_ms", "p99_ms")}
    verdicts = policy.gate(rules, [*_alerts(found, rules), *_drifted(found)], datetime.now(UTC).date())
    return {**found, "ok": verdicts.ok, "alerts": [asdict(v) for v in verdicts.verdicts]}


def state_of(home: Path, name: str) -> Path:
    """Return the folder in which local services of a release remember."""
    own = os.environ.get("SERVICE_STATE_DIR")
    return Path(own) / name if own else release.state_of(home, name)


def remembered(home: Path, made: Release, rules: Rules) -> Json:
    """Add up what the release's services have written."""
    from nb2prod.serving import feedback, usage  # NumPy, which other verbs do without
    from nb2prod.serving.drift import Limits

    state, limits = state_of(home, made.id), Limits(**asdict(rules.drift))
    days, spoilt = usage.read(state / "seen")
    since = time.strftime("%Y-%m-%d", time.gmtime(time.time() - (limits.days - 1) * 86400))
    recent, said = usage.whole(days, since), feedback.kept(state)
    counted = sorted(((date, day) for date, day in days.items() if date >= since), key=lambda item: item[0])
    return {
        "traffic": {"requests": recent.requests, "rows": recent.rows, **recent.quantiles()},
        "days": [{"day": at, "requests": d.requests, "rows": d.rows, **d.quantiles()} for at, d in counted],
        "refused": dict(recent.refused),
        "feedback": feedback.tally(said),
        "spoilt": spoilt,
        "drift": _profile(home, made.id).drift(recent, limits),
    }


def asked(url: str) -> Json:
    """Ask a service."""
    from urllib.error import URLError
    from urllib.request import Request, urlopen

    key = os.environ.get("SERVICE_API_KEY")
    request = Request(f"{url.rstrip('/')}/drift.json", headers={"x-api-key": key} if key else {})  # noqa: S310
    try:
        with urlopen(request, timeout=30) as reply:  # noqa: S310  the user's own address
            said: Json = json.load(reply)
        drift = {k: said[k] for k in ("state", "rows", "least", "days", "features", "predictions")}
        feedback = {**said["feedback"], "latest": []}
        return {
            "traffic": said["traffic"],
            "days": [],
            "refused": said["refused"],
            "feedback": feedback,
            "spoilt": (),
            "drift": drift,
        }
    except (URLError, OSError, ValueError, KeyError) as wrong:
        raise ServiceSilent(url, str(wrong)) from None


def measures(found: Mapping[str, Any]) -> dict[str, float | None]:
    """Return what an alert may bound; None of what is not known yet."""
    traffic, refused, said = found["traffic"], found["refused"], found["feedback"]
    lost = sum(refused.values())
    failed = sum(count for reason, count in refused.items() if reason.startswith("5"))
    every, spoken = traffic["requests"] + lost, said["right"] + said["wrong"]
    psi = [one["psi"] for one in _each(found) if one["state"] != "few"]
    return {
        **{name: traffic[name] for name in ("p50_ms", "p95_ms", "p99_ms")},
        "refused": (lost - failed) / every if every else None,
        "failed": failed / every if every else None,
        "wrong": said["wrong"] / spoken if spoken else None,
        "psi": max(psi, default=None),
    }


def _alerts(found: Json, rules: Rules) -> Iterator[Verdict]:
    values = measures(found)
    for name, bound in rules.alerts.items():
        if name not in values:
            raise PolicyWrong(f"alerts.{name}", f"is not measured; known are {', '.join(MEASURES)}")
        value = values[name]
        told = "nothing to measure yet" if value is None else f"{value:.4g}"
        yield Verdict(rule=f"{name} at most {bound:g}", ok=value is None or value <= bound, detail=told)


def _drifted(found: Json) -> Iterator[Verdict]:
    """Say of what has drifted, one rule for all so that a waiver can name it."""
    drift = found["drift"]
    if not drift["features"] and not drift["predictions"]:
        return
    gone = [f"{one['key']} (PSI {one['psi']:.2f})" for one in _each(found) if one["state"] == "drift"]
    few = f"{drift['rows']:,} rows, of {drift['least']:,} before anything is said"
    told = ", ".join(gone) if gone else few if drift["state"] == "few" else f"{drift['rows']:,} rows"
    yield Verdict(rule=policy.DRIFT, ok=not gone, detail=told)


def _each(found: Mapping[str, Any]) -> list[Json]:
    return [*found["drift"]["features"], *found["drift"]["predictions"]]


def _profile(home: Path, name: str) -> Any:
    from nb2prod.serving.usage import Profile

    path = release.folder_of(home, name) / "service" / "profile.json"
    return Profile.of(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else Profile()
