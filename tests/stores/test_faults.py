"""What goes wrong with a store while notebooks run on it: afterwards the next run is right and nothing is left over."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from books import texts, written
from stores.contract import LARGE

from nb2prod import api, settings
from nb2prod.errors import StoreFull
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
