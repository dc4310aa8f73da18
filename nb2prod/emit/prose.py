"""Prose: a notebook's markdown as docstrings."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING

from nb2prod.emit.source import WIDTH

if TYPE_CHECKING:
    from nb2prod.notebook import Notebook
    from nb2prod.stage import Stage

_HEADING = re.compile(r"#{1,6}\s+")


def title(notebook: Notebook) -> str:
    """Return the notebook's first heading of the highest level, or its name."""
    about = _about(notebook)
    found = re.search(r"^#\s+(.+)$", about, re.MULTILINE)
    return _plain(found[1]) if found else notebook.stem


def about(notebook: Notebook) -> str:
    """Return what the notebook says of itself below its title."""
    return re.sub(r"\A\s*#\s+.+\n?", "", _about(notebook)).strip()


def _about(notebook: Notebook) -> str:
    """Return the markdown cell with the title, when the notebook opens with one."""
    first = next(iter(notebook.cells), None)
    return (
        first.source
        if first is not None and first.kind == "markdown" and first.source.lstrip().startswith("# ")
        else ""
    )


def docstring(stage: Stage, notebook: Notebook, indent: str = "    ") -> str:
    """Write a stage's markdown as a docstring: the heading is its first line."""
    texts = [c.source for c in stage.cells if c.kind == "markdown" and c.source != _about(notebook)]
    lines = "\n\n".join(texts).strip().splitlines()
    if not lines:
        return quoted(f"Stage '{stage.name}' of {notebook.name}.", indent)
    return quoted("\n".join(_HEADING.sub("", line) for line in lines), indent)


def quoted(text: str, indent: str = "    ") -> str:
    """Write text as a docstring: a sentence, then the rest."""
    paragraphs = [p for p in re.split(r"\n\s*\n", _plain(text)) if p.strip()] or ["Nothing is said about it."]
    first = paragraphs[0]
    if "\n" in first or len(first) > WIDTH - len(indent) - 7:
        head, _, rest = re.sub(r"\s+", " ", first).partition(". ")
        first = textwrap.shorten(head, WIDTH - len(indent) - 8, placeholder=" …")
        paragraphs[1:1] = [rest] if first == head and rest else [paragraphs[0]] if first != head else []
    first = first if first[-1:] in ".!?:…" else first + "."
    body = "\n\n".join([first, *(_filled(p, WIDTH - len(indent)) for p in paragraphs[1:])]).replace('"""', "'''")
    mark = 'r"""' if "\\" in body else '"""'
    lines = [line.rstrip() for line in body.splitlines()]
    if len(lines) == 1:
        return f'{indent}{mark}{lines[0]}"""'
    return "\n".join(
        [f"{indent}{mark}{lines[0]}", *(indent + line if line else "" for line in lines[1:]), f'{indent}"""']
    )


def _filled(paragraph: str, width: int) -> str:
    """Fill a paragraph; tables, lists, quotes and code keep their lines."""
    if any(re.match(r"\s*([-*+]\s|[|>#]|\d+[.)]\s|```|\$\$)|\s{4}", line) for line in paragraph.splitlines()):
        return paragraph
    return textwrap.fill(" ".join(paragraph.split()), width, break_long_words=False, break_on_hyphens=False)


def _plain(text: str) -> str:
    return re.sub(r"!\[[^\]]*\]\([^)]*\)", "", text).strip()
