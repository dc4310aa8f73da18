"""Choice: the words `CODE[:CELL[:WAY]]` by which one fix is chosen among those of what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nb2prod.checks.base import Finding
    from nb2prod.checks.fixes import Fix


def chosen(found: Iterable[Finding], words: str) -> tuple[tuple[Finding, Fix], ...]:
    """Return the fixes that words may mean, each with its finding; cells and ways are counted from 1."""
    code, cell, way, *_ = [*words.split(":"), "", ""]
    return tuple(
        (finding, fix)
        for finding in found
        if finding.code == code and cell in {"", _cell(finding)}
        for number, fix in enumerate(finding.fixes, 1)
        if way in {"", str(number)}
    )


def named(finding: Finding, fix: Fix) -> str:
    """Return the words for a fix of a finding."""
    way = f":{finding.fixes.index(fix) + 1}" if len(finding.fixes) > 1 else ""
    return f"{finding.code}:{_cell(finding)}{way}".rstrip(":")


def _cell(finding: Finding) -> str:
    return "" if finding.place.cell is None else str(finding.place.cell + 1)
