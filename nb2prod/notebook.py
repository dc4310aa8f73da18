"""Notebook: the cells a document holds, and their tags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from attrs import field, frozen

from nb2prod.errors.base import NotebookUnreadable

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["code", "markdown", "raw"]


@frozen(kw_only=True)
class Cell:
    """One cell as the document has it."""

    index: int  # from 0, over all cells of the document
    id: str
    kind: Kind
    source: str
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(factory=dict, eq=False)  # the `nb2prod` key only


@frozen(kw_only=True)
class Notebook:
    """A document: its cells in order, and the kernel that runs them."""

    name: str  # file name without folders, with .ipynb
    cells: tuple[Cell, ...]
    kernel: str = "python3"
    metadata: Mapping[str, Any] = field(factory=dict, eq=False)  # the `nb2prod` key only

    @property
    def stem(self) -> str:
        """The name without `.ipynb`."""
        return self.name.removesuffix(".ipynb")


def parse(document: Mapping[str, Any], name: str) -> Notebook:
    """Read a notebook from its JSON in nbformat 4.

    Raises:
        NotebookUnreadable: It is not a version 4 notebook, or a part of it has another shape than the format says.

    Source:
        https://nbformat.readthedocs.io/en/latest/format_description.html
    """
    if not isinstance(document, dict) or document.get("nbformat") != 4:
        raise NotebookUnreadable(name, "it is not in notebook format 4")
    try:
        cells = tuple(_cell(index, raw) for index, raw in enumerate(document["cells"]))
        metadata = document.get("metadata", {})
        kernel = _text(metadata.get("kernelspec", {}).get("name", "python3"), "the kernel's name")
        own = metadata.get("nb2prod", {})
    except (KeyError, TypeError, AttributeError) as wrong:
        raise NotebookUnreadable(name, f"a part of it is malformed ({type(wrong).__name__}: {wrong})") from wrong
    return Notebook(name=name, cells=cells, kernel=kernel, metadata=own)


def _cell(index: int, raw: Mapping[str, Any]) -> Cell:
    source = raw["source"]
    metadata = raw.get("metadata", {})
    own = metadata.get("nb2prod", {})
    tags = metadata.get("tags", ())
    if isinstance(tags, str):
        raise TypeError(f"the tags of cell {index + 1} are no list")
    return Cell(
        index=index,
        # Notebooks before 4.5 have no cell ids; nbformat makes random ones, and these stay the same between reads.
        id=_text(raw.get("id", f"cell-{index}"), f"the id of cell {index + 1}"),
        kind=raw["cell_type"],
        source=source if isinstance(source, str) else "".join(source),
        tags=tuple(_text(tag, f"a tag of cell {index + 1}") for tag in tags),
        metadata=own if isinstance(own, dict) else {},
    )


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{what} is no text but {value!r}")
    return value
