"""Measuring: the process that reads from the values of runs how good each was.

It runs apart from ours because the values are the user's: loading them runs the user's code. `python -m
nb2prod.measuring ORDER RESULT`, in the notebook's folder.
"""

from __future__ import annotations

import json
import pickle
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from nb2prod import pipeline
from nb2prod.artifact import Version
from nb2prod.candidates import candidate, clues
from nb2prod.errors.base import Nb2ProdError
from nb2prod.notebook import Notebook
from nb2prod.packers import judgement, own
from nb2prod.packers.restored import entered, needed, restore
from nb2prod.stores import open_store


@frozen(kw_only=True)
class Ran:
    """A run to measure."""

    notebook: Notebook
    store: str
    values: Mapping[str, Version]
    names: frozenset[str]  # of what may be a measure


def measured(ran: Ran) -> dict[str, Any]:
    """Return the measures of a run by name, and the kind of its model, if it has one."""
    lines, store = pipeline.build(ran.notebook), open_store(ran.store)
    space = entered()
    seen, named = clues.of(lines), candidate.chosen(lines)
    names = named.names.union(ran.names, *(clue.names for clue in seen))
    restore(store, needed(ran.values, names), space)
    numbers = {name: number for name in sorted(ran.names) if (number := own.number(space.get(name))) is not None}
    try:
        found = candidate.settle(seen, space, named)
        return {"kind": found.kind, "metrics": judgement.measured(found) | numbers}
    except Nb2ProdError:
        return {"kind": None, "metrics": numbers}  # it has no model, or none that can be measured


def main() -> None:
    """Read the runs, measure them, and write the result whole."""
    runs: list[Ran] = pickle.loads(Path(sys.argv[1]).read_bytes())  # noqa: S301  our own file, written a moment ago
    found = []
    for ran in runs:
        try:
            found.append(measured(ran))
        except Exception as wrong:  # noqa: BLE001  the user's code may raise anything, and others shall be measured
            found.append({"kind": None, "metrics": {}, "reason": f"{type(wrong).__name__}: {wrong}"})
    temporary = Path(sys.argv[2] + ".tmp")
    temporary.write_text(json.dumps(found), encoding="utf-8")
    temporary.replace(sys.argv[2])


if __name__ == "__main__":
    from nb2prod.measuring import main as measure  # under its own name: what was pickled must be found again

    measure()
