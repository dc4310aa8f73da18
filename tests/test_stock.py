from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest
from attrs import evolve

from nb2prod import schema, stock
from nb2prod.artifact import Artifact
from nb2prod.plan import Record
from nb2prod.stock import Pin
from nb2prod.stores.local import LocalStore
from nb2prod.worker import handover

WEEK = 7 * 86_400


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(str(tmp_path / "store"))


def left(store: LocalStore, stage: str, values: dict[str, object]) -> tuple[str, Record]:
    """Keep values as a stage would, and return the key of its record."""
    kept = handover.keep(store, values, {})
    ambient = handover.keep(store, {"state": np.full(100_000, len(stage))}, {})
    artifact = Artifact(names=tuple(sorted(values)), digest=kept.digest, bytes=kept.bytes, buffers=kept.buffers)
    outputs = store.add(f"outputs of {stage}".encode())
    record = Record(stage=stage, parts={}, artifacts=(artifact,), ambient=ambient.digest, outputs=outputs)
    key = f"stage-{stage}"
    store.put(key, schema.write_record(record))
    return key, record


def age(store: LocalStore, seconds: float) -> None:
    """Make everything in the store as if it had been written earlier."""
    for path in store.root.rglob("*"):
        if path.is_file():
            before = path.stat().st_mtime_ns - int(seconds) * 10**9
            os.utime(path, ns=(before, before))


def keys(store: LocalStore) -> set[str]:
    return {entry.key for entry in store.entries()}


def test_what_is_pinned_stays_whole_however_old(store: LocalStore) -> None:
    key, record = left(store, "load", {"a": np.arange(100_000)})
    stock.pin(store, Pin(kind="run", name="a.ipynb", project="p", keys={"load": key}))
    before = keys(store)
    age(store, 100 * WEEK)
    found = stock.collect(store, keep_days=0)

    assert (found.records, found.blobs, found.bytes) == (0, 0, 0)
    assert keys(store) == before
    assert handover.load(store, record.digests[0], {})["a"][5] == 5
    assert record.ambient is not None
    assert handover.load(store, record.ambient, {})["state"][0] == 4


def test_what_nobody_needs_goes_with_its_blobs_and_what_is_shared_stays(store: LocalStore) -> None:
    shared, own = np.arange(100_000), np.ones(100_000)
    pinned, _ = left(store, "load", {"a": shared})
    stock.pin(store, Pin(kind="release", name="r", project="p", keys={"load": pinned}))
    before = keys(store)
    left(store, "other", {"a": shared, "b": own})
    age(store, WEEK)
    size = sum(entry.bytes for entry in store.entries())
    rehearsed = stock.collect(store, keep_days=1, rehearse=True)
    found = stock.collect(store, keep_days=1)

    assert found == rehearsed
    assert (found.records, found.leftovers) == (1, 0)
    assert found.bytes + found.kept == size
    assert keys(store) == before


def test_what_was_used_of_late_stays(store: LocalStore) -> None:
    key, _ = left(store, "load", {"a": np.arange(100_000)})
    age(store, 100 * WEEK)
    store.touch(key)

    assert stock.collect(store, keep_days=1).bytes == 0


def test_blobs_of_a_run_that_goes_on_stay(store: LocalStore) -> None:
    kept = handover.keep(store, {"a": np.arange(100_000)}, {})
    old = handover.keep(store, {"b": np.ones(100_000)}, {})
    for digest in (old.digest, *old.buffers):
        path = store.path(digest)
        os.utime(path, (0, 0))
    handover.keep(store, {"b": np.ones(100_000)}, {})  # again, by a run whose record is not there yet
    stock.collect(store, keep_days=0)

    assert keys(store) == {kept.digest, *kept.buffers, old.digest, *old.buffers}


def test_leftovers_of_killed_writers_go_when_nobody_writes_to_them_any_more(store: LocalStore) -> None:
    store.add(b"one")
    for name in ("old", "new"):
        (store.root / ".writing" / name).write_bytes(b"half")
    os.utime(store.root / ".writing" / "old", (0, 0))
    found = stock.collect(store, keep_days=0)

    assert (found.leftovers, found.bytes) == (1, 4)
    assert [path.name for path in (store.root / ".writing").iterdir()] == ["new"]


def test_what_was_set_aside_goes(store: LocalStore) -> None:
    key = store.add(b"one")
    store.path(key).chmod(0o644)
    store.path(key).write_bytes(b"two")

    assert [item["code"] for item in stock.damaged(store)] == ["NB302"]
    assert stock.damaged(store) == []
    assert stock.collect(store, keep_days=0).leftovers == 1


def test_damage_is_found_though_the_marks_are_good(store: LocalStore) -> None:
    _, record = left(store, "load", {"a": np.arange(100_000)})
    path = store.path(record.artifacts[0].buffers[0])
    stat = path.stat()
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.write(b"\xff")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    found = stock.damaged(store)

    assert [(item["key"], item["code"]) for item in found] == [(path.name, "NB302")]


def test_what_is_missing_is_told_with_its_stage(store: LocalStore) -> None:
    _, record = left(store, "load", {"a": np.arange(100_000)})
    store.path(record.digests[0]).unlink()

    assert [(item["code"], "'load'" in item["message"]) for item in stock.damaged(store)] == [("NB301", True)]


def test_a_pin_takes_the_place_of_the_one_before(store: LocalStore) -> None:
    first = Pin(kind="run", name="a.ipynb", project="p", keys={"load": "stage-1"})
    for item in (first, evolve(first, keys={"load": "stage-2"}), evolve(first, project="q")):
        stock.pin(store, item)

    assert [item.keys["load"] for item in stock.pins(store)] == ["stage-2", "stage-1"]


def test_a_record_that_another_version_wrote_is_no_obstacle(store: LocalStore) -> None:
    store.put("stage-old", b'{"stage": "a"}')
    store.put("sweep-x", b"not ours to read")

    assert stock.collect(store, keep_days=1).bytes == 0
    age(store, WEEK)
    assert stock.collect(store, keep_days=1).records == 2


def test_a_listing_says_what_each_stage_left(store: LocalStore) -> None:
    key, record = left(store, "load", {"a": np.arange(100_000)})
    stock.pin(store, Pin(kind="run", name="a.ipynb", project="p", keys={"load": key, "use": "stage-gone"}))
    found = stock.listing(store)

    assert found["bytes"] == sum(entry.bytes for entry in store.entries())
    assert [(s["stage"], s["bytes"], s["lost"]) for s in found["pins"][0]["stages"]] == [
        ("load", record.bytes, False),
        ("use", 0, True),
    ]
    assert time.time() - min(entry.used for entry in store.entries()) < 60
