"""Document: a notebook as JSON in nbformat 4, read from a file, given parameters, written when it has run."""

from __future__ import annotations

import json
import os
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nb2prod import journal, notebook, parameters, pipeline
from nb2prod.errors.base import NotebookUnreadable
from nb2prod.errors.runs import OutputRefused, ParameterUnknown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Document = dict[str, Any]


def read(path: Path) -> Document:
    """Read a notebook file as JSON in nbformat 4; older formats are brought up to it.

    Raises:
        NotebookUnreadable: It is no notebook.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as wrong:
        raise NotebookUnreadable(str(path), f"{type(wrong).__name__}: {wrong}") from wrong
    except ValueError as wrong:
        reason = f"it is no JSON ({wrong})" if path.stat().st_size else "it is empty"
        raise NotebookUnreadable(str(path), reason) from wrong
    if isinstance(found, dict) and found.get("nbformat") in {1, 2, 3}:
        import nbformat

        try:
            found = nbformat.convert(nbformat.from_dict(found), 4)
        except (LookupError, TypeError, AttributeError, ValueError, nbformat.ValidationError) as wrong:
            reason = f"it is in format {found['nbformat']}, and malformed ({type(wrong).__name__}: {wrong})"
            raise NotebookUnreadable(str(path), reason) from wrong
    if not isinstance(found, dict):
        raise NotebookUnreadable(str(path), "it is JSON, but no notebook")
    return found


def parametrised(raw: Document, name: str, values: Mapping[str, Any]) -> Document:
    """Put new values below the defaults, as papermill does.

    Raises:
        ParameterUnknown: The notebook declares no such parameter.
    """
    if not values:
        return raw
    declared = pipeline.build(notebook.parse(raw, name)).parameters
    known = tuple(item.name for item in declared)
    unknown = tuple(name for name in values if name not in known)
    if unknown:
        raise ParameterUnknown(unknown, known)
    below = max(item.cell for item in declared if item.name in values)
    cells = [_marked(cell, here=index == below) for index, cell in enumerate(raw["cells"])]
    return parameters.injected({**raw, "cells": cells}, values)


def _marked(cell: Mapping[str, Any], *, here: bool) -> dict[str, Any]:
    """Tag the one cell below which papermill puts the values, whatever else says that a cell has parameters."""
    metadata = cell.get("metadata", {})
    others = [tag for tag in metadata.get("tags", []) if tag != "parameters"]
    return {**cell, "metadata": {**metadata, "tags": [*others, "parameters"] if here else others}}


def refuse_output(output: str | None) -> None:
    """Stop before hours of work whose result could not be written.

    Raises:
        OutputRefused: It could not.
    """
    if output is None or "://" in output:
        return
    above = next(folder for folder in Path(output).absolute().parents if folder.exists())
    if Path(output).is_dir():
        raise OutputRefused(output, "it is a folder")
    if not above.is_dir():
        raise OutputRefused(output, f"'{above}' is a file")
    if not os.access(above, os.W_OK):
        raise OutputRefused(output, f"'{above}' may not be written")


def write(raw: Document, output: str | None, folder: Path) -> Path:
    """Write a notebook into a run's folder and to `output`, a path or URL; return where to find it."""
    own = folder / "executed.ipynb"
    text = json.dumps(raw, indent=1, ensure_ascii=False) + "\n"
    # Half of a character, which UTF-8 has no place for, is written as JSON's escape of it.
    journal.write_whole(own, text.encode("utf-8", "backslashreplace").decode())
    if output is None:
        return own
    if "://" in output:
        from papermill.iorw import papermill_io

        papermill_io.write(own.read_text(encoding="utf-8"), output)
    else:
        Path(output).parent.mkdir(parents=True, exist_ok=True)
        journal.write_whole(Path(output), own.read_text(encoding="utf-8"))
    return Path(output)


def edited(path: Path, change: Callable[[Document], Document], target: Path) -> Path:
    """Change cells of a notebook file, in place or in a copy; all else is written as it was, character by character.

    Raises:
        NotebookUnreadable: It is no notebook, or in an older format, of which nothing would stay as it was.
        OutputRefused: The target cannot be written.
    """
    read(path)
    with path.open(encoding="utf-8", newline="") as file:
        text = file.read()
    raw = json.loads(text)
    if raw.get("nbformat") != 4:
        raise NotebookUnreadable(str(path), "it is in an older format; save it in Jupyter first")
    refuse_output(str(target))
    target = target.resolve()  # what a link points at is written, not the link
    made = _layout(text, raw)(change(raw))
    mode = (target if target.exists() else path).stat().st_mode
    journal.write_whole(target, made)
    target.chmod(mode)
    return target


def _layout(text: str, raw: Document) -> Callable[[Document], str]:
    """Return what writes JSON as a text is written: its indent, its escapes, its line ends, its end."""
    found = re.match(r"\{(\r?\n)([ \t]+)", text)
    line_end, indent = found.groups() if found else ("\n", None)
    end = text[len(text.rstrip()) :]

    def write(document: Document, *, ascii_only: bool, separators: tuple[str, str]) -> str:
        made = json.dumps(document, indent=indent, ensure_ascii=ascii_only, separators=separators)
        return made.replace("\n", line_end) + end  # within a string JSON has none

    tight = ("," if indent else ", ", ": ")
    ways = [partial(write, ascii_only=a, separators=s) for s in (tight, (",", ":")) for a in (False, True)]
    return next((way for way in ways if way(raw) == text), ways[0])
