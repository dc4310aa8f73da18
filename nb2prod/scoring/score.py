"""Score: predictions of a release for a file of rows, a partition at a time, in order."""

from __future__ import annotations

import json
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from attrs import field, frozen

from nb2prod.errors.base import ExtraMissing
from nb2prod.errors.products import NotScored
from nb2prod.errors.runs import ClusterUnreachable, DataUnfit
from nb2prod.execution import machine
from nb2prod.releases import release, trust
from nb2prod.scoring.worker import Scored, score

NO_ROWS = frozenset({"forecast", "function", "product"})  # kinds that are not asked rows of a table
_PATIENCE = 30.0  # seconds to find a cluster


@frozen(kw_only=True)
class Work:
    """What to score, and with what."""

    data: Path
    output: Path
    keep: frozenset[str] = frozenset()  # columns that go into the output and not to the model
    rows: int = 20_000  # of a partition
    jobs: int | None = None
    executor: str = "local"
    cluster: str | None = None
    began: float = field(factory=time.monotonic)


def run(home: Path, name: str, work: Work) -> dict[str, Any]:
    """Write a file's rows with the release's predictions; return what was done as JSON.

    Raises:
        RunUnknown: There is no such release.
        ReleaseChanged, ReleaseForeign: It is not what was released, or by nobody who is trusted.
        NotScored: It is no model that is asked rows of a table.
        DataUnfit: Columns or rows do not fit what the model learnt from; no output is written.
        ExtraMissing: What reads such files is not installed.
        ClusterUnreachable: Nobody answers at the address.
    """
    made = trust.trusted(home, name)
    folder = release.folder_of(home, name) / release.SERVICE
    trust.genuine(made, folder)  # whole, as code is loaded from there
    schema = json.loads((folder / "schema.json").read_text(encoding="utf-8"))
    if made.kind in NO_ROWS:
        raise NotScored(name, made.kind)
    fields = [item["key"] for item in schema["fields"]]
    told = (str(folder.resolve()), str(made.model["sha256"]))
    kind = "text" if work.data.suffix.lower() == ".csv" else "typed"
    rows = warnings = 0
    temporary = work.output.with_name(f".{work.output.name}.{secrets.token_hex(4)}")
    try:
        with ExitStack() as stack:
            submit, width = stack.enter_context(_workers(work))
            parts = _parts(work, fields)
            write = stack.enter_context(_writer(work, temporary))
            for part, scored in _in_order(
                parts, lambda part: submit(score, *told, _stream(part, fields), kind), 2 * width
            ):
                if scored.count:
                    raise DataUnfit(str(work.data), _listed(scored, rows), scored.count)
                write(part, scored.answers)
                rows, warnings = rows + part.num_rows, warnings + scored.warnings
        if not rows:
            raise DataUnfit(str(work.data), ("it has no rows",), 1)
        temporary.replace(work.output)
    finally:
        temporary.unlink(missing_ok=True)
    took = round(time.monotonic() - work.began, 3)
    return {
        "ok": True, "release": name, "rows": rows, "warnings": warnings, "output": str(work.output), "seconds": took,
    }  # fmt: skip


def _in_order(parts: Iterator[Any], submit: Callable[[Any], Any], most: int) -> Iterator[tuple[Any, Scored]]:
    """Yield each partition with what became of it, in their order; only so many are in memory."""
    pending: deque[tuple[Any, Any]] = deque()
    for part in parts:
        pending.append((part, submit(part)))
        if len(pending) >= most:
            first, future = pending.popleft()
            yield first, future.result()
    while pending:
        first, future = pending.popleft()
        yield first, future.result()


def _listed(scored: Scored, above: int) -> tuple[str, ...]:
    """Say what is wrong with rows; they count from 0, as in the file without its heading."""
    return tuple(f"row {above + fault['row']:,}, '{fault['field']}' {fault['msg']}" for fault in scored.faults)


@contextmanager
def _workers(work: Work) -> Iterator[tuple[Callable[..., Any], int]]:
    """Open processes here or on a cluster; give what submits to them, and how many there are."""
    if work.executor == "dask":
        with _dask(work) as found:
            yield found
        return
    jobs = work.jobs or machine.cores()
    # A fresh interpreter each, which has none of what this one has loaded.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        try:
            yield pool.submit, jobs
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


