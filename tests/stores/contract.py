"""What every store promises; a plug-in's tests subclass it and give it a `store` fixture."""

from __future__ import annotations

import pytest

from nb2prod.errors import ArtifactMissing
from nb2prod.stores import open_store
from nb2prod.stores.base import Store


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

    def test_a_missing_key_is_named_in_the_error(self, store: Store) -> None:
        assert "ab12" not in store
        with pytest.raises(ArtifactMissing, match="ab12"):
            store.get("ab12")

    def test_its_url_opens_it_elsewhere(self, store: Store) -> None:
        store.put("ab12", b"one")

        assert open_store(store.url).get("ab12") == b"one"
