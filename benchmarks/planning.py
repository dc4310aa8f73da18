"""How fast a pipeline of 100 stages is planned, with nothing kept and with everything kept.

python benchmarks/planning.py

The store is filled with records as runs write them: values, packages and a module of the project's own. Wanted: 100 ms
of CPU each, after imports. It exits 1 where that is not so.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from attrs import evolve

from nb2prod import notebook, pipeline, plan, schema
from nb2prod.artifact import Artifact
from nb2prod.environment import modules, versions
from nb2prod.execution import decision
from nb2prod.execution.decision import Context
from nb2prod.plan import Record, World
from nb2prod.stores.base import content_key
from nb2prod.stores.local import LocalStore

if TYPE_CHECKING:
    from nb2prod.dataflow.stage_flow import StageFlow

STAGES, WANTED = 100, 100  # ms
START = """import json
rate, data = 2, list(range(10))
def scaled(value):
    return value * rate
"""
CODE = """%%stage s{n}
v{n} = [scaled(value) for value in {above}]
w{n} = sum(v{n})
def plus{n}(value):
    return value + w{n}
print(w{n}, json.dumps(v{n}))
"""
USED = ("attrs", "click", "cloudpickle", "ipykernel", "papermill")


def document() -> dict[str, Any]:
    """Make a notebook of as many stages; each tenth begins anew from the data."""
    stages = [CODE.format(n=n, above=f"v{n - 1}" if n % 10 else "data") for n in range(STAGES - 1)]
    cells = [{"cell_type": "code", "id": f"c{n}", "metadata": {}, "source": s} for n, s in enumerate([START, *stages])]
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}


def fill(context: Context) -> Context:
    """Keep for each stage what a run would have left."""
    world, last = World(), {}
    for position, flow in enumerate(context.pipeline.flows):
        chosen = decision.decide(position, context, world)
        record = left(context, flow, chosen)
        context.store.put(chosen.key, schema.write_record(record))
        last[flow.stage.name], world = record, plan.after(world, flow, record)
    return evolve(context, last=last)


def left(context: Context, flow: StageFlow, chosen: decision.Decision) -> Record:
    """Return what a stage would leave; each value is a blob of its own."""
    values = [f"{flow.stage.name}.{name}".encode() for name in sorted(flow.leaves)]
    for data in (*values, b"outputs", b"ambient"):
        context.store.put(content_key(data), data)
    return Record(
        stage=flow.stage.name,
        parts=chosen.parts,
        artifacts=tuple(
            Artifact(names=(name,), digest=content_key(data), bytes=len(data), kinds=("list",))
            for name, data in zip(sorted(flow.leaves), values, strict=True)
        ),
        ambient=content_key(b"ambient"),
        outputs=content_key(b"outputs"),
        asked=chosen.asked,
        modules=modules([__file__, plan.__file__]),
        packages=versions(USED),
    )


def cpu(context: Context, action: str) -> float:
    """Return the median CPU time of a plan in milliseconds."""
    times = []
    for _ in range(5):
        began = time.process_time()
        steps = decision.steps(context)
        times.append((time.process_time() - began) * 1000)
        assert {step.action for step in steps} == {action}
    return median(times)


def main() -> None:
    """Print the times."""
    with tempfile.TemporaryDirectory() as folder:
        store = LocalStore(f"{folder}/store")
        line = pipeline.build(notebook.parse(document(), "big.ipynb"))
        empty = Context(pipeline=line, folder=Path(folder), store=store, kernel="python3")
        nothing = cpu(empty, "run")
        everything = cpu(fill(empty), "reuse")
    print(f"{STAGES} stages, nothing kept     {nothing:6.1f} ms CPU")
    print(f"{STAGES} stages, everything kept  {everything:6.1f} ms CPU")
    sys.exit(max(nothing, everything) > WANTED)


if __name__ == "__main__":
    main()
