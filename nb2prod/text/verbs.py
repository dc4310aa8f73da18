"""Text: results as people read them in a terminal."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, Any

from nb2prod.checks import choice
from nb2prod.text import deployment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nb2prod.checks import Finding
    from nb2prod.events import Event

_LINES = 15  # of what was said that are shown
_STYLE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")  # of a terminal
_SIGNS = {"done": "✓", "reused": "=", "failed": "✗", "skipped": "-", "running": "▶"}


def findings(found: Iterable[Finding], name: str) -> str:
    """One finding in some lines: where and what, then the cure, then each way in which a click would do it."""
    lines = []
    for item in found:
        where = [name, *(f"{kind} {value}" for kind, value in _place(item) if value is not None)]
        lines += [f"{', '.join(where)}: {item.severity} {item.code}: {item.message}", f"    {item.cure}"]
        for fix in item.fixes:
            how = "--fix" if fix is item.fix and fix.safe else f"--apply {choice.named(item, fix)}"
            lines.append(f"    fix: {fix.title} ({how} does it)")
    return "\n".join(lines) or f"{name}: nothing to mend."


def _place(item: Finding) -> Iterable[tuple[str, int | None]]:
    yield "cell", None if item.place.cell is None else item.place.cell + 1
    yield "line", item.place.line


def graph(found: Mapping[str, Any], *, why: bool = False) -> str:
    """The stages in order, each with what it reads from which stage, and if wanted why."""
    from nb2prod.stage import SETUP

    lines = []
    for stage in found["stages"]:
        cells = ", ".join(str(cell + 1) for cell in stage["cells"])
        lines.append(f"{stage['name']}  (cells {cells})")
        for edge in found["edges"]:
            if edge["to"] == stage["name"]:
                lines.append(f"  ← {edge['from']}: {', '.join(edge['names']) or '(a tag says so)'}")
                lines += [f"      {reason['why']}" for reason in edge["reasons"] if why]
    if [stage["name"] for stage in found["stages"]] == [SETUP]:
        lines.append("No cell has a stage yet: `nb2prod suggest` proposes some.")
    for item in found["findings"]:
        where = "" if item["cell"] is None else f" (cell {item['cell'] + 1})"
        lines.append(f"{item['code']}: {item['message']}{where}")
    return "\n".join(lines)


def suggestion(found: Mapping[str, Any]) -> str:
    """The stages as proposed, each with how sure it is and why; those that are tagged already have a tick."""
    if not found["stages"]:
        return "The notebook has no code that could be a stage."
    width = max(len(stage["name"]) for stage in found["stages"])
    lines = []
    for stage in found["stages"]:
        cells = ", ".join(str(cell + 1) for cell in stage["cells"])
        sure = "  ✓ " if stage["given"] else f"{stage['confidence']:4.0%}"
        lines += [f"{stage['name']:{width}}  {sure}  cells {cells}", f"    {stage['why']}"]
    return "\n".join(lines)


def mermaid(found: Mapping[str, Any]) -> str:
    """The pipeline as a Mermaid flowchart."""
    lines = ["flowchart TD", *(f"  {stage['name']}" for stage in found["stages"])]
    for edge in found["edges"]:
        names = f'-- "{", ".join(edge["names"])}" ' if edge["names"] else ""
        lines.append(f"  {edge['from']} {names}--> {edge['to']}")
    return "\n".join(lines)


def plan(found: Mapping[str, Any]) -> str:
    """One step a line."""
    width = max((len(step["stage"]) for step in found["steps"]), default=0)
    return "\n".join(f"{step['action']:6}{step['stage']:{width}}  {step['why']}" for step in found["steps"])


def report(found: Mapping[str, Any]) -> str:
    """What became of each stage, and where the results are."""
    width = max((len(stage["name"]) for stage in found["stages"]), default=0)
    lines = [
        f"{_SIGNS[stage['state']]} {stage['name']:{width}}  {stage['state']:8}{stage['seconds']:7.1f} s"
        for stage in found["stages"]
    ]
    if found["error"]:
        lines.append(error(found["error"]))
    if found["verb"] != "ship" and found.get("metrics"):
        lines.append(f"metrics: {', '.join(f'{name} {value:.6g}' for name, value in found['metrics'].items())}")
    lines += [f"{title}: {found[key]}" for title, key in (("notebook", "output"), ("report", "report")) if found[key]]
    return "\n".join(lines)


def error(found: Mapping[str, Any]) -> str:
    """What happened, where, and what to do; below it the end of what was said: a traceback, or a process's log."""
    where = "" if found["cell"] is None else f" (cell {found['cell'] + 1})"
    said = _STYLE.sub("", found["detail"] or "").strip("\n").splitlines()
    more = [f"    │ … {len(said) - _LINES} lines above"] if len(said) > _LINES else []
    quoted = [*more, *(f"    │ {line}".rstrip() for line in said[-_LINES:])]
    return "\n".join([f"{found['code']}: {found['message']}{where}", f"    {found['cure']}", *quoted])


