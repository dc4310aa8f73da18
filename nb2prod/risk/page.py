"""Risk page: a risk sheet as one HTML file, for people who decide."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from attrs import asdict

from nb2prod import journal
from nb2prod.risk.sheet import Sheet

Json = Mapping[str, Any]
JSON, HTML = "risk.json", "risk.html"
TERMS = {
    "cold_start_seconds": ("cold start", "{:.1f} s"),
    "p50_ms": ("p50", "{:.2f} ms"),
    "p95_ms": ("p95", "{:.2f} ms"),
    "p99_ms": ("p99", "{:.2f} ms"),
    "requests_per_second": ("throughput, 8 connections", "{:,.0f} requests/s"),
    "cpu_ms": ("CPU a request", "{:.2f} ms"),
    "memory_mb": ("memory", "{:,.0f} MB"),
}


def write(folder: Path, sheet: Sheet) -> None:
    """Write a sheet into a release's folder, as JSON and as a page."""
    found = asdict(sheet)
    journal.write_whole(folder / JSON, json.dumps(found, indent=1, ensure_ascii=False))
    journal.write_whole(folder / HTML, render(found))


def read(folder: Path) -> dict[str, Any] | None:
    """Return the sheet of a release as JSON, or None where an older version left none."""
    path = folder / JSON
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def weighed(kept: Path, folder: Path, size: int) -> str | None:
    """Write a release's sheet anew into a folder, now that the image was built; the release's own is signed."""
    sheet = read(kept)
    if sheet is None or not size:
        return None
    sheet["size"] |= {"image": size, "exact": True}
    journal.write_whole(folder / JSON, json.dumps(sheet, indent=1, ensure_ascii=False))
    journal.write_whole(folder / HTML, render(sheet))
    return str(folder / HTML)


def where(folder: Path) -> str | None:
    """Return the page's path, where there is one."""
    path = folder / HTML
    return str(path) if path.is_file() else None


def render(sheet: Json) -> str:
    """Draw a sheet, given as JSON; the page loads nothing and runs nothing."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(_file("risk/page.html.jinja"))
    return template.render(
        sheet=sheet,
        style=Markup(_file("serving/pages/look.css")),  # noqa: S704  our own
        chips=list(_chips(sheet)),
        speed=[(TERMS[name][0], TERMS[name][1].format(value)) for name, value in sheet["speed"].items()],
        weight=list(_weight(sheet)),
        right=list(_right(sheet)),
        better=_better(sheet),
    )


def lines(sheet: Json) -> Iterator[str]:
    """Say it in a terminal, in three lines."""
    speed = {name: TERMS[name][1].format(value) for name, value in sheet["speed"].items()}
    if speed:
        told = ", ".join(f"{TERMS[name][0]} {value}" for name, value in speed.items())
        yield f"risk: {told}"
    yield f"      {', '.join(f'{term} {value}' for term, value in _weight(sheet))}"
    doubts = [item for item in sheet["security"] if not item["ok"]]
    yield f"      security: {_counted(doubts, len(sheet['security']))}"


def _chips(sheet: Json) -> Iterator[tuple[str, str]]:
    """Yield what is seen first: a few words and whether they are good news."""
    yield ("the policy lets it pass", "good") if sheet["gate"].get("ok") else ("the policy stops it", "bad")
    if sheet["verify"] is not None:
        equal = sheet["verify"]["equal"]
        yield ("staged equals straight" if equal else "staged differs from straight", "good" if equal else "bad")
    else:
        yield "staged was not held against straight", "warn"
    if sheet["better_by"] is not None:
        beyond = sheet["better_by"][0] > 0
        yield ("better than its baseline" if beyond else "no better than its baseline", "good" if beyond else "warn")
    doubts = sum(not item["ok"] for item in sheet["security"])
    yield (f"{doubts} security findings", "warn") if doubts else ("no security findings", "good")


def _weight(sheet: Json) -> Iterator[tuple[str, str]]:
    size, cost = sheet["size"], sheet["cost"]
    yield "image", f"{size['image'] / 1e6:,.0f} MB{'' if size['exact'] else ' (estimated)'}"
    yield "of it packages", f"{size['packages'] / 1e6:,.0f} MB"
    yield "of it the service", f"{size['service'] / 1e6:,.2f} MB"
    if cost["per_million"] is not None:
        yield "a million predictions", f"{cost['per_million']:,.4g} {cost['currency']}"
        yield "a replica a month", f"{cost['month']:,.2f} {cost['currency']}"


def _right(sheet: Json) -> Iterator[tuple[str, str]]:
    verify, equal = sheet["verify"], sheet["equal"]
    if verify is None:
        yield "staged and straight", "not compared"
    else:
        found = "equal" if verify["equal"] else f"{len(verify['differences'])} differences"
        yield "staged and straight", f"{found}: {verify['cells']} cells, {verify['names']} values"
    if equal["rows"] is not None:
        told = "equal" if equal["equal"] else "different"
        yield "service and notebook", f"{told}: {equal['rows']} held-out rows, {equal['hostile'] or 0} hostile ones"
    if equal["of"] is not None:
        yield "rehearsed", f"with {equal['of']}, of which nothing has changed since"


def _better(sheet: Json) -> str:
    if sheet["better_by"] is None:
        return ""
    low, high = sheet["better_by"]
    return f"Better than its baseline by {low:.3g} to {high:.3g} on the metric that counts (95 %)."


def _counted(doubts: list[Any], every: int) -> str:
    return "; ".join(f"{item['rule']}: {item['detail']}" for item in doubts) or f"{every} checks, nothing found"


def _file(name: str) -> str:
    return files("nb2prod").joinpath(name).read_text(encoding="utf-8")
