"""Tagging: how a cell's tag is written anew, in each of the ways in which cells are tagged."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

from attrs import evolve

from nb2prod.edits import Edit
from nb2prod.stage import OPTIONS, kale_name, line_of, untagged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nb2prod.notebook import Cell

_NAMING = ("stage:", "step:", "block:")
_SPECIAL = frozenset({"imports", "functions", "setup", "pipeline-metrics"})


def untag(cell: Cell) -> Edit:
    """Let a cell belong to the stage above."""
    line = line_of(cell.source)
    return _edit(
        cell,
        source=cell.source if line is None else untagged(cell.source),
        metadata={key: value for key, value in cell.metadata.items() if key != "stage" and key not in OPTIONS},
        tags=tuple(tag for tag in cell.tags if not _tags(tag) and not tag.startswith("prev:")),
    )


def rename(cell: Cell, name: str) -> Edit:
    """Give the stage of a tagged cell another name."""
    line = line_of(cell.source)
    named = line and re.sub(r"^%%stage(?:[ \t]+(?!--)\S+)?", f"%%stage {name}", line)
    return _edit(
        cell,
        source=cell.source.replace(line, named or "", 1) if line else cell.source,
        metadata={**cell.metadata, "stage": name} if "stage" in cell.metadata else dict(cell.metadata),
        tags=tuple(f"{tag.partition(':')[0]}:{name}" if tag.startswith(_NAMING) else tag for tag in cell.tags),
    )


def after(cell: Cell, change: Callable[[str], str | None]) -> Edit:
    """Change each stage that a cell's tag names as one to run before; None takes it away."""

    def changed(names: str, separator: str = ",") -> str:
        return separator.join(new for name in names.split(separator) if (new := change(name.strip())))

    def option(found: re.Match[str]) -> str:
        names = changed(found[1])
        return f" --after {names}" if names else ""

    line = line_of(cell.source)
    metadata = dict(cell.metadata)
    if "after" in metadata:
        metadata["after"] = changed(str(metadata["after"]))
    own = (":".join(map(kale_name, tag.split(":")[1:])) if tag.startswith("prev:") else None for tag in cell.tags)
    kale = (tag if names is None else f"prev:{changed(names, ':')}" for tag, names in zip(cell.tags, own, strict=True))
    return _edit(
        cell,
        source=cell.source.replace(line, re.sub(r"\s+--after[ =]+(\S+)", option, line), 1) if line else cell.source,
        metadata={key: value for key, value in metadata.items() if key != "after" or value},
        tags=tuple(tag for tag in kale if tag != "prev:"),
    )


def keep(cell: Cell, name: str) -> Edit:
    """Keep of several names that a cell's tags give it one, written where the one that counts stands."""
    first = _keep_first(cell)
    made = evolve(
        cell,
        source=cell.source if first.source is None else first.source,
        metadata=cell.metadata if first.metadata is None else first.metadata,
        tags=cell.tags if first.tags is None else first.tags,
    )
    then = rename(made, name)
    return _edit(
        cell,
        source=made.source if then.source is None else then.source,
        metadata=dict(made.metadata if then.metadata is None else then.metadata),
        tags=made.tags if then.tags is None else then.tags,
    )


def _keep_first(cell: Cell) -> Edit:
    """Keep of several ways in which a cell is tagged the one that counts: the line, or else the metadata."""
    others = untag(cell)
    rest = () if others.tags is None else others.tags
    if line_of(cell.source) is None:
        return _edit(cell, source=cell.source, metadata=dict(cell.metadata), tags=rest)
    own = dict(cell.metadata) if others.metadata is None else dict(others.metadata)
    return _edit(cell, source=cell.source, metadata=own, tags=rest if others.tags is not None else cell.tags)


def keep_valid(cell: Cell) -> Edit:
    """Take the options away that there are not, or that have a value of another kind."""
    line = line_of(cell.source)
    made = cell.source
    if line is not None:
        words = shlex.split(line, comments=True) if _closed(line) else line.split()[:2]
        made = cell.source.replace(line, " ".join([*words[:2], *_options(words[2:])]), 1)
    metadata = {key: value for key, value in cell.metadata.items() if key == "stage" or _valid(key, str(value))}
    return _edit(cell, source=made, metadata=metadata, tags=cell.tags)


def _options(words: list[str]) -> Iterator[str]:
    """Yield those options of a `%%stage` line that are valid, written as `%%stage` reads them."""
    words = list(words)
    while words:
        word = words.pop(0)
        option, _, value = word.removeprefix("--").partition("=")
        if not word.startswith("--"):
            continue
        if option.startswith("no-"):
            option, value = option.removeprefix("no-"), "false"
        elif not value:
            value = words.pop(0) if words and not words[0].startswith("--") else "true"
        if _valid(option, value):
            yield from (f"--{option}", shlex.quote(value))


def _valid(option: str, value: str) -> bool:
    if option not in OPTIONS:
        return False
    try:
        OPTIONS[option][0](value)
    except (ValueError, KeyError):
        return False
    return True


def _closed(line: str) -> bool:
    try:
        shlex.split(line, comments=True)
    except ValueError:
        return False
    return True


def _tags(tag: str) -> bool:
    return tag.startswith(_NAMING) or tag in _SPECIAL


def _edit(cell: Cell, *, source: str, metadata: dict[str, Any], tags: tuple[str, ...]) -> Edit:
    """Return an edit that mentions only what differs."""
    return Edit(
        cell=cell.index,
        cell_id=cell.id,
        source=source if source != cell.source else None,
        metadata=metadata if metadata != dict(cell.metadata) else None,
        tags=tags if tags != cell.tags else None,
    )