@contextmanager
def _dask(work: Work) -> Iterator[tuple[Callable[..., Any], int]]:
    try:
        import distributed
    except ImportError:
        raise ExtraMissing("--executor dask", "distributed", "dask") from None
    with ExitStack() as stack:
        at: Any = work.cluster
        if at is None:
            own = distributed.LocalCluster(n_workers=work.jobs, threads_per_worker=1, dashboard_address=None)
            at = stack.enter_context(own)
        try:
            client = stack.enter_context(distributed.Client(at, timeout=_PATIENCE, set_as_default=False))
        except (OSError, ValueError) as wrong:
            raise ClusterUnreachable(str(work.cluster), str(wrong)) from wrong
        workers = max(1, len(client.scheduler_info(n_workers=-1)["workers"]))
        yield lambda *call: client.submit(*call, pure=False), workers


def _arrow() -> Any:
    try:
        import pyarrow.csv
        import pyarrow.parquet
    except ImportError:
        raise ExtraMissing("score", "pyarrow", "score") from None
    return pyarrow


def _stream(part: Any, fields: Sequence[str]) -> bytes:
    pa = _arrow()
    sink = pa.BufferOutputStream()
    chosen = part.select(fields)
    with pa.ipc.new_stream(sink, chosen.schema) as writer:
        writer.write_batch(chosen)
    return bytes(sink.getvalue().to_pybytes())


def _parts(work: Work, fields: Sequence[str]) -> Iterator[Any]:
    """Yield a file's rows in partitions, when its columns are those of the model."""
    checked = False
    for batch in _batches(work):
        if not checked:
            _refuse_columns(work, batch.schema.names, fields)
            checked = True
        for start in range(0, batch.num_rows, work.rows):
            yield batch.slice(start, work.rows)


def _refuse_columns(work: Work, there: Sequence[str], fields: Sequence[str]) -> None:
    wrong = [f"the column '{name}' is missing" for name in fields if name not in there]
    extra = [name for name in there if name not in fields and name not in work.keep]
    wrong += [f"the column '{name}' is unknown to the model (take it over with --keep {name})" for name in extra]
    if wrong:
        raise DataUnfit(str(work.data), tuple(wrong[:20]), len(wrong))


def _batches(work: Work) -> Iterator[Any]:
    pa = _arrow()
    try:
        match work.data.suffix.lower():
            case ".parquet":
                with pa.parquet.ParquetFile(work.data) as file:
                    yield from file.iter_batches(batch_size=work.rows)
            case ".csv":
                with pa.csv.open_csv(work.data) as file:
                    yield from file
            case ".arrow" | ".feather" | ".ipc":
                with pa.memory_map(str(work.data)) as source, pa.ipc.open_file(source) as file:
                    yield from (file.get_batch(n) for n in range(file.num_record_batches))
            case other:
                raise DataUnfit(str(work.data), (f"its ending '{other}' is none of .parquet, .csv, .arrow",), 1)
    except (pa.ArrowInvalid, OSError) as wrong:
        raise DataUnfit(str(work.data), (f"it cannot be read: {wrong}",), 1) from wrong


@contextmanager
def _writer(work: Work, file: Path) -> Iterator[Callable[[Any, bytes], None]]:
    """Open a file of the format that the output's name ends with, and give what appends a partition."""
    pa = _arrow()
    kinds: Mapping[str, Callable[[Any], Any]] = {
        ".parquet": lambda schema: pa.parquet.ParquetWriter(file, schema),
        ".csv": lambda schema: pa.csv.CSVWriter(file, schema),
        ".arrow": lambda schema: pa.ipc.new_file(str(file), schema),
    }
    make = kinds.get(work.output.suffix.lower())
    if make is None:
        raise DataUnfit(str(work.output), (f"its ending is none of {', '.join(kinds)}",), 1)
    with ExitStack() as stack:
        opened: list[tuple[Any, Any]] = []  # the writer and its schema, which the first partition tells

        def write(part: Any, answers: bytes) -> None:
            found, said = pa.Table.from_batches([part]), pa.ipc.open_stream(answers).read_all()
            for name in said.column_names:
                found = found.append_column(name, said.column(name))
            if not opened:
                opened.append((stack.enter_context(make(found.schema)), found.schema))
            writer, schema = opened[0]
            writer.write_table(found.cast(schema))

        yield write
