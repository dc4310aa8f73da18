"""Mending: fixes of findings, carried out in a notebook's file: all that are safe, or one that somebody has chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nb2prod import checks, document, edits, notebook, pipeline
from nb2prod.packages import imported, requirements

if TYPE_CHECKING:
    from pathlib import Path

    from nb2prod.checks import Finding, Fix
    from nb2prod.document import Document


def fix(path: Path, out: Path | None = None) -> tuple[Finding, ...]:
    """Do what findings say in a notebook file, or in a copy of it, where that is safe; return those that are mended.

    Raises:
        NotebookUnreadable: It is no notebook, or in an older format, of which nothing would stay as it was.
        OutputRefused: It cannot be written.
    """
    mended: list[Finding] = []

    def change(raw: Document) -> Document:
        while True:  # one at a time, since each changes what the next finds; one that did not help is not tried again
            safe = next((f for f in _found(raw, path) if f.fix and f.fix.safe and f not in mended), None)
            if safe is None or safe.fix is None:
                return raw
            mended.append(safe)
            raw = edits.apply(raw, safe.fix.edits)

    document.edited(path, change, out or path)
    return tuple(mended)


def mend(path: Path, code: str, cell_id: str | None, title: str) -> bool:
    """Carry out in a notebook file one fix of the finding of a code at a cell; False if the file has it no more.

    What the fix wants in the project's list of requirements is written there.

    Raises:
        RequirementRefused: It cannot be written there.
        NotebookUnreadable: It is no notebook, or in an older format, of which nothing would stay as it was.
        OutputRefused: It cannot be written.
    """
    raw = document.read(path)
    there = [f for f in _found(raw, path) if (f.code, f.place.cell_id) == (code, cell_id)]
    chosen: Fix | None = next((fix for found in there for fix in found.fixes if fix.title == title), None)
    if chosen is None:
        return False
    if chosen.requires is not None:
        requirements.add(path, chosen.requires.file, chosen.requires.requirement)
    if chosen.edits:
        document.edited(path, lambda raw: edits.apply(raw, chosen.edits), path)
    return True


def _found(raw: Document, path: Path) -> tuple[Finding, ...]:
    line = pipeline.build(notebook.parse(raw, path.name))
    return checks.check(line, imported.packages(line, path))
