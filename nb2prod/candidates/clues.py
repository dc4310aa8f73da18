"""Clues: what a notebook's code says of its models, cell by cell."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from attrs import evolve

from nb2prod.candidates.clue import Clue
from nb2prod.candidates.reader import Reader
from nb2prod.dataflow import parse
from nb2prod.pipeline import Pipeline
from nb2prod.stage import code

BASELINE = "baseline"  # a stage of this name makes the rival


def clues(cells: Iterable[tuple[int, ast.Module]]) -> tuple[Clue, ...]:
    """Collect the models of a notebook from its parsed cells, in the order of their last fit."""
    reader = Reader()
    for index, tree in cells:
        reader.cell = index
        reader.visit(tree)
    several = (Clue(model=name, cell=cell, several=True) for name, (cell, _) in reader.several.items())
    return (*several, *(reader.clue(name) for name in reader.models))


def of(pipeline: Pipeline) -> tuple[Clue, ...]:
    """Collect the models of a pipeline; cells that cannot be parsed say nothing."""
    cells = [item for flow in pipeline.flows for item in flow.cells if item.fault is None]
    simple = {cell.index for stage in pipeline.stages if stage.name == BASELINE for cell in stage.code_cells}
    found = clues((item.cell.index, parse(code(item.cell))) for item in cells)
    return tuple(evolve(clue, rival=clue.cell in simple) for clue in found)
