"""How fast a notebook of 200 cells is analysed, whole and after one edit, beside Python's own parser.

python benchmarks/analysis.py

Wanted: 200 ms of CPU for the whole after imports, 10 ms after one edit. It exits 1 where that is not so.
"""

from __future__ import annotations

import ast
import sys
import time
from statistics import median
from typing import Any

from nb2prod import api, notebook

CELLS = 200
WHOLE, EDIT = 200, 10  # ms
CODE = """
frame_{n} = frame_{m}.assign(total=lambda f: f["a"] * rate + f["b"]).query("total > @limit")
model_{n} = make_model(depth={n}, seed=seed)
def score_{n}(rows, weights=None):
    kept = [row for row in rows if row is not None and row > limit]
    return sum(value * (weights or {{}}).get(name, 1) for name, value in enumerate(kept)) / max(len(kept), 1)
for name, part in frame_{n}.groupby("kind"):
    results[name] = score_{n}(part["total"])
    if results[name] > best:
        best = results[name]
"""
START = """
import pandas as pd
rate, limit, seed, best, results = 2.0, 1.0, 0, 0.0, {}
frame_0 = pd.DataFrame({"a": [1.0], "b": [2.0], "kind": ["x"]})
def make_model(depth, seed): return (depth, seed)
"""


def document(edit: str = "") -> dict[str, Any]:
    """Make a notebook in which every tenth cell begins a stage."""
    sources = [START, *(CODE.format(n=n, m=n - 1) for n in range(1, CELLS))]
    sources[CELLS // 2 + 5] += edit
    tagged = [f"%%stage s{n // 10}\n{source}" if n % 10 == 0 else source for n, source in enumerate(sources)]
    cells = [{"cell_type": "code", "id": f"c{n}", "metadata": {}, "source": s} for n, s in enumerate(tagged)]
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}


def cpu(work: Any) -> float:
    """Return the CPU time of one call in milliseconds."""
    began = time.process_time()
    work()
    return (time.process_time() - began) * 1000


def main() -> None:
    """Print the times, and their ratios to `ast.parse` on the same cells."""
    raw = document()
    cpu(lambda: api.graph(notebook.parse({**raw, "cells": raw["cells"][:1]}, "warm.ipynb")))  # imports
    parse = cpu(lambda: [ast.parse(cell["source"].replace("%%stage", "#")) for cell in raw["cells"]])
    whole = cpu(lambda: api.graph(notebook.parse(raw, "big.ipynb")))
    line = edits("\nedited_{n} = {n}")
    body = edits("\ndef edited(rows): return score_9(rows, {n})")
    print(f"{CELLS} cells: ast.parse alone {parse:.0f} ms CPU")
    print(f"graph and findings, first time    {whole:6.1f} ms CPU = {whole / parse:.2f} x ast.parse")
    print(f"after an edited line, median      {line:6.1f} ms CPU = {line / parse:.2f} x ast.parse")
    print(f"after an edited function, median  {body:6.1f} ms CPU = {body / parse:.2f} x ast.parse")
    sys.exit(whole > WHOLE or max(line, body) > EDIT)


def edits(code: str) -> float:
    """Return the median time of nine analyses, each after another edit of one cell in the middle."""
    edited = [document(code.format(n=n)) for n in range(9)]
    return median(cpu(lambda raw=raw: api.graph(notebook.parse(raw, "big.ipynb"))) for raw in edited)


if __name__ == "__main__":
    main()
