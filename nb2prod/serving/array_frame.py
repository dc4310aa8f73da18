"""Array frame: columns that a notebook's own transformer takes for a DataFrame, at the price of NumPy.

A transformer of one's own does arithmetic on a few columns. On one row a DataFrame spends a hundred times as long on
bookkeeping as on the arithmetic. An array frame and its columns do what DataFrames and Series do in such code, by the
same NumPy calls, and nothing else: what they do not know raises, and then the transformer gets a real DataFrame.
Packaging compares both on real and hostile rows before a service uses this.
"""

from __future__ import annotations

import copy
import inspect
import math
import operator
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

Matrix = np.ndarray[Any, Any]


class Rows:
    """The index that all columns of a request share."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count


def _operators(cls: Any) -> Any:
    """Give a class Python's operators and pandas' names for them."""
    names = {"truediv": "div", "add": "add", "sub": "sub", "mul": "mul", "pow": "pow"}
    for name, other in names.items():
        by = getattr(operator, name)
        setattr(cls, f"__{name}__", lambda self, value, by=by: self.apply(by, value))
        setattr(cls, f"__r{name}__", lambda self, value, by=by: self.apply(lambda a, b: by(b, a), value))
        setattr(cls, other, lambda self, value, by=by: self.apply(by, value))
    for name in ("eq", "ne", "lt", "le", "gt", "ge", "and_", "or_"):
        by = getattr(operator, name)
        setattr(cls, f"__{name.rstrip('_')}__", lambda self, value, by=by: self.apply(by, value))
        setattr(cls, name, lambda self, value, by=by: self.apply(by, value))
    cls.__hash__ = None
    return cls


class Shared:
    """What columns and frames both do, each by its `each`: the same to every array."""

    index: Rows
    each: Callable[[Callable[[Matrix], Matrix]], Any]

    def __len__(self) -> int:
        return len(self.index)

    def __neg__(self) -> Any:
        return self.each(operator.neg)

    def __invert__(self) -> Any:
        return self.each(operator.invert)

    def __bool__(self) -> bool:
        raise ValueError("many values are neither true nor false")

    def __array_ufunc__(self, by: Any, method: str, *given: Any, **options: Any) -> Any:
        if method != "__call__" or options or not 0 < len(given) <= 2:
            return NotImplemented
        if len(given) == 1:
            return self.each(by)
        return self.apply(by, given[1]) if given[0] is self else self.apply(lambda a, b: by(b, a), given[0])

    def apply(self, by: Callable[[Any, Any], Any], value: Any) -> Any:
        raise NotImplementedError

    def isna(self) -> Any:
        return self.each(gaps)

    def notna(self) -> Any:
        return self.each(lambda a: ~gaps(a))

    isnull, notnull = isna, notna

    def abs(self) -> Any:
        return self.each(np.abs)

    def copy(self) -> Any:
        return self.each(np.copy)

    def astype(self, kind: Any) -> Any:
        if kind not in (float, "float", "float64", "float32", bool, "bool"):
            raise TypeError(kind)
        return self.each(lambda a: _numbers(a).astype(kind))

    def clip(self, lower: Any = None, upper: Any = None, out: None = None) -> Any:  # noqa: ARG002  `np.clip` gives it
        made = self.copy()
        for bound, outside in ((lower, operator.lt), (upper, operator.gt)):
            if bound is None:
                continue
            if not isinstance(bound, int | float) or math.isnan(bound):
                raise TypeError("only numbers bound")
            made = made.each(lambda a, bound=bound, outside=outside: _clipped(a, bound, outside))
        return made

    def fillna(self, value: Any) -> Any:
        if not isinstance(value, int | float | str):
            raise TypeError("only one value fills")
        return self.each(lambda a: np.where(gaps(a), value, a) if a.dtype.kind in "fO" else a)


@_operators
class ArrayColumn(Shared):
    """One column."""

    def __init__(self, values: Matrix, index: Rows, name: Any = None) -> None:
        if values.ndim != 1 or len(values) != len(index):
            raise ValueError("a column has one value a row")
        self.array, self.index, self.name = values, index, name

    @property
    def dtype(self) -> Any:
        return self.array.dtype

    @property
    def shape(self) -> tuple[int]:
        return (len(self.array),)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Matrix:
        return self.array if dtype is None else self.array.astype(dtype)

    def to_numpy(self) -> Matrix:
        return self.array.copy()

    @property
    def values(self) -> Matrix:
        return self.to_numpy()

    def each(self, by: Callable[[Matrix], Matrix]) -> ArrayColumn:
        return ArrayColumn(by(self.array), self.index, self.name)

    def apply(self, by: Callable[[Any, Any], Any], value: Any) -> ArrayColumn:
        if not isinstance(value, ArrayColumn | int | float | str | bool | np.ndarray | np.generic):
            raise TypeError(type(value).__name__)
        return ArrayColumn(
            np.asarray(by(self.array, value.array if isinstance(value, ArrayColumn) else value)), self.index
        )

    def between(self, low: float, high: float) -> ArrayColumn:
        return ArrayColumn((self.array >= low) & (self.array <= high), self.index)

    def isin(self, values: Any) -> ArrayColumn:
        known = set(values)
        return ArrayColumn(np.array([value in known for value in self.array.tolist()], dtype=bool), self.index)

    def where(self, keep: Any, other: Any) -> ArrayColumn:
        return ArrayColumn(np.where(np.asarray(keep), self.array, np.asarray(other)), self.index, self.name)

    def rename(self, name: str) -> ArrayColumn:
        return ArrayColumn(self.array, self.index, name)


@_operators
class ArrayFrame(Shared):
    """Columns under names."""

    def __init__(self, columns: Mapping[Any, Matrix], index: Rows) -> None:
        self.arrays, self.index = dict(columns), index

    @property
    def columns(self) -> list[Any]:
        return list(self.arrays)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.index), len(self.arrays)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, list):
            return ArrayFrame({name: self.arrays[name] for name in key}, self.index)
        return ArrayColumn(self.arrays[key], self.index, key)

    def __getattr__(self, name: str) -> ArrayColumn:
        if name.startswith("_") or name not in self.arrays:
            raise AttributeError(name)
        return ArrayColumn(self.arrays[name], self.index, name)

    def __setitem__(self, name: str, value: Any) -> None:
        self.arrays[name] = column(value, self.index)

    def __iter__(self) -> Any:
        return iter(self.arrays)

    def __contains__(self, name: object) -> bool:
        return name in self.arrays

    def __array__(self, dtype: Any = None, copy: Any = None) -> Matrix:
        made = self.block().copy()
        return made if dtype is None else made.astype(dtype)

    def to_numpy(self) -> Matrix:
        return np.asarray(self)

    @property
    def values(self) -> Matrix:
        return np.asarray(self)

    def block(self) -> Matrix:
        """Return the columns as one matrix that lies in memory as pandas lays it."""
        return np.stack(self.numbers()).T

    def numbers(self) -> list[Matrix]:
        """Return the columns, all of which must be numbers."""
        return [_numbers(a) for a in self.arrays.values()]

    def each(self, by: Callable[[Matrix], Matrix]) -> ArrayFrame:
        return ArrayFrame({name: by(array) for name, array in self.arrays.items()}, self.index)

    def apply(self, by: Callable[[Any, Any], Any], value: Any) -> ArrayFrame:
        if not isinstance(value, int | float | bool):
            raise TypeError(type(value).__name__)
        return self.each(lambda a: by(a, value))

    def assign(self, **made: Any) -> ArrayFrame:
        found = ArrayFrame(self.arrays, self.index)
        for name, value in made.items():
            found[name] = value(found) if callable(value) else value
        return found

    def drop(self, columns: Any) -> ArrayFrame:
        gone = [columns] if isinstance(columns, str) else list(columns)
        if not set(gone) <= self.arrays.keys():
            raise KeyError(gone)
        return ArrayFrame({n: a for n, a in self.arrays.items() if n not in gone}, self.index)

    def rename(self, *, columns: Mapping[str, str]) -> ArrayFrame:
        return ArrayFrame({columns.get(n, n): a for n, a in self.arrays.items()}, self.index)

    def sum(self, *, axis: Any) -> ArrayColumn:
        whole, _ = self._filled(0, axis)
        return ArrayColumn(whole.sum(axis=1), self.index)

    def mean(self, *, axis: Any) -> ArrayColumn:
        whole, holes = self._filled(0, axis)
        return ArrayColumn(whole.sum(axis=1, dtype=float) / (whole.shape[1] - holes.sum(axis=1)), self.index)

    def _filled(self, value: float, axis: Any) -> tuple[Matrix, Matrix]:
        whole = self.block()
        if axis not in (1, "columns") or whole.dtype.kind == "O":
            raise TypeError("rows of numbers only")
        holes = gaps(whole)
        if holes.any():
            whole = whole.copy()
            np.putmask(whole, holes, value)
        return whole, holes


def gaps(array: Matrix) -> Matrix:
    """Say which values are missing."""
    return np.asarray(array != array) if array.dtype.kind in "fO" else np.zeros(array.shape, dtype=bool)


def column(value: Any, index: Rows) -> Matrix:
    """Turn what may stand for a column into one."""
    if isinstance(value, ArrayColumn):
        return value.array
    made = np.asarray(value)
    if made.ndim == 0:
        made = np.full(len(index), value, dtype=object if isinstance(value, str) else None)
    if made.shape != (len(index),):
        raise ValueError("a column has one value a row")
    return made


def _numbers(array: Matrix) -> Matrix:
    if array.dtype.kind not in "fiub":
        raise TypeError("only numbers")
    return array


def _clipped(array: Matrix, bound: float, outside: Callable[[Any, Any], Any]) -> Matrix:
    return np.where(outside(_numbers(array), bound), bound, array)


class Pandas(types.ModuleType):
    """Pandas, as a notebook's transformer sees it: what it makes of array frames are array frames."""

    def __init__(self, pandas: Any) -> None:
        super().__init__("pandas")
        self._pandas = pandas

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pandas, name)

    def DataFrame(self, data: Any = None, index: Any = None, columns: Any = None) -> Any:
        """Make an array frame of columns or arrays; of anything else, a DataFrame."""
        if isinstance(data, dict) and columns is None:
            own = (
                index if isinstance(index, Rows) else next(v.index for v in data.values() if isinstance(v, ArrayColumn))
            )
            return ArrayFrame({name: column(value, own) for name, value in data.items()}, own)
        if isinstance(data, np.ndarray) and data.ndim == 2 and isinstance(index, Rows) and columns is not None:
            return ArrayFrame({name: data[:, n] for n, name in enumerate(columns)}, index)
        raise TypeError("no array frame")

    def concat(self, parts: Sequence[Any], axis: Any = 0) -> ArrayFrame:
        """Put array frames and columns side by side."""
        if axis not in (1, "columns"):
            raise TypeError("only side by side")
        found = ArrayFrame({}, parts[0].index)
        for part in parts:
            found.arrays.update(part.arrays if isinstance(part, ArrayFrame) else {part.name: part.array})
        return found

    def isna(self, value: Any) -> Any:
        """Say what is missing."""
        return value.isna() if isinstance(value, Shared) else self._pandas.isna(value)


