"""Tables: values as files that people and other tools read; nothing here reads them back."""

from __future__ import annotations

import importlib
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nb2prod.errors.stores import NotATable

if TYPE_CHECKING:
    from collections.abc import Callable


def write(value: Any, file: Path) -> None:
    """Write a frame, a series or an array in the format that the file's name ends with, whole or not at all.

    Raises:
        NotATable: The value has no place in that format, or the format is not known.
    """
    ending = file.suffix.lower()
    if ending not in WRITERS:
        raise NotATable(ending or file.name, "its ending names no format", tuple(WRITERS))
    temporary = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        WRITERS[ending](value, temporary)
        temporary.replace(file)
    except ImportError as wrong:
        raise NotATable(ending, f"writing it needs {wrong.name}, which is not installed", tuple(WRITERS)) from wrong
    except (TypeError, ValueError, NotImplementedError) as wrong:
        raise NotATable(ending, f"a {type(value).__name__} is no table for it ({wrong})", tuple(WRITERS)) from wrong
    finally:
        temporary.unlink(missing_ok=True)


def _parquet(value: Any, file: Path) -> None:
    importlib.import_module("pyarrow.parquet").write_table(_arrow_table(value), file)


def _arrow(value: Any, file: Path) -> None:
    arrow = importlib.import_module("pyarrow")
    table = _arrow_table(value)
    with arrow.OSFile(os.fspath(file), "wb") as sink, arrow.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def _csv(value: Any, file: Path) -> None:
    frame = _frame(value)
    plain = isinstance(frame.index, importlib.import_module("pandas").RangeIndex)
    frame.to_csv(file, index=not plain)


def _npy(value: Any, file: Path) -> None:
    numpy = importlib.import_module("numpy")
    array = numpy.asarray(value)
    if array.dtype.hasobject:
        raise TypeError("it holds Python objects")
    with file.open("wb") as sink:
        numpy.save(sink, array)


WRITERS: dict[str, Callable[[Any, Path], None]] = {".parquet": _parquet, ".arrow": _arrow, ".csv": _csv, ".npy": _npy}


def _arrow_table(value: Any) -> Any:
    arrow = importlib.import_module("pyarrow")
    if isinstance(value, arrow.Table):
        return value
    if hasattr(value, "to_arrow"):  # polars, DuckDB
        return value.to_arrow()
    return arrow.Table.from_pandas(_frame(value))


def _frame(value: Any) -> Any:
    pandas = importlib.import_module("pandas")
    if isinstance(value, pandas.DataFrame):
        return value
    if isinstance(value, pandas.Series | pandas.Index):
        return value.to_frame(name=value.name if value.name is not None else "value")
    if hasattr(value, "to_pandas"):
        return value.to_pandas()
    numpy = importlib.import_module("numpy")
    if isinstance(value, numpy.ndarray) and value.ndim in {1, 2}:
        columns = ["value"] if value.ndim == 1 else [f"column_{n}" for n in range(value.shape[1])]
        return pandas.DataFrame(value, columns=columns)
    if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        return pandas.DataFrame(value)
    raise TypeError("only frames, series, arrays of one or two dimensions and lists of dictionaries are tables")
