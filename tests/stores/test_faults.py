"""What goes wrong with a store while notebooks run on it: afterwards the next run is right and nothing is left over."""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from books import texts, written
from stores.contract import LARGE

from nb2prod import api, settings, stock
from nb2prod.errors.stores import StoreFull
from nb2prod.report import Report
from nb2prod.stores.local import LocalStore

BIG = "%%stage make\nimport numpy as np\nbig = np.arange({count})\nname = 'small'"
USE = "%%stage use\nprint(int(big.sum()), name)"


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Path]:
    """Mount a disk of a few bytes, or, for users who may not, let no file of this process become longer."""
    folder.mkdir()
    if os.geteuid() == 0:
        options = ["-o", f"size={size}", "-t", "tmpfs", "tmpfs", str(folder)]
        if subprocess.run(["mount", *options], check=False, capture_output=True).returncode == 0:
            try:
                yield folder
            finally:
                subprocess.run(["umount", "-l", folder], check=True)
            return
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield folder
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def run(notebook: Path, store: Path) -> Report:
    return api.run(notebook, chosen=settings.read(notebook, store=str(store)))


def leftovers(store: Path) -> list[Path]:
    return [path for path in (store / ".writing").glob("*") if path.is_file()]


def test_a_full_disk_is_told_with_what_is_missing_and_leaves_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1_000_000) as disk:
        store = LocalStore(str(disk / "store"))
        key = store.add(b"fits")
        with pytest.raises(StoreFull) as caught:
            store.add(LARGE)

        assert caught.value.needed == len(LARGE)
        assert "NB305" in str(caught.value)
        assert "nb2prod store gc" in caught.value.cure
        assert leftovers(store.root) == []
        assert store.get(key) == b"fits"


@pytest.mark.kernel
def test_a_run_stops_at_a_full_disk_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    notebook = written(tmp_path, BIG.format(count=200_000), USE)
    with small_disk(tmp_path / "disk", 1_000_000) as disk:
        report = run(notebook, disk / "store")

        assert isinstance(report.error, StoreFull)
        assert report.error.needed == 1_600_000
        assert leftovers(disk / "store") == []
    report = run(notebook, tmp_path / "disk" / "store")

    assert report.error is None
    assert report.output is not None
    assert texts(report.output)[-1] == "19999900000 small\n"


@pytest.mark.kernel
def test_a_store_beside_the_notebook_is_no_data_of_its_stages(tmp_path: Path) -> None:
    notebook = written(tmp_path, BIG.format(count=100_000), USE)
    run(notebook, tmp_path / "kept")

    assert [outcome.state for outcome in run(notebook, tmp_path / "kept").outcomes] == ["reused", "reused"]


RUN = "import sys; from nb2prod.cli.main import main; main()"
CHANCE = (
    "%%stage draw\nimport os, time\ntime.sleep(0.5)\ndrawn = os.urandom(400_000)",
    "%%stage show\nprint(hash(drawn))",
)


@pytest.mark.kernel
def test_two_runs_at_once_on_one_store_end_well_and_agree(tmp_path: Path) -> None:
    store = tmp_path / "store"
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    books = [written(folder, *CHANCE) for folder in folders]
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", RUN, "run", book.name, "--store", store, "-o", "out.ipynb"],
            cwd=book.parent,
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        for book in books
    ]
    ended = [process.wait() for process in runs]
    again = [run(book, store) for book in books]

    assert ended == [0, 0]
    assert [[outcome.state for outcome in report.outcomes] for report in again] == [["reused", "reused"]] * 2
    assert texts(folders[0] / "out.ipynb") == texts(folders[1] / "out.ipynb") == texts(again[0].output or Path())
    assert stock.damaged(LocalStore(str(store))) == []
    assert leftovers(store) == []


WRITE = """
import sys, os
from nb2prod.stores.local import LocalStore
store = LocalStore(sys.argv[1])
print("ready", flush=True)
for number in range(10_000):
    key = store.add(number.to_bytes(4, "big") * 500_000)
    store.put(f"stage-{number:04}", key.encode())
"""


def test_a_writer_that_is_killed_at_any_moment_leaves_only_what_is_whole(tmp_path: Path) -> None:
    store, chance = LocalStore(str(tmp_path / "store")), random.Random(0)
    for _ in range(20):
        writer = subprocess.Popen([sys.executable, "-c", WRITE, store.root], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(chance.uniform(0, 0.05))
        writer.kill()
        writer.communicate()

        records = [entry.key for entry in store.entries() if entry.kind == "record"]
        assert all(store.get(key).decode() in store for key in records)
    assert records
    assert stock.damaged(store) == []
    for path in leftovers(store.root):
        os.utime(path, (0, 0))
    stock.collect(store, keep_days=30)
    assert leftovers(store.root) == []
    assert {entry.key for entry in store.entries()} >= set(records)


@pytest.mark.kernel
@pytest.mark.parametrize("damage", ["changed", "cut off", "gone"])
def test_every_entry_may_be_damaged_and_the_next_run_is_right(tmp_path: Path, damage: str) -> None:
    notebook = written(tmp_path, BIG.format(count=50_000), USE)
    first = run(notebook, tmp_path / "store")
    store = LocalStore(str(tmp_path / "store"))
    keys = [entry.key for entry in store.entries() if not entry.key.startswith("pin-")]
    for key in random.Random(0).sample(keys, 3):
        path = store.path(key)
        data = path.read_bytes()
        path.unlink()
        if damage != "gone":
            path.write_bytes(data[:-1] if damage == "cut off" else data[:-1] + bytes([data[-1] ^ 1]))
        again = run(notebook, tmp_path / "store")

        assert again.error is None
        assert texts(again.output or Path()) == texts(first.output or Path()) == ["", "1249975000 small\n"]
    assert stock.damaged(store) == []
