"""What isolation costs: five stages, each in a process of its own, beside the plain script, papermill and Ploomber.

python benchmarks/pipelines.py [--rounds N] [--cache FOLDER]

Each tool runs in an environment of its own, made in the cache folder when it is not there: ours as a CI machine has it
(nb2prod with pandas and scikit-learn, no Lab), the others from PyPI. The variants are run in turn, round after round;
what is compared is CPU time of the whole tree of processes, the daemon's included, as medians of the ratios within a
round. It exits 1 where a figure is not what is wanted. How long a plan takes is in `planning.py`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
ENVIRONMENTS = {
    "ours": [f"--editable={ROOT}[examples]"],
    "papermill": ["papermill", "ipykernel", "pandas", "scikit-learn"],
    "ploomber": [
        "ploomber",
        "papermill",
        "ipykernel",
        "nbconvert",
        "jupytext",
        "pandas",
        "scikit-learn",
        "setuptools<80",
    ],
}

IMPORTS = """
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
"""
# Of each stage: its name, its code, what it leaves for those below.
LEARNING = [
    (
        "make",
        "rng = np.random.default_rng(0)\n"
        "raw = pd.DataFrame(rng.normal(size=(20_000, 9)), columns=list('abcdefghi'))\n"
        "raw['y'] = (raw.a + raw.b * raw.c + rng.normal(size=len(raw)) > 0).astype(int)",
        ["raw"],
    ),
    ("clean", "clean = raw[(raw[list('abcdefghi')].abs() < 4).all(axis=1)].dropna()", ["clean"]),
    ("feature", "X = clean.drop(columns='y').assign(bc=clean.b * clean.c)\ny = clean.y", ["X", "y"]),
    ("fit", "model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200)).fit(X, y)", ["model"]),
    ("score", "accuracy = model.score(X, y)\nprint(round(accuracy, 3))", []),
]
TRIVIAL = [(f"s{n}", f"x{n} = {f'x{n - 1} + 1' if n else '0'}\nprint(x{n})", [f"x{n}"]) for n in range(5)]


def environment(cache: Path, name: str) -> Path:
    """Make an environment, if it is not there, and return its folder of programs."""
    folder = cache / name
    if not (folder / "made").exists():
        shutil.rmtree(folder, ignore_errors=True)
        print(f"making the environment '{name}' in {folder}", file=sys.stderr)
        uv = ["uv", "--quiet"]
        clean = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"} | {
            "HATCH_BUILD_NO_HOOKS": "true"
        }
        subprocess.run([*uv, "venv", "--python", sys.executable, folder], check=True, env=clean)
        install = [*uv, "pip", "install", "--compile-bytecode", "--python", folder / "bin" / "python"]
        subprocess.run([*install, *ENVIRONMENTS[name]], check=True, env=clean)
        (folder / "made").touch()
    return folder / "bin"


class Bench:
    """Runs commands and adds up what they took."""

    def __init__(self, cache: Path, work: Path) -> None:
        self.bins = {name: environment(cache, name) for name in ENVIRONMENTS}
        self.work = work
        self.daemon: int | None = None
        hidden = ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "VIRTUAL_ENV")
        self.environ = {n: v for n, v in os.environ.items() if n not in hidden and not n.startswith("NB2PROD_")}
        self.environ |= {"XDG_RUNTIME_DIR": str(work), "PLOOMBER_STATS_ENABLED": "false"}

    def run(self, where: str, *command: object, **more: str) -> float:
        """Run a program of an environment; return the CPU seconds of all its processes."""
        environ = self.environ | {"PATH": f"{self.bins[where]}:{self.environ['PATH']}"} | more
        before = self._cpu()
        program = [self.bins[where] / str(command[0]), *map(str, command[1:])]
        done = subprocess.run(program, cwd=self.work, env=environ, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{' '.join(map(str, command))} failed:\n{done.stdout}\n{done.stderr}")
        return self._cpu() - before

    @contextlib.contextmanager
    def warm(self, notebook: Path) -> Iterator[None]:
        """Have a daemon for a notebook."""
        self.run("ours", "nb2prod", "warm", "start", notebook)
        command = [self.bins["ours"] / "nb2prod", "warm", "status", "--format", "json"]
        said = subprocess.run(command, cwd=self.work, env=self.environ, capture_output=True, text=True, check=True)
        self.daemon = json.loads(said.stdout)["pid"]
        try:
            yield
        finally:
            self.daemon = None
            self.run("ours", "nb2prod", "warm", "stop")

    def _cpu(self) -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        total = used.ru_utime + used.ru_stime
        if self.daemon is not None:
            fields = Path(f"/proc/{self.daemon}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            total += sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")  # its own and its children's
        return total

    def forget(self) -> None:
        """Let nothing be kept of earlier runs."""
        shutil.rmtree(self.work / ".nb2prod", ignore_errors=True)


def document(cells: list[tuple[str, list[str]]]) -> str:
    """Write a notebook of code cells with tags."""
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    rest = {"cell_type": "code", "outputs": [], "execution_count": None}
    book = [{**rest, "id": f"c{n}", "metadata": {"tags": tags}, "source": text} for n, (text, tags) in enumerate(cells)]
    about = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": about, "cells": book})


def prepare(work: Path, name: str, imports: str, stages: list[tuple[str, str, list[str]]]) -> list[Path]:
    """Write a pipeline as script, as one notebook, and as a notebook a stage; return the latter."""
    code = [imports, *(text for _, text, _ in stages)]
    (work / f"{name}.py").write_text("\n".join(code), encoding="utf-8")
    cells = [(imports.strip() or "pass", []), *((text, [f"stage:{stage}"]) for stage, text, _ in stages)]
    (work / f"{name}.ipynb").write_text(document(cells), encoding="utf-8")
    parts, seen = [], list[str]()
    for stage, text, left in stages:
        load = [f"with open('{v}.pickle', 'rb') as f: {v} = pickle.load(f)" for v in seen if v in text]
        keep = [f"with open('{v}.pickle', 'wb') as f: pickle.dump({v}, f)" for v in left]
        parts.append(work / f"{name}_{stage}.ipynb")
        whole = "\n".join(["import pickle", *load, text, *keep])
        parts[-1].write_text(document([(imports.strip() or "pass", []), (whole, [])]), encoding="utf-8")
        seen += left
    return parts


Variant = Callable[[], float]
Wanted = tuple[str, float]  # `<=` or `>=`, and a limit


def papermill(bench: Bench, *notebooks: Path, where: str = "papermill", engine: str = "") -> float:
    """Run notebooks one after the other by papermill's command."""
    flags = ["--no-progress-bar", *(["--engine", engine] if engine else [])]
    return sum(bench.run(where, "papermill", path, bench.work / "out.ipynb", *flags) for path in notebooks)


