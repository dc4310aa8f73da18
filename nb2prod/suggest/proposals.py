"""Suggestion: the stages that an untagged notebook seems to have, each with a reason and a confidence.

A cut speaks for itself: a heading stands there, another kind of work begins, few names cross. What stands above the
first work (imports, definitions, constants) stays the notebook's setup. What is tagged already stays as it is.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from nb2prod.checks.rules import LOADS
from nb2prod.dataflow import HISTORY
from nb2prod.dataflow.makers import makers
from nb2prod.dataflow.unkept import HANDLE
from nb2prod.edits import Edit
from nb2prod.pipeline import build
from nb2prod.stage import NAME, SETUP, code, split, tag_of
from nb2prod.suggest import activities
from nb2prod.suggest.headings import name_of
from nb2prod.suggest.sights import look

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from nb2prod.dataflow.stage_flow import StageFlow
    from nb2prod.notebook import Cell, Notebook
    from nb2prod.stage import Role
    from nb2prod.suggest.headings import Heading
    from nb2prod.suggest.sights import Sight

# How much speaks for a cut, found by trying on notebooks that people have cut themselves: benchmarks/suggesting.py.
MAIN, SUB = 0.75, 0.35  # a heading of the notebook's main level, and one below it
SHOWN, TEMPORARY = 0.3, 0.05  # against it: the cell only shows something; a value was made for the next cell only
AGAIN = 0.25  # one more model is fitted
FRESH = 0.2  # nothing that was made above is read below
COMMENT = 0.2  # the cell's first line is a comment that names the work
ENOUGH, UNTITLED = 0.35, 0.25  # in a notebook with titles, and in one without
MOST = 12  # stages; more are no help

Readers = dict[tuple[int, str], set[int]]  # cell that leaves a value, its name → cells that read it


@frozen(kw_only=True)
class Proposal:
    """One stage as it is, or might be."""

    name: str
    role: Role = "stage"
    cells: tuple[Cell, ...]  # code cells
    why: str
    confidence: float  # from 0 to 1
    given: bool = False  # it is tagged so already


@frozen(kw_only=True)
class Cut:
    """A place where a stage may begin: how much speaks for it, and what."""

    position: int  # among the code cells
    score: float
    reasons: tuple[str, ...] = ()
    name: str = ""  # given by a tag
    role: Role = "stage"


def suggest(notebook: Notebook) -> tuple[Proposal, ...]:
    """Propose stages for a notebook, in its order; the setup comes first where there is one."""
    sights = look(notebook)
    titled = any(sight.titles for sight in sights[1:])
    cuts = _chosen(_cuts(notebook, sights), ENOUGH if titled else UNTITLED)
    ends = [*(cut.position for cut in cuts[1:]), len(sights)]
    found = list(_setup(sights[: cuts[0].position] if cuts else sights))
    used = {cut.name for cut in cuts}
    for cut, end in zip(cuts, ends, strict=False):
        found.append(_proposal(cut, sights[cut.position : end], used))
        used.add(found[-1].name)
    return tuple(found)


def edits(notebook: Notebook, proposals: Iterable[Proposal], *, magic: bool = False) -> tuple[Edit, ...]:
    """Return what tags a notebook as proposed: by metadata, or by `%%stage` lines below one that loads the magic."""
    new = [item for item in proposals if not item.given and item.role != "setup"]
    made = [_edit(item, magic=magic) for item in new]
    top = next((cell for cell in notebook.cells if cell.kind == "code"), None)
    loads = any(LOADS.search(cell.source) for cell in notebook.cells if cell.kind == "code")
    if top is not None and not loads and any(edit.source is not None for edit in made):
        made.insert(0, Edit(cell=top.index, cell_id=top.id, above="%load_ext nb2prod"))
    return tuple(made)


def _edit(proposal: Proposal, *, magic: bool) -> Edit:
    cell = proposal.cells[0]
    if proposal.role == "parameters":
        return Edit(cell=cell.index, cell_id=cell.id, tags=(*cell.tags, "parameters"))
    if magic:
        return Edit(cell=cell.index, cell_id=cell.id, source=f"%%stage {proposal.name}\n{cell.source}")
    return Edit(cell=cell.index, cell_id=cell.id, metadata={**cell.metadata, "stage": proposal.name})


def _cuts(notebook: Notebook, sights: Sequence[Sight]) -> Iterator[Cut]:
    """Yield the places where a stage begins already, or may begin, with what speaks for it."""
    given = {stage.code_cells[0].index: stage for stage in split(notebook) if stage.tags and stage.role != "setup"}
    begun = [i for i, s in enumerate(sights) if s.cell.index in given or not (s.kind in _ABOVE or _is_setup(s.cell))]
    start = begun[0] if begun else len(sights)
    main = _main_level([sight.titles for sight in sights[start + 1 :]])
    apart = [evolve(s.cell, source=code(s.cell), tags=(), metadata={"stage": f"c{n}"}) for n, s in enumerate(sights)]
    flows = build(evolve(notebook, cells=tuple(apart))).flows
    readers = _readers(flows)
    crossing, never = _crossing(sights, readers, start), _uncuttable(flows, readers)
    for position in range(start, len(sights)):
        sight = sights[position]
        if sight.cell.index in given:
            stage = given[sight.cell.index]
            yield Cut(position=position, score=math.inf, name=stage.name, role=stage.role)
            continue
        if tag_of(sight.cell) is not None or (position in never and position > start):
            continue
        said = [*_titled(sight, main), *_begun(sights, position, start), *crossing[position]]
        if position == start:
            said.append((1.0, "the setup ends above" if start else ""))
        yield Cut(
            position=position,
            score=sum(score for score, _ in said),
            reasons=tuple(reason for _, reason in said if reason),
        )


_ABOVE = frozenset({"parameters", "setup", "defines"})


def _is_setup(cell: Cell) -> bool:
    tag = tag_of(cell)
    return tag is not None and tag.role == "setup"


def _chosen(cuts: Iterable[Cut], least: float) -> tuple[Cut, ...]:
    enough = [cut for cut in cuts if cut.score >= least]
    best = sorted(enough, key=lambda cut: (-cut.score, cut.position))[:MOST]
    return tuple(sorted(best, key=lambda cut: cut.position))


def _main_level(titles: Sequence[Sequence[Heading]]) -> int:
    """Return the deepest level of which, with those above, there are not too many for stages."""
    strongest = [min(heading.level for heading in above) for above in titles if above]
    most = min(MOST - 1, max(3, len(titles) // 2))
    fitting = [level for level in set(strongest) if sum(other <= level for other in strongest) <= most]
    return max(fitting, default=min(strongest, default=0))


def _titled(sight: Sight, main: int) -> Iterator[tuple[float, str]]:
    if sight.titles:
        strongest = min(sight.titles, key=lambda heading: heading.level)
        yield (MAIN if strongest.level <= main else SUB), f"the title '{strongest.text}' stands above"
    elif activities.of_words(sight.comment):
        yield COMMENT, f"it begins with the comment '{sight.comment}'"


def _begun(sights: Sequence[Sight], position: int, start: int) -> Iterator[tuple[float, str]]:
    """Yield what the kinds of work on both sides of a place say."""
    sight = sights[position]
    if sight.kind == "shows":
        yield -SHOWN, ""
        return
    if position > start and sights[position - 1].kind in _ABOVE:
        yield -SHOWN, ""  # definitions go with what uses them
        return
    ahead = next((s for s in sights[position:] if s.kind not in _ABOVE), sight)
    behind = [s.activity for s in sights[start:position] if s.activity]
    if ahead.activity and (not behind or behind[-1] != ahead.activity):
        kind = activities.named(ahead.activity)
        yield kind.opens, f"it begins to {kind.verb}{_called(ahead)}"
    fitted = frozenset[str]().union(*(s.fits for s in sights[start:position]))
    if fitted and ahead.fits - fitted:
        yield AGAIN, f"`{min(ahead.fits - fitted)}` is fitted"


def _called(sight: Sight) -> str:
    telling = [name for name in sight.calls if sight.activity in activities.of_calls([name])]
    return f" (`{telling[0]}`)" if telling else ""


def _crossing(sights: Sequence[Sight], readers: Readers, start: int) -> list[list[tuple[float, str]]]:
    """Return for each place what the names say that would cross it; what the setup leaves is everybody's."""
    found: list[list[tuple[float, str]]] = []
    values = [(writer, name, reading) for (writer, name), reading in readers.items() if writer >= start]
    for place in range(len(sights)):
        names = {name for writer, name, reading in values if writer < place <= max(reading)}
        made = {name for writer, name, reading in values if writer == place - 1 and reading == {place}}
        some = ", ".join(f"`{name}`" for name in sorted(names)[:4]) + (", …" if len(names) > 4 else "")
        crossed = (0.0, f"{some} {'cross' if len(names) > 1 else 'crosses'}")
        said = crossed if names else (FRESH, "nothing made above is read below")
        found.append([said, (-TEMPORARY if made else 0.0, "")])
    return found


