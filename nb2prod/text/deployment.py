"""What people read of a deployment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

LAST = 5  # changes that are shown


def deployments(found: Iterable[Mapping[str, Any]]) -> str:
    """All deployments of a folder."""
    return "\n\n".join(map(deployment, found)) or "nothing was promoted here"


def delivery(found: Mapping[str, Any]) -> str:
    """What was handed over, and how to go on."""
    lines = [f"{found['target']}: {found['folder']} ({', '.join(found['files'])})"]
    if found["built"]:
        lines.append(f"image: {found['image']}, {found['bytes'] / 1e6:,.0f} MB, built by {found['built']}")
    lines += [f"risk sheet: {found['risk']}"] if found["risk"] else []
    return "\n".join([*lines, "go on with:", *(f"  {command}" for command in found["next"])])


def deployment(found: Mapping[str, Any]) -> str:
    """One deployment: where it answers, with what, how that fares, and what was changed last."""
    lines = [f"{found['notebook']}  {found['state']}  {found['url'] or ''}".rstrip()]
    lines += [f"! {found['trouble']}"] if found["trouble"] else []
    lines += _releases(found)
    lines += _comparison(found["comparison"]) if found["comparison"] else []
    lines += _shadow(found["shadow_report"]) if found["shadow_report"] else []
    lines += [f"  {line}" for line in map(_change, found["history"][-LAST:])]
    return "\n".join(lines)


def reproduction(found: Mapping[str, Any]) -> str:
    """What of a release that was made again is the same, and what differs."""
    said = {
        "same bits": "the same bits: every file of its service",
        "same model": "the same model, or tables, and code of the notebook; other files of its service differ",
        "same metrics": "another model with the same metrics: something in it is not deterministic",
        "different": "another model with other metrics",
    }
    lines = [f"{found['release']}: {said[found['verdict']]}  ({found['seconds']} s)"]
    lines += [f"  {part['path']} {_became(part)}" for part in found["parts"] if not part["same"]]
    lines += [f"  {name}: {was}, now {now}" for name, (was, now) in found["metrics"].items() if was != now]
    lines += [f"  {part} are not the same" for part, same in found["data"].items() if not same]
    lines += [] if found["code"] else ["  the notebook's code is not the same"]
    was, now = found["python"]
    lines += [] if was == now else [f"  Python {was}, now {now}"]
    lines += [f"  {name} {was}, now {now or 'missing'}" for name, (was, now) in found["packages"].items()]
    return "\n".join(lines)


def _became(part: Mapping[str, Any]) -> str:
    if part["was"] is None:
        return "is new"
    return "is missing" if part["now"] is None else f"{part['was'][:12]}, now {part['now'][:12]}"


def _releases(found: Mapping[str, Any]) -> Iterator[str]:
    roles = {found["live"]: "live", found["canary"]: f"canary {found['share']:.0%}", found["shadow"]: "shadow"}
    for name, role in roles.items():
        if name is None:
            continue
        seen = found["releases"].get(name)
        told = ""
        if seen is not None and seen["requests"]:
            told = f"  {seen['requests']} requests, {seen['errors']} errors, {seen['refused']} refused"
            told += f", p50 {seen['p50_ms']:.1f} ms, p95 {seen['p95_ms']:.1f} ms"
        yield f"{role:12}{name}{told}"


def _comparison(found: Mapping[str, Any]) -> Iterator[str]:
    if found["error_rate_difference"] is None:
        return
    low, high = found["error_rate_difference"]
    said = "fails more often than what is live" if found["worse"] else "fails no more often by more than noise"
    slower = "" if found["slower"] is None else f"; its median takes {found['slower']:.2f} of the time"
    yield f"the canary {said}: {low:+.2%} to {high:+.2%} (95 %){slower}"


def _shadow(found: Mapping[str, Any]) -> Iterator[str]:
    counts = ", ".join(f"{found[name]} {name}" for name in ("same", "different", "failed", "dropped"))
    rows = f"{found['rows_different']} of {found['rows']} rows differ, by {found['largest_gap']:.3g} at most"
    yield f"compared with the shadow: {counts}; {rows}"
    for one in list(found["examples"])[:1]:
        yield f"  {one['path']}: live {one['live']}"
        yield f"  {' ' * len(one['path'])}  shadow {one['shadow']}"


def _change(change: Mapping[str, Any]) -> str:
    share = "" if change["share"] is None else f" {change['share']:.0%}"
    instead = f" instead of {change['instead_of']}" if change["instead_of"] else ""
    note = f": {change['note']}" if change["note"] else ""
    return f"{change['at']}  {change['verb']}{share} {change['release'] or ''}{instead}{note}"
