"""Unpacked: how large a table becomes, told before it is: a few bytes may stand for more than a machine has."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from .faults import Refused

MOST = 256 * 2**20  # bytes of a request when it is unpacked
NUMBER = 8  # bytes of one

# Places in Arrow's own headers (format/Message.fbs), which are tables of FlatBuffers.
HEADER_TYPE, HEADER = 1, 2
DATA, BUFFERS, COMPRESSION = 1, 2, 3
DICTIONARY, BATCH = 2, 3


def arrow(body: bytes) -> None:
    """Check the buffers of a stream; compressed ones begin with the bytes that they become.

    Raises:
        Refused: They would become too large.
    """
    import pyarrow as pa

    _fits(sum(sum(_buffers(one)) for one in pa.ipc.MessageReader.open_stream(pa.BufferReader(body))))


def parquet(metadata: Any) -> None:
    """Check what a file says of its columns.

    Raises:
        Refused: They would become too large.
    """
    size = 0
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        size += group.total_byte_size + NUMBER * sum(group.column(n).num_values for n in range(group.num_columns))
    _fits(size)


def values(table: Any) -> None:
    """Check texts, of which a table may have one in many places, and arrays, which may be of any length.

    Raises:
        Refused: One for each place would be too large.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    size = 0
    for column in table.columns:
        for part in column.chunks:
            coded = pa.types.is_dictionary(part.type)
            lengths = _lengths(part.dictionary if coded else part)
            if lengths is not None:
                size += pc.sum(lengths.take(part.indices) if coded else lengths).as_py() or 0
            while hasattr(part, "flatten") and not pa.types.is_struct(part.type):
                part = part.flatten()
                size += NUMBER * len(part)
    _fits(size)


def _lengths(values: Any) -> Any:
    """Return the bytes of each text, or None of what is no text."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = values.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return pc.cast(pc.binary_length(values), pa.int64())
    if kind == pa.string_view():  # sixteen bytes a text, of which the first four are its length
        views = np.frombuffer(values.buffers()[1], dtype="<i4")[::4]
        return pa.array(views[values.offset : values.offset + len(values)].astype("int64"))
    return None


def _fits(size: int) -> None:
    if size > MOST:
        said = f"The request becomes {size:,} bytes when it is unpacked, of {MOST:,} at most"
        raise Refused(413, f"{said}: send fewer rows at a time.")


def _buffers(message: Any) -> Iterator[int]:
    """Yield how large the compressed buffers of a message become; others are as large as they are."""
    header = memoryview(message.metadata)
    root = struct.unpack_from("<I", header)[0]
    kind = _at(header, root, HEADER_TYPE)
    batch = _table(header, root, HEADER)
    if kind is None or batch is None or header[kind] not in {DICTIONARY, BATCH}:
        return
    inner = _table(header, batch, DATA) if header[kind] == DICTIONARY else batch
    if inner is None or _at(header, inner, COMPRESSION) is None:
        return
    start = _table(header, inner, BUFFERS)
    assert start is not None
    for n in range(struct.unpack_from("<I", header, start)[0]):
        offset, length = struct.unpack_from("<qq", header, start + 4 + 16 * n)
        if length > 8:
            yield max(0, struct.unpack_from("<q", message.body, offset)[0])


def _at(header: memoryview, table: int, field: int) -> int | None:
    """Return the place of a table's field, or None where it has none."""
    places = table - struct.unpack_from("<i", header, table)[0]
    if 4 + 2 * field >= struct.unpack_from("<H", header, places)[0]:
        return None
    offset = struct.unpack_from("<H", header, places + 4 + 2 * field)[0]
    return table + offset if offset else None


def _table(header: memoryview, table: int, field: int) -> int | None:
    """Follow a field to what it points at."""
    place = _at(header, table, field)
    return None if place is None else place + int(struct.unpack_from("<I", header, place)[0])
