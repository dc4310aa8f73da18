from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from stores.contract import LARGE, StoreContract

from nb2prod.errors.base import ArtifactCorrupt, ArtifactMissing, HomeUnusable
from nb2prod.stores import local, marks
from nb2prod.stores.local import LocalStore


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(str(tmp_path / "store"))


class TestLocalStore(StoreContract):
    pass


def overwrite(path: Path, data: bytes) -> None:
    """Change a file in place, as no program of ours does."""
    path.chmod(0o644)
    path.write_bytes(data)


def files(store: LocalStore) -> list[str]:
    return sorted(path.name for path in store.root.rglob("*") if path.is_file())


@pytest.mark.parametrize("damage", [b"", b"short", b"0" * 64 + b"\nother"])
def test_a_record_that_was_changed_is_refused_and_set_aside(store: LocalStore, damage: bytes) -> None:
    store.put("ab12", b"one")
    overwrite(store.path("ab12"), damage)

    with pytest.raises(ArtifactCorrupt):
        store.get("ab12")
    assert "ab12" not in store


@pytest.mark.parametrize("damage", [b"", LARGE[:-1], LARGE[:-1] + b"x"], ids=["empty", "cut off", "one byte"])
@pytest.mark.parametrize("verb", ["get", "view"])
def test_a_blob_that_was_changed_is_refused_and_remade(store: LocalStore, damage: bytes, verb: str) -> None:
    key = store.add(LARGE)
    overwrite(store.path(key), damage)

    with pytest.raises(ArtifactCorrupt):
        getattr(store, verb)(key)
    assert key not in store
    assert store.add(LARGE) == key
    assert store.view(key) == LARGE


def test_adding_what_lies_there_damaged_mends_it(store: LocalStore) -> None:
    for data in (b"small", LARGE):
        key = store.add(data)
        overwrite(store.path(key), data[:-1] + b"x")
        store.add(data)

        assert store.view(key) == data


def test_a_mark_is_trusted_until_the_file_is_touched_or_copied(store: LocalStore, tmp_path: Path) -> None:
    key = store.add(LARGE)
    path, copy = store.path(key), tmp_path / "copy"
    shutil.copy2(path, copy)

    assert marks.trusted(key, path.stat())
    assert not marks.trusted(key, copy.stat())
    assert not marks.trusted("0" * 64, path.stat())
    path.touch()
    assert not marks.trusted(key, path.stat())
    assert store.view(key) == LARGE
    assert marks.trusted(key, path.stat())


def test_a_view_outlives_its_file(store: LocalStore) -> None:
    view = store.view(store.add(LARGE))
    shutil.rmtree(store.root)

    assert view == LARGE


def test_with_many_files_open_blobs_are_read_and_not_mapped(store: LocalStore, tmp_path: Path) -> None:
    key = store.add(LARGE)
    (tmp_path / "open").touch()
    held = [os.open(tmp_path / "open", os.O_RDONLY) for _ in range(local._FILES)]
    before = len(list(Path("/proc/self/fd").iterdir()))
    views = [store.view(key) for _ in range(3)]
    after = len(list(Path("/proc/self/fd").iterdir()))
    for file in held:
        os.close(file)
    views[0][0] = 7

    assert after == before
    assert views[1] == LARGE


@pytest.mark.parametrize("key", ["../outside", "/etc/passwd", "a/b", ""])
def test_a_key_is_never_a_path(store: LocalStore, key: str) -> None:
    with pytest.raises(ArtifactMissing):
        store.path(key)


def test_nothing_temporary_is_left(store: LocalStore) -> None:
    store.put("ab12", b"one")
    keys = [store.add(data) for data in (b"one", LARGE, LARGE)]

    assert files(store) == sorted({"ab12", *keys})


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(HomeUnusable, match="file/store"):
        LocalStore(str(tmp_path / "file" / "store")).add(b"one")
