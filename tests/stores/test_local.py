from __future__ import annotations

from pathlib import Path

import pytest
from stores.contract import StoreContract

from nb2prod.errors import ArtifactCorrupt, ArtifactMissing
from nb2prod.stores.local import LocalStore


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(str(tmp_path / "store"))


class TestLocalStore(StoreContract):
    pass


@pytest.mark.parametrize("damage", [b"", b"short", b"0" * 64 + b"\nother"])
def test_what_was_changed_on_disk_is_refused_and_set_aside(store: LocalStore, damage: bytes) -> None:
    store.put("ab12", b"one")
    store.path("ab12").write_bytes(damage)

    with pytest.raises(ArtifactCorrupt):
        store.get("ab12")
    assert "ab12" not in store


@pytest.mark.parametrize("key", ["../outside", "/etc/passwd", "a/b", ""])
def test_a_key_is_never_a_path(store: LocalStore, key: str) -> None:
    with pytest.raises(ArtifactMissing):
        store.path(key)


def test_nothing_temporary_is_left(store: LocalStore) -> None:
    store.put("ab12", b"one")

    assert [path.name for path in store.root.rglob("*") if path.is_file()] == ["ab12"]