def _uncuttable(flows: Sequence[StageFlow], readers: Readers) -> set[int]:
    """Return the places that something crosses which cannot be handed on: a socket, `_`."""
    found: set[int] = set()
    for place, flow in enumerate(flows):
        if any(HISTORY.fullmatch(name) for item in flow.cells for name in item.flow.reads):
            found.add(place)
    places = {flow.stage.name: place for place, flow in enumerate(flows)}
    for maker in makers(flows):
        if maker.code is None and maker.kind != HANDLE and maker.place.stage:
            made = places[maker.place.stage]
            found.update(range(made + 1, max(readers.get((made, maker.name), {made})) + 1))
    return found


def _readers(flows: Iterable[StageFlow]) -> Readers:
    """Return for each value, as the position of the cell that leaves it and its name, which cells read it."""
    writers: dict[str, int] = {}
    found: Readers = {}
    for position, flow in enumerate(flows):
        for name in flow.stage.reads & writers.keys():
            found.setdefault((writers[name], name), set()).add(position)
        defined = {name for item in flow.cells for name in item.flow.sources}
        writers.update(dict.fromkeys(flow.leaves.keys() - defined, position))
        for name in defined:  # they are made again where they are needed
            writers.pop(name, None)
    return found


def _setup(sights: Sequence[Sight]) -> Iterator[Proposal]:
    cells = tuple(sight.cell for sight in sights if not _settable(sight))
    if cells:
        why = "imports, definitions and constants, before any work begins"
        yield Proposal(name=SETUP, role="setup", cells=cells, why=why, confidence=0.9)
    for sight in sights:
        if _settable(sight):
            about = (*(heading.text for heading in sight.titles), sight.comment)
            titled = any(activities.PARAMETERS.search(text) for text in about)
            yield Proposal(
                name="parameters",
                role="parameters",
                cells=(sight.cell,),
                why="it holds constants only, which may be given anew with `-p NAME VALUE`",
                confidence=0.9 if titled else 0.6,
            )


