"""Bulk: many rows at a time as Arrow or Parquet, which cost a hundredth of JSON to read, checked as strictly."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from io import BytesIO
from typing import Any, overload

import numpy as np

from . import unpacked
from .answers import Answer
from .columns import WANTED, Column
from .content_types import ARROW, PARQUET
from .faults import Fault, Refused, short
from .heads import Matrix
from .table import LARGE, Arrays, Coded, Rows, Table, refused


class Given(Sequence[Any]):
    """The values of a column as Python has them, made when somebody looks."""

    def __init__(self, column: Any, kind: str) -> None:
        self.column, self.kind = column, kind
        self.made: list[Any] | None = None

    def __len__(self) -> int:
        return len(self.column)

    @overload
    def __getitem__(self, place: int) -> Any: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Any]: ...
    def __getitem__(self, place: int | slice) -> Any:
        return self.all()[place]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.all())

    def all(self) -> list[Any]:
        """Return all values; what JSON cannot say is written as it would be there."""
        if self.made is None:
            self.made = self._times() if self.kind == "time" else self.column.to_pylist()
            if self.kind == "number":  # a gap is null here, and often NaN where the data come from
                self.made = [None if isinstance(v, float) and v != v else v for v in self.made]
        return self.made

    def _times(self) -> list[Any]:
        import pyarrow as pa

        try:
            return [v.isoformat() if isinstance(v, datetime) else v for v in self.column.to_pylist()]
        except (OverflowError, ValueError, pa.ArrowException):  # of no year, or of no zone
            return [None if v is None else int(v) for v in self.column.cast("int64").to_pylist()]


def read(body: bytes, kind: bytes, table: Table) -> Rows:
    """Read a request.

    Raises:
        Refused: It cannot be read, or something in it is at fault.
    """
    try:
        import pyarrow as pa
    except ImportError:
        raise Refused(415, "This service was packaged without pyarrow, so it takes JSON only.") from None
    try:
        found = _opened(body, kind, table)
    except (pa.ArrowException, OSError, ValueError, TypeError, NotImplementedError, struct.error) as wrong:
        raise Refused(400, f"The request cannot be read as {kind.decode()}: {str(wrong)[:200]}.") from None
    if not 0 < found.num_rows <= LARGE:
        said = f"must hold 1 to {LARGE:,} rows, not {found.num_rows:,}"
        raise refused([Fault(code="length", message=said, field="rows")])
    unpacked.values(found)
    return _taken(found, table)


def _opened(body: bytes, kind: bytes, table: Table) -> Any:
    """Read a table whose columns are those that are wanted; of others nothing is read."""
    import pyarrow as pa
    from pyarrow import parquet

    if kind == ARROW:
        unpacked.arrow(body)
        file = pa.BufferReader(body)
        stream = pa.ipc.open_stream(file)
        _shaped(stream.schema, table)
        found = stream.read_all()
        if file.tell() < len(body):
            raise ValueError("there is something after its end")
    else:
        about = parquet.ParquetFile(BytesIO(body))
        unpacked.parquet(about.metadata)
        _shaped(about.schema_arrow, table)
        # A text that many rows have is read once.
        texts = [c.name for c in about.schema_arrow if pa.types.is_string(c.type) or pa.types.is_large_string(c.type)]
        found = parquet.ParquetFile(BytesIO(body), metadata=about.metadata, read_dictionary=texts).read()
    found.validate(full=True)
    return found


def _shaped(schema: Any, table: Table) -> None:
    """Check which columns there are, and of which types.

    Raises:
        Refused: With every fault there is.
    """
    if faults := list(_shape(schema, table)):
        raise refused(faults)


def _shape(schema: Any, table: Table) -> Iterator[Fault]:
    """Say what is wrong with a table before its values are looked at."""
    names = schema.names
    for name in sorted(set(names) - table.keys):
        yield Fault(code="unexpected", message="is unknown here", field=name)
    for rules in sorted(table.columns, key=lambda c: c.key):
        name = rules.key
        if names.count(name) != 1:
            code, said = ("twice", "is there twice") if name in names else ("missing", "is missing")
            yield Fault(code=code, message=said, field=name)
        elif not _plain(rules, schema.field(name).type):
            wanted = "an array" if rules.shape else WANTED.get(rules.kind, "a time")
            found = short(str(schema.field(name).type))
            yield Fault(code="type", message=f"must be {wanted}, not of Arrow's type {found}", field=name)


def _plain(rules: Column, kind: Any) -> bool:
    """Say whether values of a type can be told one by one; what is nested otherwise may have any number of them."""
    import pyarrow as pa

    of = pa.types
    for _ in rules.shape:
        if not (of.is_list(kind) or of.is_large_list(kind) or of.is_fixed_size_list(kind)):
            return False
        kind = kind.value_type
    if rules.shape:
        return bool(of.is_integer(kind) or of.is_floating(kind))
    kind = kind.value_type if of.is_dictionary(kind) else kind
    if rules.kind == "time" and of.is_timestamp(kind):
        return True
    scalars = (of.is_string, of.is_large_string, of.is_integer, of.is_floating, of.is_boolean, of.is_null)
    return any(one(kind) for one in scalars) or bool(kind == pa.string_view())


def _taken(found: Any, table: Table) -> Rows:
    given = [Given(found.column(c.key), c.kind) for c in table.columns]
    coded = {n: made for n, c in enumerate(table.columns) if (made := _texts(c, given[n].column)) is not None}
    arrays = [coded.get(n) or _quick(c, given[n].column) for n, c in enumerate(table.columns)]
    if any(array is None for array in arrays):
        return table.take([one.all() for one in given])  # says what is wrong, or takes what is only unusual
    warned: dict[int, list[Fault]] = {}
    for n, (c, one) in enumerate(zip(table.columns, given, strict=True)):
        if c.known is not None and not c.known.issuperset(_values(one.column, coded.get(n))):
            for row, fault in c.unknown(one.all()):
                warned.setdefault(row, []).append(fault)
    kept = Arrays([array for array in arrays if array is not None])
    return Rows(count=found.num_rows, values=given, arrays=kept, warnings=warned, coded=coded)


def _values(column: Any, coded: Coded | None) -> set[Any]:
    names = column.unique().to_pylist() if coded is None else coded.names
    return {name for name in names if name is not None and name == name}


def _texts(rules: Column, column: Any) -> Coded | None:
    """Take a column of texts, or return None when it is none, or has one that is not allowed."""
    import pyarrow as pa

    kind = _kind(column)
    texts = rules.kind == "text" and (pa.types.is_string(kind) or pa.types.is_large_string(kind))
    if not texts:
        return None
    made = column.cast(kind).combine_chunks()
    if made.null_count and not rules.nullable:  # only now, as a dictionary may have one that stands for a gap
        return None
    names, places = _known(made, rules.allowed or rules.known) or _found(made)
    if rules.allowed is not None and not rules.allowed.issuperset(names):
        return None
    if places.null_count:
        names, places = [*names, math.nan], places.fill_null(len(names))
    return Coded(names, places.to_numpy())


def _known(texts: Any, names: frozenset[str] | None) -> tuple[Sequence[Any], Any] | None:
    """Look texts up among those that are known, in half the time of finding the different ones; None if others are."""
    from pyarrow import compute

    if not names:
        return None
    listed = _listed(names, texts.type)
    places = compute.index_in(texts, value_set=listed)
    return (listed.to_pylist(), places) if places.null_count == texts.null_count else None


@lru_cache(maxsize=1000)
def _listed(names: frozenset[str], kind: Any) -> Any:
    import pyarrow as pa

    return pa.array(sorted(names), type=kind)


def _found(texts: Any) -> tuple[Sequence[Any], Any]:
    """Return the different texts, and which of them each one is."""
    made = texts.dictionary_encode()
    return made.dictionary.to_pylist(), made.indices


def _kind(column: Any) -> Any:
    import pyarrow as pa

    return column.type.value_type if pa.types.is_dictionary(column.type) else column.type


def _quick(rules: Column, column: Any) -> Matrix | None:
    """Take a column without looking at its values one by one, or return None when that cannot be done."""
    import pyarrow as pa

    kind = _kind(column)
    if column.null_count and not rules.nullable:
        return None
    numbers = pa.types.is_integer(kind) or (rules.kind == "number" and pa.types.is_floating(kind))
    if rules.kind not in {"integer", "number"} or rules.allowed is not None or not numbers:
        return None
    array: Matrix = column.to_numpy()
    kept = array[~np.isnan(array)] if rules.nullable and array.dtype.kind == "f" else array
    # Compared as Python's numbers: the bounds of a wider type would become infinite in a narrower one.
    if not len(kept) or not rules.low <= kept.min().item() <= kept.max().item() <= rules.high:
        return None
    made: Matrix = array.astype(float if rules.kind == "integer" and rules.nullable else rules.array)
    return made


def written(schema: Mapping[str, Any], rows: Rows, answer: Answer, kind: bytes) -> bytes:
    """Write answers in the request's format: a column for the prediction, and one for each class's probability."""
    import pyarrow as pa
    from pyarrow import parquet

    predicted, chances = answer
    columns = {
        "prediction": pa.array(predicted.tolist() if predicted.ndim > 1 or predicted.dtype == object else predicted)
    }
    if chances is not None and schema["probabilities"]:
        columns |= {f"probability_{name}": pa.array(chances[:, n]) for n, name in enumerate(schema["classes"])}
    if rows.warnings:
        said = [[f"{f.field}: {f.message}" for f in rows.warnings.get(n, ())] for n in range(rows.count)]
        columns["warnings"] = pa.array(said, type=pa.list_(pa.string()))
    made, out = pa.table(columns), pa.BufferOutputStream()
    if kind == PARQUET:
        parquet.write_table(made, out)
    else:
        with pa.ipc.new_stream(out, made.schema) as writer:
            writer.write_table(made)
    return bytes(out.getvalue())
