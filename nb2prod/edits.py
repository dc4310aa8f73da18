"""Edit: a change of one cell of a document, as a front-end or `apply` carries it out."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@frozen(kw_only=True)
class Edit:
    """What becomes of a cell; what is None stays as it is."""

    cell: int  # its index before any edit
    cell_id: str
    source: str | None = None
    metadata: Mapping[str, Any] | None = field(default=None, hash=False)  # the whole `nb2prod` key; {} takes it away
    tags: tuple[str, ...] | None = None
    above: str | None = None  # source of a new code cell that is put above it
    above_tags: tuple[str, ...] = ()  # tags of that cell


def apply(document: Mapping[str, Any], edits: Iterable[Edit]) -> dict[str, Any]:
    """Return a document in which cells are changed; outputs, and whatever else it holds, stay as they are."""
    made = deepcopy(dict(document))
    # From the end, and what changes a cell before what puts one above it, so that indexes stay right.
    for edit in sorted(edits, key=lambda e: (e.cell, e.above is None), reverse=True):
        cell = made["cells"][edit.cell]
        if edit.source is not None:
            cell["source"] = _like(cell["source"], edit.source)
        if edit.metadata is not None:
            cell.setdefault("metadata", {}).pop("nb2prod", None)
            cell["metadata"].update({"nb2prod": dict(edit.metadata)} if edit.metadata else {})
        if edit.tags is not None:
            cell.setdefault("metadata", {}).pop("tags", None)
            cell["metadata"].update({"tags": list(edit.tags)} if edit.tags else {})
        if edit.above is not None:
            made["cells"].insert(edit.cell, _new(made, cell, edit))
    return made


def _like(old: str | list[str], new: str) -> str | list[str]:
    """Write a source as the other was: as a text, or as a list of lines."""
    return new if isinstance(old, str) else new.splitlines(keepends=True)


def _new(document: Mapping[str, Any], below: Mapping[str, Any], edit: Edit) -> dict[str, Any]:
    made: dict[str, Any] = {"cell_type": "code", "execution_count": None}
    if (document.get("nbformat", 4), document.get("nbformat_minor", 0)) >= (4, 5):
        made["id"] = _unused(document)
    metadata = {"tags": list(edit.above_tags)} if edit.above_tags else {}
    return {**made, "metadata": metadata, "outputs": [], "source": _like(below["source"], edit.above or "")}


def _unused(document: Mapping[str, Any]) -> str:
    """Return a cell id that is not taken; the same each time, so that edits are repeatable."""
    taken = {cell.get("id") for cell in document["cells"]}
    return next(name for number in range(len(taken) + 1) if (name := f"nb2prod-{number}") not in taken)
