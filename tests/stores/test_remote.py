from __future__ import annotations

import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from books import texts, written
from stores.contract import LARGE, StoreContract
from stores.seaweed import ACCESS, BUCKET, SECRET, Server, serving

from nb2prod import api, settings, stock
from nb2prod.errors.base import ArtifactCorrupt, ExtraMissing, PluginMissing
from nb2prod.errors.stores import CredentialsInUrl, StoreDenied, StoreUnreachable
from nb2prod.report import Report
from nb2prod.stores import marks, open_store
from nb2prod.stores.remote import RemoteStore
from nb2prod.worker import handover


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test a machine of its own, with nothing near by."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def memory() -> RemoteStore:
    return RemoteStore(f"memory://{uuid.uuid4()}/store")


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self, memory: RemoteStore) -> RemoteStore:
        return memory


def elsewhere(store: RemoteStore, folder: Path, monkeypatch: pytest.MonkeyPatch) -> RemoteStore:
    """Open the same store on another machine."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return RemoteStore(store.url)


def test_another_machine_reads_what_one_kept(
    memory: RemoteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"a": np.arange(5_000_000), "s": "text"}
    kept = handover.keep(memory, values, {})
    there = elsewhere(memory, tmp_path / "other", monkeypatch)
    found = handover.load(there, kept.digest, {})
    found["a"][0] = 7

    assert found["s"] == "text"
    np.testing.assert_array_equal(handover.load(there, kept.digest, {})["a"], values["a"])
    assert there.near.root != memory.near.root


def test_what_was_changed_there_is_refused_set_aside_and_can_be_kept_again(
    memory: RemoteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = memory.add(LARGE)
    memory.put("stage-ab12", b"one")
    memory._opened().pipe_file(memory.path(key), LARGE[:-1] + b"x")
    memory._opened().pipe_file(memory.path("stage-ab12"), b"two")
    there = elsewhere(memory, tmp_path / "other", monkeypatch)

    with pytest.raises(ArtifactCorrupt):
        there.view(key)
    with pytest.raises(ArtifactCorrupt):
        there.get("stage-ab12")
    assert key not in there
    assert sorted(entry.kind for entry in there.entries()) == ["leftover", "leftover"]
    assert there.add(LARGE) == key
    assert elsewhere(memory, tmp_path / "third", monkeypatch).view(key) == LARGE


def test_what_is_near_by_and_not_used_goes_and_comes_again(memory: RemoteStore) -> None:
    used, unused = memory.add(LARGE), memory.add(LARGE[1:])
    for key in (used, unused):
        with memory.near.path(key).open("rb") as file:
            marks.mark(key, file.fileno(), at=1)
    memory.view(used)

    assert memory.trim(time.time() - 60) == len(LARGE) - 1
    assert used in memory.near
    assert unused not in memory.near
    assert memory.view(unused) == LARGE[1:]


@pytest.mark.parametrize(
    "url", ["s3://key:very-secret@bucket/x", "s3://bucket/x?secret=very-secret", "s3://very-secret@bucket"]
)
def test_credentials_in_a_url_are_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(CredentialsInUrl, match="NB310") as caught:
        open_store(url)
    assert "very-secret" not in str(caught.value)


def test_a_scheme_that_nobody_knows_is_told() -> None:
    with pytest.raises(PluginMissing, match="NB901"):
        open_store("nowhere://bucket")


def test_a_missing_library_is_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "adlfs", None)

    with pytest.raises(ExtraMissing, match=r"nb2prod\[azure\]"):
        open_store("az://container/x").add(b"one")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("seaweed")) as found:
        yield found


@pytest.fixture
def credentials(server: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """Log in, and return the URL of a store of the test's own."""
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    return f"s3://{BUCKET}/{uuid.uuid4()}"


@pytest.mark.remote
class TestS3Store(StoreContract):
    @pytest.fixture
    def store(self, credentials: str) -> RemoteStore:
        return RemoteStore(credentials)


BOOK = (
    "%%stage load\nimport pandas as pd\nrows = pd.DataFrame({'x': range(200_000)})\nprint('ran')",
    "%%stage use\ntotal = int(rows.x.sum())\nprint(total)",
)


def run(notebook: Path, store: str) -> Report:
    return api.run(notebook, chosen=settings.read(notebook, store=store))


