"""How fast a gigabyte goes from one stage to the next, beside a raw copy of its bytes and other formats.

python benchmarks/handover.py [FOLDER]      (needs pandas, pyarrow, joblib and 6 GB of memory; writes to FOLDER)

Wanted: writing at most 1.5 times as long as writing the bytes to the same disk, reading at most 0.1 times as long as
reading them, both for an array and for a frame. It exits 1 where that is not so. The two are timed in turn, and
the least times compared, since noise only adds; other ways once. Nothing forces the bytes to the disk in any of them.
"""

from __future__ import annotations

import functools
import os
import pickle
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd

from nb2prod.formats import objects
from nb2prod.stores.local import LocalStore
from nb2prod.worker import handover

SIZE = 1 << 30
ROUNDS = 10
WRITE, READ = 1.5, 0.1
PIECE = 1 << 24
Way = tuple[Callable[[], Any], Callable[[], Any]]  # write and read


def array() -> Any:
    """Make a gigabyte of floats."""
    return np.random.default_rng(0).random(SIZE // 8)


def frame() -> Any:
    """Make a gigabyte of what frames hold: numbers, times, categories and text."""
    rng, rows = np.random.default_rng(0), SIZE // 117
    columns: dict[str, Any] = {f"x{n}": rng.random(rows) for n in range(10)}
    columns["count"] = rng.integers(0, 1000, rows)
    columns["kind"] = pd.Categorical.from_codes(rng.integers(0, 3, rows, dtype=np.int8), ["a", "b", "c"])
    columns["at"] = pd.date_range("2026-01-01", periods=rows, freq="s")
    columns["name"] = pd.Series(np.char.add("n", rng.integers(0, 10**5, 1000).astype(str)), dtype="str").sample(
        rows, replace=True, random_state=0, ignore_index=True
    )
    return pd.DataFrame(columns)


def touched(value: Any) -> Any:
    """Use all of a value once."""
    return value.sum() if isinstance(value, np.ndarray) else value.select_dtypes("number").sum().sum()


def raw(file: Path, memory: list[memoryview]) -> Way:
    """Write the very bytes to a file, and read them into memory."""

    def write() -> None:
        with file.open("wb", buffering=0) as out:
            for part in memory:
                for start in range(0, len(part), PIECE):
                    out.write(part[start : start + PIECE])

    return write, file.read_bytes


def ours(folder: Path, value: Any) -> Way:
    """Keep a value in a store and take it out again."""
    kept = ""

    def write() -> None:
        nonlocal kept
        kept = handover.keep(LocalStore(str(folder)), {"value": value}, {}).digest

    return write, lambda: handover.load(LocalStore(str(folder)), kept, {})["value"]


def others(folder: Path, value: Any) -> Iterator[tuple[str, Way]]:
    """Yield what else there is."""
    file = folder / "file"

    def dump() -> None:
        with file.open("wb") as out:
            pickle.dump(value, out, protocol=5)

    def load() -> Any:
        with file.open("rb") as source:
            return pickle.load(source)

    yield "pickle", (dump, load)
    yield "joblib", (lambda: joblib.dump(value, file), lambda: joblib.load(file))
    table = value if isinstance(value, pd.DataFrame) else pd.DataFrame({"x0": value})
    yield "parquet", (lambda: table.to_parquet(file), lambda: pd.read_parquet(file))


def timed(work: Callable[[], Any], times: list[tuple[float, float]]) -> Any:
    """Note how long a call takes: wall and CPU."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = work()
    times.append((time.perf_counter() - wall, time.process_time() - cpu))
    return found


def compare(name: str, value: Any, root: Path) -> bool:
    """Time every way with one value, print the ratios to the raw copy, and say whether ours is as wanted."""
    memory = list(objects.dumps({"value": value}, {}).buffers)
    size = sum(map(len, memory))
    ways = {"raw copy": raw(root / "raw", memory), "nb2prod": ours(root / "store", value), **dict(others(root, value))}
    noted: dict[str, tuple[list[tuple[float, float]], ...]] = {way: ([], [], []) for way in ways}
    for way in [*ways, *list(ways)[1::-1] * ROUNDS]:
        write, read = ways[way]
        os.sync()
        timed(write, noted[way][0])
        found = timed(read, noted[way][1])
        if way != "raw copy":
            timed(functools.partial(touched, found), noted[way][2])
        del found
        for path in root.iterdir():  # or the disk's cache would be filled, and writing wait for it
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return report(name, size, noted)


def report(name: str, size: int, noted: dict[str, tuple[list[tuple[float, float]], ...]]) -> bool:
    """Print a table of one value; return whether ours is as wanted."""
    base = [min(wall for wall, _ in noted["raw copy"][kind]) for kind in (0, 1)]
    print(f"\n{name}, {size / 1e9:.2f} GB        write s (CPU)   ratio      read s (CPU)   ratio   first use s")
    for way, (*both, use) in noted.items():
        cells = []
        for kind in (0, 1):
            wall, cpu = (min(column) for column in zip(*both[kind], strict=True))
            cells.append(f"{wall:8.4f} ({cpu:5.2f}) {wall / base[kind]:7.3f}")
        first = f"{min(wall for wall, _ in use):8.3f}" if use else ""
        print(f"  {way:12} {cells[0]:>30} {cells[1]:>32} {first:>10}")
    write, read = (min(wall for wall, _ in noted["nb2prod"][kind]) / base[kind] for kind in (0, 1))
    ok = write <= WRITE and read <= READ
    print(f"  {'PASS' if ok else 'FAIL'}: written in {write:.2f} (≤ {WRITE}), read in {read:.4f} (≤ {READ})")
    return ok


def main() -> None:
    """Compare with an array and with a frame."""
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else ".", prefix=".handover-") as folder:
        done = [compare(make.__name__, make(), Path(folder)) for make in (array, frame)]
    sys.exit(0 if all(done) else 1)


if __name__ == "__main__":
    main()