def fresh(bench: Bench, run: Variant) -> Variant:
    """Run a variant with nothing kept."""

    def forgotten() -> float:
        bench.forget()
        return run()

    return forgotten


def rounds(variants: dict[str, Variant], count: int) -> dict[str, list[float]]:
    """Run each variant in turn, so that what else the machine does meets all alike."""
    took: dict[str, list[float]] = {name: [] for name in variants}
    for number in range(count):
        for name, run in variants.items():
            took[name].append(run())
            print(f"  {number + 1}/{count} {name}: {took[name][-1]:.3f} CPU s", file=sys.stderr)
    return took


class Table:
    """Lines of results, and whether all are as wanted."""

    def __init__(self) -> None:
        self.ok = True

    def head(self, title: str) -> None:
        """Begin a table."""
        print(f"\n{title}\n{'':46}{'CPU s':>8}{'ratio':>8}  wanted")

    def line(
        self, name: str, seconds: float, ratio: float | None = None, wanted: tuple[str, float] | None = None
    ) -> None:
        """Print one result; `wanted` is `<=` or `>=` and a limit of what `ratio` says."""
        value = seconds if ratio is None else ratio
        shown, verdict = ("" if ratio is None else f"{ratio:.2f}"), ""
        if wanted is not None:
            good = value <= wanted[1] if wanted[0] == "<=" else value >= wanted[1]
            verdict = f"{wanted[0]} {wanted[1]:g}  {'pass' if good else 'FAIL'}"
            self.ok &= good
        print(f"{name:46}{seconds:8.3f}{shown:>8}  {verdict}")

    def lines(self, took: dict[str, list[float]], base: str, wanted: dict[str, Wanted]) -> None:
        """Print variants beside the one they are held against."""
        for name, values in took.items():
            ratio = median(value / other for value, other in zip(values, took[base], strict=True))
            self.line(name, median(values), ratio, wanted.get(name))


def learning(bench: Bench, table: Table, count: int) -> None:
    """Five stages with pandas and scikit-learn."""
    parts = prepare(bench.work, "learning", IMPORTS, LEARNING)
    book = bench.work / "learning.ipynb"
    cold = {
        "script": lambda: bench.run("ours", "python", "learning.py"),
        "nb2prod run": fresh(bench, lambda: bench.run("ours", "nb2prod", "run", book, NB2PROD_WARM="0")),
        "papermill, whole notebook": lambda: papermill(bench, book),
        "papermill, a notebook a stage": lambda: papermill(bench, *parts),
    }
    with bench.warm(book):
        warm = {
            "nb2prod run, warm": fresh(bench, lambda: bench.run("ours", "nb2prod", "run", book)),
            "papermill --engine nb2prod, warm": fresh(
                bench, lambda: papermill(bench, book, where="ours", engine="nb2prod")
            ),
        }
        took = rounds(cold | warm, count)
    table.head("Five stages with pandas and scikit-learn, first run")
    wanted = {
        "nb2prod run": ("<=", 1.25), "nb2prod run, warm": ("<=", 0.4), "papermill --engine nb2prod, warm": ("<=", 0.6),
    }  # fmt: skip
    table.lines(took, "script", wanted)


