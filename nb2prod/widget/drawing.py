"""Drawing: a pipeline's graph and a run's result as HTML that follows the theme around it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

WIDTH, HEIGHT, ACROSS, DOWN, EDGE = 118, 40, 46, 16, 6

COLOURS = {
    "running": "var(--jp-brand-color1, #1976d2)",
    "done": "var(--jp-success-color1, #388e3c)",
    "reused": "var(--jp-success-color1, #388e3c)",
    "failed": "var(--jp-error-color1, #d32f2f)",
    "skipped": "var(--jp-border-color1, #bdbdbd)",
    "": "var(--jp-border-color1, #bdbdbd)",
}
_SIGNS = {"running": "▶ running", "done": "✓", "reused": "= reused", "failed": "✗ failed", "skipped": "skipped", "": ""}
_TEXT = "var(--jp-ui-font-color1, #212121)"
_FAINT = "var(--jp-ui-font-color2, #616161)"
_BLOCK = f"padding:6px 12px;margin:6px 0;line-height:1.5;color:{_TEXT}"


def graph(found: Mapping[str, Any], states: Mapping[str, str], seconds: Mapping[str, float]) -> str:
    """Draw the stages in columns, each right of what it reads from."""
    stages = [stage for stage in found["stages"] if stage["role"] != "skip"]
    places = layout(stages)
    edges = [edge for edge in found["edges"] if _is_drawn(edge, stages) and {edge["from"], edge["to"]} <= set(places)]
    lanes = sum(places[edge["to"]][0] - places[edge["from"]][0] > 1 for edge in edges)
    wide = (max((column for column, _ in places.values()), default=0) + 1) * (WIDTH + ACROSS) - ACROSS + 2 * EDGE
    floor = (max((row for _, row in places.values()), default=0) + 1) * (HEIGHT + DOWN)
    high = floor + (10 * lanes if lanes else 0) + EDGE
    names = ", ".join(stage["name"] for stage in stages)
    parts = [f'<svg viewBox="0 0 {wide} {high}" width="{wide}" role="img" aria-label="Stages: {escape(names)}"']
    parts += [f' style="max-width:100%;height:auto;font:12px var(--jp-ui-font-family, sans-serif);color:{_FAINT}">']
    parts += [_ARROW]
    lane = floor
    for edge in edges:
        far = places[edge["to"]][0] - places[edge["from"]][0] > 1
        lane += 10 if far else 0
        parts.append(_edge(edge, places, lane if far else None))
    parts += [_box(stage, places[stage["name"]], states, seconds) for stage in stages]
    return "".join([*parts, "</svg>"])


_ARROW = (
    '<defs><marker id="nb2prod-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
    'orient="auto"><path d="M0 0L8 4L0 8z" style="fill:currentColor"/></marker></defs>'
)


def layout(stages: Sequence[Mapping[str, Any]]) -> dict[str, tuple[int, int]]:
    """Return column and row of each stage: one column right of the rightmost stage that it follows."""
    columns: dict[str, int] = {}
    rows: dict[int, int] = {}
    places = {}
    for stage in stages:  # in the notebook's order, so that what stands above is placed already
        column = max((columns[name] + 1 for name in stage["after"] if name in columns), default=0)
        columns[stage["name"]] = column
        places[stage["name"]] = (column, rows.setdefault(column, 0))
        rows[column] += 1
    return places


def _is_drawn(edge: Mapping[str, Any], stages: Iterable[Mapping[str, Any]]) -> bool:
    """Setup feeds nearly everything: its arrows are drawn to stages that follow nothing else."""
    roles = {stage["name"]: stage["role"] for stage in stages}
    if roles.get(edge["from"]) != "setup":
        return True
    return all(roles.get(name) == "setup" for stage in stages if stage["name"] == edge["to"] for name in stage["after"])


def _edge(edge: Mapping[str, Any], places: Mapping[str, tuple[int, int]], lane: int | None) -> str:
    x1, y1 = _corner(places[edge["from"]])
    x2, y2 = _corner(places[edge["to"]])
    x1, y1, y2 = x1 + WIDTH, y1 + HEIGHT // 2, y2 + HEIGHT // 2
    low1, low2 = (y1, y2) if lane is None else (lane * 4 // 3 - y1 // 3, lane * 4 // 3 - y2 // 3)
    bend = ACROSS // 2 if lane is None else ACROSS
    title = escape(f"{edge['from']} → {edge['to']}: {', '.join(edge['names'])}")
    path = f"M{x1} {y1}C{x1 + bend} {low1} {x2 - bend} {low2} {x2} {y2}"
    style = "fill:none;stroke:currentColor;stroke-width:1.2"
    return f'<path d="{path}" style="{style}" marker-end="url(#nb2prod-arrow)"><title>{title}</title></path>'


def _corner(place: tuple[int, int]) -> tuple[int, int]:
    return EDGE + place[0] * (WIDTH + ACROSS), EDGE + place[1] * (HEIGHT + DOWN)


def _box(
    stage: Mapping[str, Any], place: tuple[int, int], states: Mapping[str, str], seconds: Mapping[str, float]
) -> str:
    (x, y), name = _corner(place), stage["name"]
    state = states.get(name, "")
    took = f" {seconds[name]:.1f} s" if state == "done" and name in seconds else ""
    cells = f"{len(stage['cells'])} cell{'s' if len(stage['cells']) != 1 else ''}"
    reads, leaves = (", ".join(stage[key]) or "nothing" for key in ("reads", "writes"))
    title, said = escape(f"{name}: reads {reads}; leaves {leaves}"), escape(_SIGNS.get(state, state) + took or cells)
    shown = name if len(name) <= 16 else name[:15] + "…"
    thick = 2 if state else 1
    return (
        f"<g><title>{title}</title>"
        f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="5" '
        f'style="fill:var(--jp-layout-color1, #fff);stroke:{COLOURS.get(state, COLOURS[""])};stroke-width:{thick}"/>'
        f'<text x="{x + 9}" y="{y + 17}" style="fill:{_TEXT};font-weight:600">{escape(shown)}</text>'
        f'<text x="{x + 9}" y="{y + 32}" style="fill:{_FAINT};font-size:11px">{said}</text>'
        "</g>"
    )


def findings(found: Iterable[Mapping[str, Any]]) -> str:
    """List what is to be mended, each with its place and cure."""
    rows = []
    for item in found:
        where = f"cell {item['cell'] + 1}" if item["cell"] is not None else "notebook"
        colour = "var(--jp-error-color1, #d32f2f)" if item["severity"] == "error" else "var(--jp-warn-color1, #ef6c00)"
        rows.append(
            f'<li style="margin:2px 0"><b style="color:{colour}">{escape(item["code"])}</b> {escape(where)}: '
            f'{escape(item["message"])} <span style="color:{_FAINT}">{escape(item["cure"])}</span></li>'
        )
    return f'<ul style="margin:4px 0;padding-left:1.2em">{"".join(rows)}</ul>' if rows else ""


def suggestion(found: Iterable[Mapping[str, Any]]) -> str:
    """List the stages as proposed, each with its cells and why; those that are tagged already have a tick."""
    rows = "".join(
        f'<li style="margin:2px 0"><b>{escape(item["name"])}</b> cells {", ".join(str(c + 1) for c in item["cells"])} '
        f"{'✓' if item['given'] else format(item['confidence'], '.0%')} "
        f'<span style="color:{_FAINT}">{escape(item["why"])}</span></li>'
        for item in found
    )
    return f'<ul style="margin:4px 0;padding-left:1.2em">{rows}</ul>' if rows else ""


def history(found: Iterable[Mapping[str, Any]]) -> str:
    """List runs, the newest first."""
    rows = [(item["run"], item["verb"], item["state"], item["release"] or "") for item in found]
    return _table(("run", "what", "state", "release"), rows)


def comparison(found: Mapping[str, Any]) -> str:
    """Show what differs between two runs: parameters, metrics, times, names that flow, and code."""
    runs = found["runs"]
    pairs = [
        (title, [(item["name"], _shown(item["one"]), _shown(item["other"])) for item in found[key]])
        for title, key in (("Parameters", "parameters"), ("Metrics", "metrics"))
    ]
    times = [(s["name"], *(_shown(s["seconds"][side]) for side in ("one", "other"))) for s in found["stages"]]
    parts = [_part(title, _table(("", *runs), rows)) for title, rows in (*pairs, ("Seconds", times))]
    flows = [
        f"{word}: {edge['name']} from {edge['from']} to {edge['to']}"
        for word in ("added", "removed")
        for edge in found["edges"][word]
    ]
    parts.append(_part("Graph", "<br>".join(escape(flow) for flow in flows)))
    changed = [stage for stage in found["stages"] if stage["change"] != "same"]
    diffs = (f"{escape(s['name'])}: {s['change']}{_diff(s['diff'], s['name'])}" for s in changed)
    return "".join([*parts, _part("Code", "".join(diffs))])


def _part(title: str, inner: str) -> str:
    return f'<div style="margin:8px 0"><b>{title}</b><div>{inner or "no difference"}</div></div>'


def _shown(value: Any) -> str:
    return "none" if value is None else format(value, ".4g") if isinstance(value, float) else str(value)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Draw a table whose rows begin with what they are about."""
    apart = 'style="text-align:left;font-weight:normal;padding-right:1.5em"'
    top = "".join(f"<th {apart}>{escape(name)}</th>" if name else "<td></td>" for name in head)
    body = "".join(
        f"<tr><th {apart}>{escape(row[0])}</th>{''.join(f'<td {apart}>{escape(text)}</td>' for text in row[1:])}</tr>"
        for row in rows
    )
    return f'<table style="line-height:1.5;margin:4px 0"><tr>{top}</tr>{body}</table>' if rows else ""