def states(report: Report) -> list[str]:
    return [outcome.state for outcome in report.outcomes]


@pytest.mark.remote
def test_another_machine_reuses_all_that_one_ran(
    credentials: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("laptop", "ci"):
        (tmp_path / name).mkdir()
    first = run(written(tmp_path / "laptop", *BOOK), credentials)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "ci" / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "ci"))
    second = run(written(tmp_path / "ci", *BOOK), credentials)

    assert (states(first), states(second)) == (["done", "done"], ["reused", "reused"])
    assert second.output is not None
    assert texts(second.output) == ["ran\n", "19999900000\n"]
    (tmp_path / "ci" / "test.ipynb").unlink()
    third = run(written(tmp_path / "ci", BOOK[0], BOOK[1].replace("sum", "max")), credentials)

    assert states(third) == ["reused", "done"]
    assert third.output is not None
    assert texts(third.output)[-1] == "199999\n"
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path
    assert all(SECRET.encode() not in RemoteStore(credentials).get(e.key) for e in RemoteStore(credentials).entries())


@pytest.mark.remote
@pytest.mark.parametrize("wrong", [{"AWS_SECRET_ACCESS_KEY": "wrong"}, {"AWS_ACCESS_KEY_ID": "NOBODYNOBODYNOBODY00"}])
def test_wrong_credentials_are_told(credentials: str, wrong: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    store = RemoteStore(credentials)
    store._files = _fresh()

    for verb in (lambda: store.add(b"one"), lambda: store.get("stage-ab12"), lambda: "stage-ab12" in store):
        with pytest.raises(StoreDenied, match="NB308") as caught:
            verb()
        assert ACCESS not in str(caught.value)
        assert SECRET not in str(caught.value)


def _fresh() -> Any:
    import s3fs

    return s3fs.S3FileSystem(skip_instance_cache=True, use_listings_cache=False)


@pytest.mark.remote
def test_a_server_that_is_not_there_is_told(credentials: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")

    with pytest.raises(StoreUnreachable, match="NB309"):
        RemoteStore(credentials).get("stage-ab12")


WRITE = """
import sys
from nb2prod.stores import marks, open_store
store = open_store(sys.argv[1])
for number in range(40):
    store.add(bytes([number]) * 300_000)
    store.commit(f"stage-{number:04}", sys.argv[2].encode())
print(*(store.get(f"stage-{number:04}").decode() for number in range(40)))
"""


@pytest.mark.remote
def test_two_machines_that_write_the_same_at_once_agree(credentials: str) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITE, credentials, name], stdout=subprocess.PIPE, text=True)
        for name in ("one", "two")
    ]
    said = [writer.communicate()[0].split() for writer in writers]
    store = RemoteStore(credentials)

    assert [writer.returncode for writer in writers] == [0, 0]
    assert said[0] == said[1] == [store.get(f"stage-{number:04}").decode() for number in range(40)]
    assert stock.damaged(store) == []
    assert sum(entry.kind == "blob" for entry in store.entries()) == 40


@pytest.mark.remote
def test_what_no_machine_needs_is_collected(credentials: str, tmp_path: Path) -> None:
    notebook = written(tmp_path, *BOOK)
    run(notebook, credentials)
    store = RemoteStore(credentials)
    store.put("stage-old", b"{}")
    found = stock.collect(store, keep_days=0)

    assert (found.records, found.blobs) == (1, 0)
    assert states(run(notebook, credentials)) == ["reused", "reused"]
    assert stock.damaged(store) == []


@pytest.mark.remote
def test_a_server_killed_while_it_is_written_to_leaves_no_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(tmp_path) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        store = RemoteStore(f"s3://{BUCKET}/store")
        data = np.random.default_rng(0).bytes(200_000_000)
        files = store._opened()
        put_file = files.put_file

        def put_file_and_kill(*arguments: Any) -> None:
            threading.Timer(0.2, server.kill).start()  # some seconds before it is done
            put_file(*arguments)

        with monkeypatch.context() as patch:
            patch.setattr(files, "put_file", put_file_and_kill)
            with pytest.raises(StoreUnreachable):
                store.add(data)
        server.start()

        assert [entry.key for entry in store.entries()] == []
        key = store.add(data)
        assert stock.damaged(store) == []
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
        assert RemoteStore(store.url).view(key) == data