def trivial(bench: Bench, table: Table, count: int) -> None:
    """Five stages that do nothing, where all is overhead."""
    prepare(bench.work, "trivial", "", TRIVIAL)
    book = bench.work / "trivial.ipynb"
    cold = {
        "script": lambda: bench.run("ours", "python", "trivial.py"),
        "nb2prod run": fresh(bench, lambda: bench.run("ours", "nb2prod", "run", book, NB2PROD_WARM="0")),
        "papermill, whole notebook": lambda: papermill(bench, book),
    }
    with bench.warm(book):
        took = rounds(
            cold | {"nb2prod run, warm": fresh(bench, lambda: bench.run("ours", "nb2prod", "run", book))}, count
        )
    table.head("Five trivial stages, first run: seconds above the script's")
    for name, values in took.items():
        above = median(value - other for value, other in zip(values, took["script"], strict=True))
        table.line(name, median(values), above, ("<=", 0.5) if name.startswith("nb2prod") else None)


def unchanged(bench: Bench, table: Table, count: int) -> None:
    """The second run, when nothing changed."""
    book = bench.work / "learning.ipynb"
    bench.forget()
    bench.run("ours", "nb2prod", "run", book)
    pipeline = ploomber(bench)
    time.sleep(3)  # what was written in the last two seconds is looked at twice
    took = rounds(
        {
            "python -c pass": lambda: bench.run("ours", "python", "-c", "pass"),
            "nb2prod run": lambda: bench.run("ours", "nb2prod", "run", book),
            "nb2prod plan": lambda: bench.run("ours", "nb2prod", "plan", book),
            "ploomber build (3 stages)": lambda: bench.run("ploomber", "ploomber", "build", "-e", pipeline),
        },
        count * 2,
    )
    table.head("Nothing changed")
    table.lines(took, "python -c pass", {"nb2prod run": ("<=", 2.5), "nb2prod plan": ("<=", 2.5)})
    times = median(p / n for p, n in zip(took["ploomber build (3 stages)"], took["nb2prod run"], strict=True))
    table.line("ploomber over nb2prod run", 0.0, times, (">=", 40))


def ploomber(bench: Bench) -> Path:
    """Write and build a pipeline of three stages for Ploomber."""
    sources = {
        "load": "pd.DataFrame({'x': range(99), 'y': [n % 2 for n in range(99)]}).to_csv(product['data'], index=False)",
        "clean": "pd.read_csv(upstream['load']['data']).dropna().to_csv(product['data'], index=False)",
        "fit": "f = pd.read_csv(upstream['clean']['data'])\nprint(LogisticRegression().fit(f[['x']], f.y).coef_)",
    }
    above: list[str] = []
    tasks = []
    for name, text in sources.items():
        head = f'# %% tags=["parameters"]\nupstream = {above[-1:] or None}\nproduct = None\n\n# %%'
        whole = f"{head}{IMPORTS}\n# %%\n{text}\n"
        (bench.work / f"{name}.py").write_text(whole, encoding="utf-8")
        data = "" if name == "fit" else f", data: out/{name}.csv"
        tasks.append(f"  - source: {name}.py\n    product: {{nb: out/{name}.ipynb{data}}}\n")
        above.append(name)
    (bench.work / "pipeline.yaml").write_text("tasks:\n" + "".join(tasks), encoding="utf-8")
    bench.run("ploomber", "ploomber", "build", "-e", bench.work / "pipeline.yaml")
    return bench.work / "pipeline.yaml"


def growth(bench: Bench, table: Table, count: int) -> None:
    """What one more stage costs."""
    few, many = 2, 22
    variants = {}
    for size in (few, many):
        stages = [(f"s{n}", f"x{n} = {f'x{n - 1} + 1' if n else '0'}", [f"x{n}"]) for n in range(size)]
        prepare(bench.work, f"stages{size}", "", stages)
        book = bench.work / f"stages{size}.ipynb"

        def run(book: Path = book) -> float:
            return bench.run("ours", "nb2prod", "run", book, NB2PROD_WARM="0")

        variants[f"{size} stages"] = fresh(bench, run)
    took = rounds(variants, count)
    each = median((b - a) / (many - few) for a, b in zip(*took.values(), strict=True))
    table.head("One more stage")
    table.line("nb2prod run, for each stage", each, None, ("<=", 0.15))


def main() -> None:
    """Run all and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "nb2prod-benchmarks")
    parser.add_argument("--only", choices=["learning", "trivial", "unchanged", "growth"], action="append")
    chosen = parser.parse_args()
    table = Table()
    work = Path(tempfile.mkdtemp(prefix="nb"))  # short, since there is a socket in it
    try:
        bench = Bench(chosen.cache.resolve(), work)
        prepare(work, "learning", IMPORTS, LEARNING)
        for part in (learning, trivial, unchanged, growth):
            if not chosen.only or part.__name__ in chosen.only:
                part(bench, table, chosen.rounds)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    sys.exit(0 if table.ok else 1)


if __name__ == "__main__":
    main()