def ship(found: Mapping[str, Any], folder: str = ".") -> str:
    """What a ship made, how good it is, and where it answers."""
    if not found["release"]:
        return report(found)
    lines = [report(found), *_held(found.get("verify")), "", _measured(found["metrics"], found["baseline"])]
    lines += [_verdict(item) for item in found["gate"]["verdicts"]]
    tried = found["rehearsal"]
    lines += [
        f"rehearsed: {tried['rows']} held-out rows and {tried['hostile']} hostile ones equal",
        *_risks(found),
        f"release: {found['release']}",
        f"bento: {found['bento']}  {found['archive']}",
    ]
    if found.get("delivery"):
        lines.append(deployment.delivery(found["delivery"]))
    elif found["service"]:
        lines.append(service(found["service"], folder))
    else:
        lines.append(f"serve it with: nb2prod serve {found['release']}{_from_here(folder)}")
    return "\n".join(lines)


def verified(found: Mapping[str, Any]) -> str:
    """Where the stages and the notebook run straight through differ, and what it was of."""
    verdict = found["verify"]
    lines = [] if found["error"] is None else [report(found)]
    if verdict is None:
        return "\n".join([*lines, "not compared: the stages did not run"])
    for title in ("differences", "unstable"):
        for item in verdict[title]:
            sign, kind = ("✗", item["code"]) if title == "differences" else ("~", "unstable")
            lines.append(f"{sign} {kind} {_where(item)}: {item['message']}")
    close = verdict["tolerance"]["relative"]
    count = len(verdict["differences"])
    equal = "staged equals straight" if verdict["equal"] else f"{count} difference{'s' if count > 1 else ''}"
    told = f"{verdict['cells']} cells and {verdict['names']} values compared, numbers to {close:g}"
    rest = (
        [f"{len(verdict['unstable'])} places differ between two straight runs as well"] if verdict["unstable"] else []
    )
    rest += [f"{len(verdict['notes'])} cells warn differently"] if verdict["notes"] else []
    return "\n".join([*lines, "; ".join([f"{equal}: {told}", *rest])])


def _held(verdict: Mapping[str, Any] | None) -> list[str]:
    if verdict is None:
        return []
    unstable = f", {len(verdict['unstable'])} unstable" if verdict["unstable"] else ""
    return [f"staged equals straight: {verdict['cells']} cells, {verdict['names']} values{unstable}"]


def _where(item: Mapping[str, Any]) -> str:
    cell = "" if item["cell"] is None else f"cell {item['cell'] + 1}"
    if item["name"] is None:
        return cell
    return ", ".join(filter(None, [cell, f"stage '{item['stage']}'" if item["stage"] else "the end of the notebook"]))


def release(found: Mapping[str, Any], folder: str = ".") -> str:
    """One release: what it is of, how good it is, and whether it is served; `folder` as for `service`."""
    model = found["model"]
    lines = [
        f"{found['id']}  {found['created']}",
        _what(model, found["notebook"]),
        _measured(found["metrics"], found["baseline"]),
        *(_verdict(item) for item in found["gate"]["verdicts"]),
        *_risks(found),
        f"bento: {found['bento']}",
        service(found["service"], folder),
    ]
    return "\n".join(lines)


def _what(model: Mapping[str, Any], notebook: str) -> str:
    if not model.get("rows"):
        return f"{model['kind']}: {model['name']} of {notebook}"
    return f"model: {model['name']} ({model['class']}) of {notebook}, {model['rows']['train']} training rows"


def _risks(found: Mapping[str, Any]) -> list[str]:
    """What is known of a release, and where it stands; releases of older versions have no sheet."""
    from nb2prod.risk import page

    sheet = found.get("risks")
    return [*page.lines(sheet), f"risk sheet: {found['risk']}"] if sheet else []