def _diff(lines: Iterable[str], name: str) -> str:
    """Draw a diff; the sign before each line says what its colour says."""
    edges = {"+": COLOURS["done"], "-": COLOURS["failed"]}
    drawn = "".join(
        f'<span style="display:block;border-left:3px solid {edges.get(line[:1], "transparent")};padding-left:6px">'
        f"{escape(line) or ' '}</span>"
        for line in lines
    )
    style = "margin:4px 0;overflow-x:auto;background:var(--jp-layout-color2, #eee)"
    return f'<pre tabindex="0" role="region" aria-label="Differences in {escape(name)}" style="{style}">{drawn}</pre>'


def steps(found: Iterable[Mapping[str, Any]]) -> str:
    """Show a ship's steps in a line."""
    words = []
    for step in found:
        colour, sign = COLOURS.get(step["state"], _FAINT), _SIGNS.get(step["state"], "").partition(" ")[0]
        about = f'style="color:{colour};margin-right:1em" title="{escape(step.get("detail") or "")}"'
        words.append(f"<span {about}>{sign} {escape(step['step'])}</span>")
    return f'<div style="margin:4px 0">{"".join(words)}</div>' if words else ""


def error(found: Mapping[str, Any]) -> str:
    """Show what went wrong and what to do."""
    where = f" (cell {found['cell'] + 1})" if found.get("cell") is not None else ""
    return (
        f'<div role="alert" style="border-left:3px solid {COLOURS["failed"]};{_BLOCK}">'
        f"<b>{escape(found['code'])}</b>: {escape(found['message'])}{where}<br>"
        f'<span style="color:{_FAINT}">{escape(found["cure"])}</span></div>'
    )


