"""Reducers: how values are stored that pickle knows no way for, and that can be made again exactly."""

from __future__ import annotations

import contextvars
import functools
import gc
import io
import itertools
import random
import re
import struct
import sys
import tempfile
import threading
import types
import typing
import weakref
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from nb2prod.formats import caches, formulas, handles, instances, matches, memory, singles, weak
from nb2prod.formats.scripts import reduce_script
from nb2prod.formats.sessions import reduce_session
from nb2prod.formats.unkeepable import Unkeepable as Unkeepable
from nb2prod.formats.views import is_array as is_array
from nb2prod.formats.views import is_plain as is_plain
from nb2prod.formats.views import reduce_archive, reduce_map
from nb2prod.formats.views import reduce_array as reduce_array
from nb2prod.formats.views import reduce_view as reduce_view
from nb2prod.formats.views import root as root
from nb2prod.formats.widgets import reduce_widget

if TYPE_CHECKING:
    from collections.abc import Callable

_VIEWS = {type({}.keys()): "keys", type({}.values()): "values", type({}.items()): "items"}
MAIN = "__main__"


def reduce(value: Any) -> Any:
    """Return how to make `value` again, as `object.__reduce__` does, or NotImplemented.

    Raises:
        Unkeepable: It would come back as another thing.
    """
    for kind, reducer in _REDUCERS:
        if isinstance(value, kind):
            return reducer(value)
    for module, name, reducer in _LIBRARIES:
        cls = getattr(sys.modules.get(module), name, None)
        if cls is not None and isinstance(value, cls):
            return reducer(value)
    if formulas.is_patsy(value):
        return formulas.reduce_patsy(value)
    found = singles.reduce_marker(value)
    return singles.reduce_original(value) if found is NotImplemented else found


def _shell(_value: Any) -> Any:
    return _this_shell, ()


def _this_shell() -> Any:
    from IPython import get_ipython

    return get_ipython()


def _view_of(mapping: dict[Any, Any], kind: str) -> Any:
    return getattr(mapping, kind)()


def _dict_view(value: Any) -> Any:
    mapping = next(item for item in gc.get_referents(value) if isinstance(item, dict))
    return _view_of, (mapping, _VIEWS[type(value)])


def _mapping(value: Any) -> Any:
    return types.MappingProxyType, (next(item for item in gc.get_referents(value) if isinstance(item, dict)),)


def _cell(value: types.CellType) -> Any:
    try:
        state = (value.cell_contents,)
    except ValueError:
        return types.CellType, ()
    # Filled when it is made, since what is in it may hold the cell.
    return types.CellType, (), state, None, None, _fill_cell


def _fill_cell(cell: types.CellType, state: tuple[Any]) -> None:
    (cell.cell_contents,) = state


_DISPATCHING = functools.singledispatch(lambda _: None).__code__  # type: ignore[attr-defined]


def _function(value: Any) -> Any:
    if value.__code__ is not _DISPATCHING:
        return singles.reduce_original(value)
    own = {name: item for name, item in vars(value).items() if name not in _OF_DISPATCH}
    return _dispatcher, (), (dict(value.registry), own), None, None, _register


_OF_DISPATCH = ("register", "dispatch", "registry", "_clear_cache")


def _dispatcher() -> Any:
    return functools.singledispatch(_no_function)


def _no_function(*_args: Any) -> Any:
    raise NotImplementedError


def _register(function: Any, state: tuple[dict[type, Any], dict[str, Any]]) -> None:
    calls, own = state
    for cls, call in calls.items():
        function.register(cls, call)
    functools.update_wrapper(function, calls[object])
    vars(function).update(own)


def _exception(value: BaseException) -> Any:
    made = value.__reduce_ex__(5)
    if isinstance(made, str) or len(made) > 3:
        return NotImplemented
    attributes = made[2] if len(made) > 2 else None
    if attributes is not None and not isinstance(attributes, dict):
        return NotImplemented
    raised = (value.__cause__, value.__context__, value.__suppress_context__)
    make, given = made[0], made[1]
    if make is type(value) and "__init__" in _in_python(make):
        # Its own constructor may take other arguments than those that `args` tells of.
        make, given = _exception_of, (make, given)
    return make, given, (attributes or {}, raised), None, None, _raised


