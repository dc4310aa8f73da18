"""History: the results and inputs of cells above that code reads as `_`, `_12`, `Out[12]`, `In[12]` and their like.

IPython keeps them in the process that ran the cells. Which cell has which number is known before anything runs, so a
result that a later stage reads is left and read like any other name, and the inputs are the sources of the cells.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attrs import define, evolve, field

from nb2prod.dataflow import HISTORY
from nb2prod.dataflow.stage_flow import Use
from nb2prod.stage import untagged

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nb2prod.dataflow.stage_flow import CellFlow, StageFlow

LATEST = ("_", "__", "___")  # the last three results
_NUMBERED = re.compile(r"_(\d+)")
_INPUTS = re.compile(r"_i{1,3}|_i\d+|_ih|In")


@define
class _Numbered:
    """A cell that runs, and the number that IPython gives it."""

    number: int
    position: int  # of its stage
    cell: CellFlow


def linked(flows: Sequence[StageFlow]) -> list[StageFlow]:
    """Let stages leave the results of their cells that stages below read, and read them there."""
    cells = list(_numbered(flows))
    wanted = [_Wanted() for _ in flows]
    bound: set[str] = set()  # by the notebook itself, after which IPython leaves the name alone
    for item in cells:
        wanted[item.position].inputs |= item.cell.flow.quotes
        for name, line in _read(item.cell).items():
            # The first letter is looked at first: this is asked of every name while somebody types.
            if name[0] in "_IO" and HISTORY.fullmatch(name) and name not in bound:
                wanted[item.position].add(name, line, item, cells)
        bound |= {name for name in item.cell.flow.binds if name[0] in "_IO" and HISTORY.fullmatch(name)}
    if not any(want.results or want.inputs for want in wanted):
        return list(flows)
    _hand_down(wanted, cells)
    return [_with(flow, position, cells, wanted) for position, flow in enumerate(flows)]


@define
class _Wanted:
    """What a stage reads of the stages above."""

    results: dict[str, Use] = field(factory=dict)
    inputs: bool = False

    def add(self, name: str, line: int, reader: _Numbered, cells: Sequence[_Numbered]) -> None:
        """Add what reading `name` in a cell comes to."""
        above = [item for item in cells if item.position < reader.position and item.cell.flow.shows]
        names: tuple[str, ...] = ()
        if _INPUTS.fullmatch(name):
            self.inputs = True
        elif name in {"Out", "_oh"}:
            names = tuple(f"_{item.number}" for item in above)
        elif found := _NUMBERED.fullmatch(name):
            names = tuple(name for item in above if item.number == int(found[1]))
        elif name in LATEST and above:
            names = LATEST
        self.results.update({n: reader.cell.use(n, line, "read") for n in names if n not in self.results})


def _hand_down(wanted: Sequence[_Wanted], cells: Sequence[_Numbered]) -> None:
    """A stage that shows something moves what was `_` to `__`, so all above the last reader must be given them."""
    readers = [position for position, want in enumerate(wanted) if "_" in want.results]
    for item in cells:
        if readers and 0 < item.position < readers[-1]:
            for name in LATEST:
                wanted[item.position].results.setdefault(name, item.cell.use(name, None, "read"))


def _numbered(flows: Sequence[StageFlow]) -> Iterator[_Numbered]:
    number = 0
    for position, flow in enumerate(flows):
        for item in flow.cells:
            if untagged(item.cell.source).strip():
                number += 1
                yield _Numbered(number, position, item)


def _read(item: CellFlow) -> dict[str, int]:
    deferred = {name: line for found in item.flow.definitions.values() for name, line in found.reads.items()}
    return {**deferred, **item.flow.anonymous.reads, **item.flow.reads}


def _with(flow: StageFlow, position: int, cells: Sequence[_Numbered], wanted: Sequence[_Wanted]) -> StageFlow:
    want = wanted[position]
    below = {name for other in wanted[position + 1 :] for name in other.results}
    left = {
        name: item.cell.use(name, None, "set")
        for item in cells
        if item.position == position and item.cell.flow.shows
        for name in (f"_{item.number}", *LATEST)
        if name in below
    }
    above = tuple(untagged(item.cell.cell.source) for item in cells if item.position < position)
    return evolve(
        flow,
        reads={**flow.reads, **want.results},
        leaves={**left, **flow.leaves},
        results=frozenset(want.results),
        above=above if want.inputs else (),
    )
