"""What every store promises; a plug-in's tests subclass it and give it a `store` fixture."""

from __future__ import annotations

import time

import pytest

from nb2prod.errors.base import ArtifactMissing
from nb2prod.stores import open_store
from nb2prod.stores.base import Store, content_key

LARGE = bytes(range(256)) * 8192  # 2 MB


class StoreContract:
    def test_what_is_put_is_there(self, store: Store) -> None:
        store.put("ab12", b"\x00bytes\n")

        assert "ab12" in store
        assert store.get("ab12") == b"\x00bytes\n"

    def test_twice_is_the_same_as_once(self, store: Store) -> None:
        store.put("ab12", b"one")
        store.put("ab12", b"one")

        assert store.get("ab12") == b"one"

    def test_a_record_that_is_made_anew_takes_the_place_of_the_old_one(self, store: Store) -> None:
        store.put("stage-ab12", b"old")
        store.put("stage-ab12", b"new")

        assert store.get("stage-ab12") == b"new"

    def test_all_of_several_keys_are_there_or_not(self, store: Store) -> None:
        keys = [store.add(bytes([number])) for number in range(3)]

        assert store.holds(keys)
        assert store.holds([])
        assert not store.holds([*keys, "ab12", "0" * 64])

    def test_a_missing_key_is_named_in_the_error(self, store: Store) -> None:
        assert "ab12" not in store
        with pytest.raises(ArtifactMissing, match="ab12"):
            store.get("ab12")
        with pytest.raises(ArtifactMissing, match="ab12"):
            store.view("ab12")

    def test_its_url_opens_it_elsewhere(self, store: Store) -> None:
        store.put("ab12", b"one")

        assert open_store(store.url).get("ab12") == b"one"

    @pytest.mark.parametrize("data", [b"", b"small", LARGE], ids=["empty", "small", "large"])
    def test_a_blob_lies_under_the_hash_of_its_bytes(self, store: Store, data: bytes) -> None:
        key = store.add(data)

        assert key == content_key(data) == store.add(data)
        assert store.get(key) == data
        assert store.view(key) == data

    def test_a_blob_is_put_under_its_own_key_only(self, store: Store) -> None:
        store.put(content_key(b"one"), b"one")

        assert store.get(content_key(b"one")) == b"one"
        with pytest.raises(ValueError, match="other bytes"):
            store.put(content_key(b"one"), b"two")

    def test_a_view_may_be_written_to_and_changes_nothing_but_itself(self, store: Store) -> None:
        key = store.add(LARGE)
        mine, other = store.view(key), store.view(key)
        mine[0] = 255

        assert mine[0] == 255
        assert other == LARGE == store.get(key)
        assert store.view(key) == LARGE

    def test_of_two_records_that_are_committed_the_first_stays(self, store: Store) -> None:
        first, second = store.commit("stage-ab12", b"one"), store.commit("stage-ab12", b"two")

        assert (first, second) == (b"one", b"one")
        assert store.get("stage-ab12") == b"one"

    def test_what_it_holds_is_listed_and_can_be_removed(self, store: Store) -> None:
        began = time.time() - 2
        key = store.add(LARGE)
        store.put("stage-ab12", b"one")
        found = {entry.key: entry for entry in store.entries()}

        assert {entry.key: entry.kind for entry in found.values()} == {key: "blob", "stage-ab12": "record"}
        assert found[key].bytes == len(LARGE)
        assert all(entry.used >= began for entry in found.values())
        assert all(store.remove(entry) for entry in found.values())
        assert key not in store
        assert list(store.entries()) == []

    def test_what_is_removed_can_be_kept_again(self, store: Store) -> None:
        for data in (b"small", LARGE):
            key = store.add(data)
            assert [store.remove(entry) for entry in store.entries()] == [True]
            store.add(data)

            assert store.get(key) == data
            assert [store.remove(entry) for entry in store.entries()] == [True]

    def test_what_is_right_passes_the_check(self, store: Store) -> None:
        store.put("stage-ab12", b"one")
        store.check(store.add(LARGE))
        store.check("stage-ab12")
        with pytest.raises(ArtifactMissing):
            store.check("ab12")