def _in_python(cls: type) -> set[str]:
    """Return what classes define that are written in Python, down to the first that is not."""
    above = itertools.takewhile(lambda c: c.__flags__ & _HEAP, cls.__mro__)
    return {name for c in above for name in vars(c)}


_HEAP = 1 << 9  # of `type.__flags__`: made by a `class` statement


def _exception_of(cls: type[BaseException], given: tuple[Any, ...]) -> BaseException:
    plain: Any = next(c for c in cls.__mro__ if not c.__flags__ & _HEAP)
    made: BaseException = plain.__new__(cls, *given)
    plain.__init__(made, *given)
    return made


def _raised(value: BaseException, state: tuple[dict[str, Any], tuple[Any, Any, bool]]) -> None:
    attributes, (value.__cause__, value.__context__, value.__suppress_context__) = state
    value.__dict__.update(attributes)


def _cached(value: Any) -> Any:
    return caches.reduce_cache(value) if value.__module__ == MAIN else NotImplemented


def _property(value: functools.cached_property[Any]) -> Any:
    return _named_property, (value.func, value.attrname)


def _named_property(function: Callable[[Any], Any], name: str | None) -> Any:
    found = functools.cached_property(function)
    if name is not None:
        found.__set_name__(object, name)
    return found


def _ordered(value: Any) -> Any:
    return functools.cmp_to_key, tuple(item for item in gc.get_referents(value) if callable(item))[-1:]


def _packed(value: struct.Struct) -> Any:
    return struct.Struct, (value.format,)


def _new_type(value: Any) -> Any:
    if value.__module__ != MAIN:
        return NotImplemented
    return typing.NewType, (value.__name__, value.__supertype__)


_REDUCERS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (io.IOBase, handles.reduce_stream),
    ((type(threading.Lock()), type(threading.RLock())), handles.reduce_lock),
    (threading.Thread, handles.reduce_thread),
    (threading.local, handles.reduce_local),
    (Future, handles.reduce_future),
    (ThreadPoolExecutor, handles.reduce_pool),
    (random.Random, singles.reduce_generator),
    (re.Match, matches.reduce_match),
    (tempfile.TemporaryDirectory, handles.reduce_folder),
    (contextvars.ContextVar, handles.reduce_variable),
    (types.GeneratorType, handles.reduce_generator),
    (types.FunctionType, _function),
    (types.CellType, _cell),
    (types.MappingProxyType, _mapping),
    (BaseException, _exception),
    (tuple(_VIEWS), _dict_view),
    (functools._lru_cache_wrapper, _cached),
    (functools.cached_property, _property),
    (typing.NewType, _new_type),
    (type(functools.cmp_to_key(max)), _ordered),
    (struct.Struct, _packed),
    (memoryview, memory.reduce_memory),
    (weakref.ref, weak.reduce_reference),
    ((weakref.WeakSet, weakref.WeakKeyDictionary, weakref.WeakValueDictionary), weak.reduce_collection),
)
# Likewise for classes of modules that need not be imported.
_LIBRARIES: tuple[tuple[str, str, Callable[[Any], Any]], ...] = (
    ("IPython.core.interactiveshell", "InteractiveShell", _shell),
    ("ipykernel.iostream", "OutStream", handles.reduce_stream),
    ("onnxruntime", "InferenceSession", reduce_session),
    ("torch.jit", "ScriptModule", reduce_script),
    ("sqlite3", "Connection", handles.reduce_connection),
    ("sqlite3", "Cursor", handles.reduce_cursor),
    ("sqlite3", "Row", handles.reduce_row),
    ("ipywidgets.widgets.widget", "Widget", reduce_widget),
    ("numpy", "memmap", reduce_map),
    ("bs4", "BeautifulSoup", instances.reduce_tree),
    ("toolz.functoolz", "curry", instances.reduce_curried),
    ("lightgbm.basic", "Dataset", handles.refuse_data),
    ("numpy.lib.npyio", "NpzFile", reduce_archive),
    ("numpy.random.mtrand", "RandomState", singles.reduce_generator),
)