def _settable(sight: Sight) -> bool:
    return sight.kind == "parameters" and not (tag_of(sight.cell) or sight.cell.tags)


def _proposal(cut: Cut, sights: Sequence[Sight], used: set[str]) -> Proposal:
    cells = tuple(sight.cell for sight in sights)
    if cut.name:
        why, confidence, name = "it is tagged so", 1.0, cut.name
    else:
        name = _name(sights, used)
        why = "; ".join(cut.reasons)
        confidence = round(1 - math.exp(-1.5 * cut.score), 2)
    return Proposal(name=name, role=cut.role, cells=cells, why=why, confidence=confidence, given=bool(cut.name))


_TAKEN = frozenset({"setup", "parameters", "skip", "serve"})  # names that give a stage another role


def _name(sights: Sequence[Sight], used: set[str]) -> str:
    """Name a stage after its title, or else after what its cells do."""
    titles = [heading.text for heading in sights[0].titles[::-1]]
    weights: dict[str, float] = {}
    for sight in sights:
        for name, weight in sight.weights.items():
            weights[name] = weights.get(name, 0) + weight
    done = max(weights, key=weights.__getitem__) if weights else sights[0].activity or "work"
    meant = [activity for text in titles if (activity := activities.of_words(text))]
    spelt = [name for text in titles if (name := name_of(text))]
    fitted = [made for sight in sights for made in sorted(sight.fits) if made.isidentifier()]
    wanted = [*meant[:1], *spelt] if titles else [done, *(f"{done}_{made}" for made in fitted)]
    free = [name for name in wanted if NAME.fullmatch(name) and name not in used | _TAKEN]
    if free:
        return free[0]
    base = next((name for name in (*wanted, done) if NAME.fullmatch(name) and name not in _TAKEN), "work")
    return next(name for n in range(2, len(used) + 3) if (name := f"{base}_{n}") not in used)
