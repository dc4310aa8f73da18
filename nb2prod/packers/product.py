"""Product packer: writes a notebook's tables and figures as the files of a service."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from attrs import frozen

from nb2prod import environment
from nb2prod.bundle import bento, pins
from nb2prod.candidates import offer, product
from nb2prod.candidates.product import Figure, Named
from nb2prod.errors.base import ExtraMissing
from nb2prod.errors.products import ProductEmpty, TableUnclear
from nb2prod.notebook import Notebook
from nb2prod.openapi.product import document
from nb2prod.packers.call import Blob, Call, Fault
from nb2prod.packers.order import Order, Packed
from nb2prod.packers.package import wrap
from nb2prod.packers.restored import needed, restore
from nb2prod.pipeline import Pipeline
from nb2prod.stores import open_store

RUNTIME = frozenset({"anyio", "attrs", "bentoml", "numpy", "prometheus_client", "pyarrow", "pydantic_core"})
OPTIONAL = ("httptools", "uvloop")
HOUR = 3600.0
Json = dict[str, Any]


@frozen(kw_only=True)
class Kept:
    """A table as a file, with what a rehearsal must see of it."""

    about: Json
    file: bytes  # Parquet
    page: list[Json]  # its first and last rows, as JSON
    counts: list[tuple[str, int]]  # filters, and for how many rows they hold
    arrow: str  # SHA-256 of the whole in Arrow's stream format
    nulls: float


def pack(order: Order, lines: Pipeline, space: Json, measured: Callable[[], None]) -> Packed | None:
    """Write the service of a product; None where a notebook has none.

    Raises:
        ProductEmpty: It shall have one, and there is nothing to publish.
        ExtraMissing: pyarrow is not installed.
    """
    if not offer.publishes(lines):
        return None
    named = product.named(lines)
    restore(open_store(order.store), needed(order.values, named.tables + named.read), space)
    tables, figures = _found(order, lines, named, space)
    if not tables and not figures:
        return None
    if importlib.util.find_spec("pyarrow") is None:
        raise ExtraMissing("a data product", "pyarrow", "score")
    kept = {name: keep(name, value) for name, value in tables.items()}
    measured()
    data = _data(lines)
    calls, first = tuple(_calls(kept)), next(iter(kept), None)
    names = ", ".join([*kept, *(one.name for one in figures)])
    return wrap(
        order,
        lines,
        parted(order.notebook, kept, figures, data),
        held=calls,
        single=calls[:1] or (Call(path="/figures", answer={}),),
        faulty=tuple(_faulty(first, kept[first].about["columns"])) if first else (),
        blobs=tuple(_blobs(kept, figures)),
        metrics=dict(_measures(kept, data)),
        model={"name": names, "kind": "product", "class": "tables and figures"},
        data={f"table:{name}": hashlib.sha256(one.file).hexdigest() for name, one in kept.items()},
    )


def parted(
    notebook: Notebook, kept: Mapping[str, Kept], figures: Sequence[Figure], data: Mapping[str, Json]
) -> bento.Parts:
    """Gather what the service of a product is made of."""
    about = _about(notebook, kept, figures, data)
    manifest = _json(about)
    name, digest = bento.Name.of(notebook.stem), hashlib.sha256(manifest).hexdigest()
    said = f"Gives out the tables and figures of {notebook.name}."
    files = {one.about["file"]: one.file for one in kept.values()}
    files |= {f"figures/{one.name}.{form}": made for one in figures for form, made in one.forms.items()}
    return bento.Parts(
        notebook=notebook.name,
        name=name,
        about=said,
        schema={"kind": "product", "model": "product.json"},
        request={},
        answer=None,
        arguments={},
        openapi=document({"title": name.tag, "version": digest[:16], "description": said}, about),
        card=about | {"digest": digest},
        digest=digest,
        files={**files, "product.json": manifest},
        guarded=tuple(files),
        pins=pins.pins(RUNTIME | {module for module in OPTIONAL if importlib.util.find_spec(module)}),
        page="product.html",
    )


def _found(
    order: Order, lines: Pipeline, named: Named, space: Mapping[str, Any]
) -> tuple[dict[str, Any], tuple[Figure, ...]]:
    tables = product.tables(named.tables, space) or product.tables(named.read, space)
    chosen = product.chosen(lines)
    if missing := tuple(name for name in chosen if name not in tables):
        raise ProductEmpty(missing, lines.stages[-1].code_cells[-1].index)
    executed = json.loads(Path(order.executed).read_text(encoding="utf-8")) if order.executed else {"cells": []}
    figures = product.figures(executed, lines, named.stages)
    if named.asked and not tables and not figures:
        raise ProductEmpty((), lines.stages[-1].code_cells[-1].index)
    return tables, figures


def keep(name: str, value: Any) -> Kept:
    """Write a table as a file, and make sure that nothing of it is lost there.

    Raises:
        TableUnclear: A column cannot be written, or not be read again as it was.
    """
    from pyarrow import parquet

    from nb2prod.packers.tables import counts, expected, published
    from nb2prod.serving.filters import Query
    from nb2prod.serving.selection import select, written

    made, out = published(name, value), BytesIO()
    parquet.write_table(made.rows, out, compression="zstd")
    file = out.getvalue()
    again = parquet.read_table(BytesIO(file))
    for column in made.rows.column_names:
        if not again[column].equals(made.rows[column]):
            raise TableUnclear(name, column, f"Parquet does not keep its {made.rows[column].type} values")
    columns = {one["key"]: one for one in made.columns}
    arrow = written(select(again, columns, Query(), whole=True), columns, name, "arrow")
    about = {
        "file": f"tables/{name}.parquet",
        "sha256": hashlib.sha256(file).hexdigest(),
        "rows": made.rows.num_rows,
        "columns": list(made.columns),
    }
    return Kept(
        about=about,
        file=file,
        page=expected(made, value),
        counts=list(counts(made)),
        arrow=hashlib.sha256(arrow).hexdigest(),
        nulls=made.nulls,
    )


def _data(lines: Pipeline) -> dict[str, Json]:
    """Return the files that the notebook reads: their hashes, and when they changed last."""
    texts = {text for flow in lines.flows for item in flow.cells for text in item.flow.strings - item.flow.saved}
    here = Path.cwd()
    return {
        path: {"sha256": digest, "changed": _when((here / path).stat().st_mtime)}
        for path, digest in sorted(environment.files(texts, here).items())
        if (here / path).is_file()
    }


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _about(notebook: Notebook, kept: Mapping[str, Kept], figures: Sequence[Figure], data: Mapping[str, Json]) -> Json:
    pictures = {
        one.name: {
            "title": one.title,
            "forms": {
                form: {"file": f"figures/{one.name}.{form}", "sha256": hashlib.sha256(made).hexdigest()}
                for form, made in one.forms.items()
            },
        }
        for one in figures
    }
    return {
        "notebook": notebook.name,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": dict(data),
        "tables": {name: one.about for name, one in kept.items()},
        "figures": pictures,
    }


def _calls(kept: Mapping[str, Kept]) -> Iterator[Call]:
    """Yield what is asked of each table: its first rows and its last, and how many equal one of a column."""
    from nb2prod.packers.tables import PAGE

    for name, one in kept.items():
        count = one.about["rows"]
        start = max(PAGE, count - PAGE)
        yield Call(path=f"/tables/{name}?limit={PAGE}", answer={"total": count, "offset": 0, "rows": one.page[:PAGE]})
        if count > PAGE:
            rows = one.page[PAGE:]
            yield Call(path=f"/tables/{name}?offset={start}&limit={PAGE}", answer={"total": count, "rows": rows})
        for query, total in one.counts:
            yield Call(path=f"/tables/{name}?limit=1&{query}", answer={"total": total})


def _blobs(kept: Mapping[str, Kept], figures: Sequence[Figure]) -> Iterator[Blob]:
    for name, one in kept.items():
        yield Blob(path=f"/tables/{name}.parquet", sha256=one.about["sha256"])
        yield Blob(path=f"/tables/{name}.arrow", sha256=one.arrow)
    for figure in figures:
        for form, made in figure.forms.items():
            yield Blob(path=f"/figures/{figure.name}.{form}", sha256=hashlib.sha256(made).hexdigest())


def _faulty(name: str, columns: Sequence[Mapping[str, Any]]) -> Iterator[Fault]:
    """Yield requests with a column that is not there, and with a value of another type."""
    yield Fault(path=f"/tables/{name}?no_such_column=1", word="no_such_column")
    for column in columns:
        if column["kind"] in {"integer", "number"} and column["key"].isidentifier():
            yield Fault(path=f"/tables/{name}?{column['key']}=many", word=column["key"])
            return


def _measures(kept: Mapping[str, Kept], data: Mapping[str, Json]) -> Iterator[tuple[str, float]]:
    """Yield what a policy may bound: rows and gaps of each table, of the worst of them, and the age of the data."""
    for name, one in kept.items():
        yield f"{name}.rows", one.about["rows"]
        yield f"{name}.nulls", one.nulls
    if kept:
        yield "table.rows", min(one.about["rows"] for one in kept.values())
        yield "table.nulls", max(one.nulls for one in kept.values())
    if data:
        newest = max(datetime.fromisoformat(one["changed"]) for one in data.values())
        yield "data.age_hours", round((datetime.now(UTC) - newest).total_seconds() / HOUR, 3)


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False, default=str, allow_nan=False) + "\n").encode()
