"""How well the suggested stages agree with the cuts that people made.

python benchmarks/suggesting.py NOTEBOOK…

For a notebook with tags, the truth is where its stages begin; they are taken away before it is asked. For one without,
the truth is where its main titles stand; all Markdown is taken away, so that only the code can tell. A place counts as
found when a suggested stage begins there, between two cells that are not skipped. Beside it stand two simple rivals:
every cell a stage, and stages of equal length, as many as the truth has.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import define, evolve

from nb2prod import notebook
from nb2prod.stage import code, split, tag_of
from nb2prod.suggest import suggest
from nb2prod.suggest.headings import headings

if TYPE_CHECKING:
    from nb2prod.notebook import Notebook

Places = set[int]  # indexes of the cells with which a stage begins


@define
class Score:
    """Places found, right and wanted."""

    found: int = 0
    right: int = 0
    wanted: int = 0

    def add(self, found: Places, wanted: Places, near: list[int]) -> None:
        """Count one notebook; a cut counts for the next cell that is not skipped."""
        moved = {min((index for index in near if index >= place), default=-1) for place in found} - {near[0], -1}
        self.found += len(moved)
        self.right += len(moved & wanted)
        self.wanted += len(wanted)

    def __str__(self) -> str:
        precision, recall = self.right / max(self.found, 1), self.right / max(self.wanted, 1)
        both = 2 * self.right / max(self.found + self.wanted, 1)
        return f"precision {precision:.2f}  recall {recall:.2f}  F1 {both:.2f}"


def tagged(book: Notebook) -> tuple[Notebook, Places, list[int]]:
    """Return a notebook without its tags, where its stages begin, and its cells that are not skipped."""
    stages = [stage for stage in split(book) if stage.role != "setup"]
    kept = [cell.index for stage in split(book) for cell in stage.code_cells]
    plain = [evolve(cell, source=code(cell).lstrip("\n"), tags=(), metadata={}) for cell in book.cells]
    wanted = {stage.code_cells[0].index for stage in stages} - {kept[0]}
    return evolve(book, cells=tuple(plain)), wanted, kept


def titled(book: Notebook) -> tuple[Notebook, Places, list[int]]:
    """Return a notebook without its titles, where the main ones stood, and its code cells."""
    kept = [cell.index for cell in book.cells if cell.kind == "code" and cell.source.strip()]
    levels: dict[int, int] = {}
    for cell in book.cells:
        below = next((index for index in kept if index > cell.index), None)
        for heading in headings(cell.source) if cell.kind == "markdown" else ():
            if below is not None and below != kept[0]:
                levels[below] = min(heading.level, levels.get(below, 9))
    main = main_level(list(levels.values()), len(kept))
    wanted = {index for index, level in levels.items() if level <= main}
    return evolve(book, cells=tuple(c for c in book.cells if c.kind == "code")), wanted, kept


def main_level(levels: list[int], cells: int) -> int:
    """Return the deepest level of which, with those above, there are no more than half the cells, and 11."""
    fitting = [level for level in set(levels) if sum(other <= level for other in levels) <= min(11, max(3, cells // 2))]
    return max(fitting, default=0)


def main() -> None:
    """Print the agreement."""
    totals: dict[str, dict[str, Score]] = {}
    for name in sys.argv[1:]:
        book = notebook.parse(json.loads(Path(name).read_text(encoding="utf-8")), name)
        kind = "tags" if any(tag_of(cell) for cell in book.cells if cell.kind == "code") else "titles"
        plain, wanted, kept = (tagged if kind == "tags" else titled)(book)
        if not wanted or len(kept) < 4:
            continue
        found = {item.cells[0].index for item in suggest(plain) if item.role not in {"setup", "parameters"}}
        step = max(1, round(len(kept) / (len(wanted) + 1)))
        rivals = {"suggested": found, "every cell": set(kept), "equal parts": set(kept[::step])}
        for rival, places in rivals.items():
            totals.setdefault(kind, {}).setdefault(rival, Score()).add(places, wanted, kept)
        one = Score()
        one.add(found, wanted, kept)
        print(f"{kind:7}{Path(name).name[:50]:52}{one}   {one.right} of {one.wanted}, {one.found} suggested")
    for kind, rivals in totals.items():
        for rival, score in rivals.items():
            print(f"{kind:7}{rival:14}{score}")


if __name__ == "__main__":
    main()