def twin(part: Any) -> Any:
    """Return a copy of a transformer whose code sees `Pandas` where it says pandas."""
    cls, made = type(part), copy.copy(part)
    spaces: dict[int, dict[str, Any]] = {}
    if isinstance(getattr(made, "func", None), types.FunctionType):
        made.func = _moved(made.func, spaces)
    methods: dict[str, Any] = {}
    for one in reversed(cls.__mro__):
        if one.__module__.split(".")[0] not in {"sklearn", "builtins"}:
            for name, value in vars(one).items():
                whole = inspect.unwrap(value) if isinstance(value, types.FunctionType) else value
                if isinstance(whole, types.FunctionType):
                    methods[name] = _moved(whole, spaces)
    if methods:
        made.__class__ = type(cls.__name__, (cls,), methods)
    return made


def _moved(function: types.FunctionType, spaces: dict[int, dict[str, Any]]) -> types.FunctionType:
    """Return a function that looks its names up where pandas is ours."""
    around = function.__globals__
    if id(around) not in spaces:
        space = spaces[id(around)] = dict(around)
        for name, value in around.items():
            if isinstance(value, types.ModuleType) and value.__name__ == "pandas":
                space[name] = Pandas(value)
            elif isinstance(value, types.FunctionType) and value.__globals__ is around:
                space[name] = _copied(value, space)
    return _copied(function, spaces[id(around)])


def _copied(function: types.FunctionType, space: dict[str, Any]) -> types.FunctionType:
    made = types.FunctionType(function.__code__, space, function.__name__, function.__defaults__, function.__closure__)
    made.__kwdefaults__, made.__qualname__ = function.__kwdefaults__, function.__qualname__
    return made