def card(result: Mapping[str, Any]) -> str:
    """Show what a ship made: metrics against the baseline, gate, release, address."""
    if not result.get("release"):
        return ""
    baseline, apart = result["baseline"] or {"name": "", "metrics": {}}, 'style="padding-right:1.5em"'
    rival, what = baseline["metrics"], "model" if result["baseline"] else ""
    rows = "".join(
        f"<tr><td {apart}>{escape(name)}</td><td {apart}><b>{value:.4g}</b></td>"
        f"<td>{format(rival[name], '.4g') if name in rival else ''}</td></tr>"
        for name, value in result["metrics"].items()
    )
    head = f"<tr><td></td><td><b>{what}</b></td><td>{escape(baseline['name'])}</td></tr>"
    gate = "".join(
        f"<li>{'✓' if verdict['ok'] else '✗'} {escape(verdict['rule'])}: {escape(verdict['detail'])}</li>"
        for verdict in result["gate"]["verdicts"]
    )
    return (
        f'<div style="border:1px solid {COLOURS["done"]};border-radius:5px;{_BLOCK}">'
        f"<b>Released</b> {escape(result['release'])}"
        f'<table style="line-height:1.5;margin:4px 0">{head}{rows}</table>'
        f'<ul style="margin:4px 0;padding:0;list-style:none">{gate}</ul>{_address(result)}</div>'
    )


def deployment(found: Mapping[str, Any] | None) -> str:
    """Show which releases answer, how they fare, and what was changed last."""
    if found is None:
        return f'<div style="color:{_FAINT}">Nothing was promoted yet.</div>'
    share = f"canary, {found['share']:.0%}"
    roles = (("live", found["live"]), (share, found["canary"]), ("shadow", found["shadow"]))
    rows = [(role, name, *_tally(found["releases"].get(name))) for role, name in roles if name]
    trouble = f'<div role="alert" style="color:{COLOURS["failed"]}">{escape(found["trouble"] or "")}</div>'
    at = _link(found["url"]) or "Nothing answers"
    told = [f"{c['verb']} {c['release'] or ''}{': ' if c['note'] else ''}{c['note']}" for c in found["history"][-3:]]
    changes = "".join(f"<li>{escape(text)}</li>" for text in reversed(told))
    table = _table(("", "release", "requests", "errors", "95 %"), rows)
    history = f'<ul style="margin:4px 0;padding-left:1.2em;color:{_FAINT}">{changes}</ul>'
    return f"<b>{escape(found['state'])}</b> {at}{trouble if found['trouble'] else ''}{table}{history}"


def _tally(found: Mapping[str, Any] | None) -> tuple[str, str, str]:
    if found is None:
        return "", "", ""
    slow = f"{found['p95_ms']:.1f} ms" if found["p95_ms"] else ""
    return str(found["requests"]), str(found["errors"]), slow


def _link(url: Any) -> str:
    if not (isinstance(url, str) and url.startswith(("http://", "https://"))):
        return ""
    style = "color:var(--jp-content-link-color, #1565c0)"
    return f'<a href="{escape(url)}" target="_blank" rel="noopener" style="{style}">{escape(url)}</a>'


def _address(result: Mapping[str, Any]) -> str:
    link = _link(result.get("url"))
    if link:
        return f"Answers at {link} (stop it with <code>nb2prod stop {escape(result['release'])}</code>)"
    return f"Start it with <code>nb2prod serve {escape(result['release'])}</code>"
