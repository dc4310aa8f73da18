from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nb2prod.errors.base import ArtifactCorrupt, ArtifactMissing
from nb2prod.stores.local import LocalStore
from nb2prod.worker import handover
from nb2prod.worker.handover import Kept

ROWS = 100_000


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(str(tmp_path / "store"))


def there(store: LocalStore, values: dict[str, Any]) -> dict[str, Any]:
    return handover.load(store, handover.keep(store, values, {}).digest, {})


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "x": rng.random(ROWS),
            "n": rng.integers(0, 9, ROWS),
            "name": pd.array([f"name {i}" for i in range(ROWS - 1)] + [None], dtype="str"),
            "kind": pd.Categorical.from_codes(rng.integers(0, 2, ROWS), ["a", "b"]),
            "at": pd.date_range("2026-01-01", periods=ROWS, freq="min", tz="UTC"),
            "maybe": pd.array([1, None] * (ROWS // 2), dtype="Int64"),
            "arrow": pd.array(["x", None] * (ROWS // 2), dtype="string[pyarrow]"),
        },
        index=pd.Index(rng.permutation(ROWS), name="id"),
    )


def test_a_frame_comes_back_equal_and_can_be_written_to(store: LocalStore) -> None:
    kept = handover.keep(store, {"f": frame()}, {})
    found = handover.load(store, kept.digest, {})["f"]

    pd.testing.assert_frame_equal(found, frame())
    found.loc[found.index[0], "x"] = 9.0
    found["n"] += 1
    found.loc[found.index[0], "name"] = "other"
    pd.testing.assert_frame_equal(handover.load(store, kept.digest, {})["f"], frame())


def test_what_is_kept_is_told(store: LocalStore) -> None:
    kept = handover.keep(store, {"a": np.zeros(ROWS), "b": np.zeros(ROWS), "c": np.ones(ROWS)}, {})

    assert len(kept.buffers) == 2
    assert all(key in store for key in (kept.digest, *kept.buffers))
    assert kept.bytes == sum(store.path(key).stat().st_size for key in (kept.digest, *kept.buffers))


def test_arrays_of_equal_content_share_a_blob_and_no_memory(store: LocalStore) -> None:
    found = there(store, {"a": np.zeros(ROWS), "b": np.zeros(ROWS)})
    found["a"][0] = 5

    assert found["b"][0] == 0


def test_views_still_look_at_their_base(store: LocalStore) -> None:
    base = np.zeros((ROWS, 2))
    found = there(store, {"base": base, "view": base[5:, 1], "same": base})
    found["view"][0] = 5

    assert found["base"][5, 1] == 5
    assert found["same"] is found["base"]


def test_equal_values_have_one_digest_wherever_they_were(store: LocalStore) -> None:
    # pandas makes two objects of the names of attributes of some columns, and the pickle another one.
    columns = ["x", "n", "name", "kind"]
    kept = handover.keep(store, {"f": frame()[columns]}, {})
    found = handover.load(store, kept.digest, {})

    assert handover.digest({"f": frame()[columns]}, {}) == kept.digest
    assert handover.keep(store, found, {}) == kept
    found["f"].loc[found["f"].index[0], "x"] = 9.0
    assert handover.digest(found, {}) != kept.digest


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_order_of_an_array_in_memory_is_kept(store: LocalStore, order: Any) -> None:
    array = np.asarray(np.random.default_rng(0).random((ROWS, 3)), order=order)
    found = there(store, {"a": array})["a"]

    assert found.flags.c_contiguous == array.flags.c_contiguous
    assert found.flags.aligned
    assert found.flags.writeable
    np.testing.assert_array_equal(found, array)


def test_sparse_matrices_come_back(store: LocalStore) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    matrix = sparse.random(5_000, 5_000, density=0.01, format="csr", random_state=0)
    kept = handover.keep(store, {"m": matrix}, {})
    found = handover.load(store, kept.digest, {})["m"]
    found.data[0] = 1

    assert len(kept.buffers) == 2
    assert found.shape == matrix.shape
    assert (found != matrix).nnz <= 1


@pytest.fixture
def kept(store: LocalStore) -> Kept:
    return handover.keep(store, {"a": np.arange(ROWS), "s": "text"}, {})


def test_a_missing_buffer_is_named(store: LocalStore, kept: Kept) -> None:
    store.path(kept.buffers[0]).unlink()

    with pytest.raises(ArtifactMissing, match=kept.buffers[0]):
        handover.load(store, kept.digest, {})


@pytest.mark.parametrize("size", [0, 100])
def test_a_buffer_that_was_cut_off_is_found_out(store: LocalStore, kept: Kept, size: int) -> None:
    path = store.path(kept.buffers[0])
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data[:size])

    with pytest.raises(ArtifactCorrupt, match=kept.buffers[0]):
        handover.load(store, kept.digest, {})
    handover.keep(store, {"a": np.arange(ROWS), "s": "text"}, {})
    np.testing.assert_array_equal(handover.load(store, kept.digest, {})["a"], np.arange(ROWS))


def test_a_pickle_that_was_changed_is_never_run(store: LocalStore, kept: Kept, tmp_path: Path) -> None:
    path, canary = store.path(kept.digest), tmp_path / "canary"
    evil = b'{"buffers": []}\n' + b"cos\nsystem\n(S'touch " + str(canary).encode() + b"'\ntR."
    stat = path.stat()
    path.unlink()
    path.write_bytes(evil)
    path.touch()
    import os

    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    with pytest.raises(ArtifactCorrupt):
        handover.load(store, kept.digest, {})
    assert not canary.exists()