def releases(found: Iterable[Mapping[str, Any]]) -> str:
    """One release a line, with its first metric and where it answers."""
    lines = []
    for item in found:
        first = next((f"{name} {value:.6g}" for name, value in item["metrics"].items()), item["kind"])
        served = item["service"]["url"] or (None if item["role"] else "stopped")
        lines.append("  ".join(filter(None, (item["id"], first, item["role"], served))))
    return "\n".join(lines) or "no releases"


def service(found: Mapping[str, Any], folder: str = ".") -> str:
    """Whether a release is served, and how to go on; `folder` is the notebook's, as seen from here."""
    where = _from_here(folder)
    if found["state"] == "stopped":
        return f"stopped; start it with: nb2prod serve {found['release']}{where}"
    return f"service: {found['url']}  (stop it with: nb2prod stop {found['release']}{where})"


def _from_here(folder: str) -> str:
    return "" if folder == "." else f" --folder {shlex.quote(folder)}"


def asked(url: str, row: Mapping[str, Any] | None, answer: Any) -> str:
    """A prediction, and how to ask for it again; of a service that predicts nothing, where to look."""
    if row is None:
        return f"try it: open {url} in a browser, or\n  curl {url}/tables"
    body = json.dumps({"rows": [row]})
    return "\n".join(
        [
            f"prediction: {json.dumps(answer[0])}",
            f"try it: open {url} in a browser, or",
            f"  curl {url}/predict -H 'content-type: application/json' -d '{body}'",
        ]
    )


def _measured(metrics: Mapping[str, float], baseline: Mapping[str, Any]) -> str:
    width = max(map(len, metrics), default=0)
    if not baseline:  # there is no model
        return "\n".join(f"{name:{width}}  {value:8.6g}" for name, value in metrics.items())
    lines = [f"{'':{width}}  {'model':>8}  {baseline['name']}"]
    for name, value in metrics.items():
        rival = baseline["metrics"].get(name)
        lines.append(f"{name:{width}}  {value:8.4g}  {'' if rival is None else f'{rival:.4g}'}")
    return "\n".join(lines)


def _verdict(item: Mapping[str, Any]) -> str:
    sign = "✓" if item["ok"] else "✗" if item["severity"] == "error" else "!"
    return f"{sign} {item['rule']}: {item['detail']}"


def sweep(found: Mapping[str, Any], notebook: str) -> str:
    """The combinations as a table of parameters and measures, the best marked, and how to ship it."""
    combinations, by = found["combinations"], found["by"]
    measures = list(dict.fromkeys(name for item in combinations for name in item["metrics"]))
    measures.sort(key=lambda name: name != by)
    rows = [[*combinations[0]["parameters"], *measures, "stages run"]]
    for item in combinations:
        told = [_number(item["metrics"].get(name)) for name in measures]
        rows.append([*map(str, item["parameters"].values()), *told, str(item["ran"])])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  " + "  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True)) for row in rows]
    for at, item in enumerate(combinations, start=1):
        if item["error"]:
            lines[at] += f"  ✗ {item['error']['code']}: {item['error']['message']}"
    winner = found["winner"]
    if winner is None:
        return "\n".join([*lines, "nothing was measured: name a number that the notebook sets with --by"])
    lines[winner + 1] = f"*{lines[winner + 1][1:]}"
    given = " ".join(f"-p {name} {shlex.quote(str(v))}" for name, v in combinations[winner]["parameters"].items())
    return "\n".join([*lines, f"* best by {by}; ship it with: nb2prod ship {shlex.quote(notebook)} {given}"])


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def history(found: Iterable[Mapping[str, Any]]) -> str:
    """One run a line; one that ended before its first word has no verb and no notebook."""
    lines = [f"{item['run']}  {item['verb'] or '?':5}{item['state']:10}{item['notebook'] or '?'}" for item in found]
    return "\n".join(lines) or "no runs"


def narration(event: Event) -> str:
    """One line about an event, or nothing."""
    data = event.data
    if event.kind == "stage":
        sign = _SIGNS[data["state"]]
        took = f" ({data['seconds']:.1f} s)" if data["state"] in {"done", "failed"} else ""
        why = f": {data['why']}" if data["state"] in {"running", "reused", "skipped"} else ""
        return f"{sign} {data['stage']} {data['state']}{took}{why}"
    if event.kind == "step":
        detail = f": {data['detail']}" if data.get("detail") else ""
        return f"{_SIGNS.get(data['state'], '·')} {data['step']} {data['state']}{detail}"
    return ""
