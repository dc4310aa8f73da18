"""Ship: from the command to a service that answers, for the churn notebook: nothing kept, and everything.

    python benchmarks/ship.py [--rounds 3]

Each round has a folder, a store and a BentoML home of its own. The bare script is the notebook's code,
cell after cell, in the same interpreter. CPU is of the command and all processes that it waited for,
the service that goes on excepted; steps are the command's own account. A service answers before the command ends: the
run's page is drawn after.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from attrs import frozen

from nb2prod import api, journal, settings
from nb2prod.stage import untagged

CHURN = Path(__file__).parent.parent / "examples" / "churn"


@frozen
class Took:
    """Seconds of something."""

    wall: float
    answers: float  # until the service did
    cpu: float
    steps: dict[str, float]


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    rounds: list[dict[str, Took]] = [one_round() for _ in range(parser.parse_args().rounds)]
    print(f"{'':14}{'answers s':>10}{'ended s':>9}{'CPU s':>7}   load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    for name in rounds[0]:
        seen = [one[name] for one in rounds]
        numbers = [statistics.median(getattr(s, kind) for s in seen) for kind in ("answers", "wall", "cpu")]
        steps = {step: statistics.median(s.steps.get(step, 0.0) for s in seen) for step in seen[0].steps}
        told = ", ".join(f"{step} {seconds:.1f}" for step, seconds in steps.items())
        print("{:14}{:10.1f}{:9.1f}{:7.1f}   {}".format(name, *numbers, told))
    beyond = statistics.median(one["ship, cold"].answers - one["bare script"].wall for one in rounds)
    print(f"cold is the script + {beyond:.1f} s")


def one_round() -> dict[str, Took]:
    """Run the script, ship with nothing kept, and ship again."""
    with tempfile.TemporaryDirectory(prefix="nb2prod-") as own:
        folder = Path(own) / "churn"
        shutil.copytree(CHURN, folder, ignore=shutil.ignore_patterns(".*"))
        script = Path(own) / "churn" / "bare.py"
        cells = api.read(folder / "churn.ipynb").cells
        code = "\n".join(untagged(cell.source) for cell in cells if cell.kind == "code")
        script.write_text(re.sub("^%", "# %", code, flags=re.MULTILINE), encoding="utf-8")
        bare = _took([sys.executable, str(script)], folder, own)
        script.unlink()
        found = {"bare script": bare}
        for name in ("ship, cold", "ship, warm"):
            found[name] = _shipped(folder, own)
        return found


def _shipped(folder: Path, own: str) -> Took:
    began, before, clock = time.perf_counter(), _cpu(), time.time()
    command = [sys.executable, "-m", "nb2prod", "ship", "churn.ipynb", "--serve", "--format", "json"]
    done = subprocess.run(command, cwd=folder, env=_environment(own), capture_output=True, text=True, check=False)
    result = json.loads(done.stdout)
    assert result["ok"], (result["error"], done.stderr[-2000:])
    home = settings.home_of(folder / "churn.ipynb")
    try:
        row = api.show_release(home, result["release"])["example"]
        asked = Request(f"{result['url']}/predict", json.dumps({"rows": [row]}).encode())
        asked.add_header("content-type", "application/json")
        with urlopen(asked, timeout=10) as answer:
            assert json.load(answer)[0]["prediction"]
        wall, cpu = time.perf_counter() - began, _cpu() - before
    finally:
        api.stop(home, result["release"])
    events = list(journal.read(home, result["run"]))
    served = next(e["at"] for e in events if e.get("step") == "serve" and e["state"] == "done")
    return Took(wall, served - clock, cpu, _steps(events))


def _steps(events: Any) -> dict[str, float]:
    return {e["step"]: e["seconds"] for e in events if e["event"] == "step" and e["state"] == "done"}


def _took(command: list[str], folder: Path, own: str) -> Took:
    began, before = time.perf_counter(), _cpu()
    subprocess.run(command, cwd=folder, env=_environment(own), check=True, capture_output=True)
    wall = time.perf_counter() - began
    return Took(wall, wall, _cpu() - before, {})


def _environment(own: str) -> dict[str, str]:
    gone = {"PYTHONDONTWRITEBYTECODE", "NB2PROD_STORE"}
    kept = {name: value for name, value in os.environ.items() if name not in gone}
    return {**kept, "BENTOML_HOME": f"{own}/bentoml", "MPLBACKEND": "agg", "BENTOML_DO_NOT_TRACK": "True"}


def _cpu() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


if __name__ == "__main__":
    main()
