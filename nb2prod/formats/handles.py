"""Handles: files, databases, threads and streams of a process, made again in another one at the point they were at."""

from __future__ import annotations

import contextvars
import importlib
import inspect
import io
import os
import sys
import tempfile
import threading
import types
import weakref
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nb2prod.formats.unkeepable import Unkeepable

if TYPE_CHECKING:
    import sqlite3

_STREAMS = ("stdout", "stderr", "stdin")


# streams and files


def reduce_stream(value: Any) -> Any:
    """Return how to open a stream again."""
    standard = next((name for name in _STREAMS if value in {getattr(sys, name), getattr(sys, f"__{name}__")}), None)
    if standard is not None:
        return getattr, (sys, standard)
    if isinstance(value, io.BytesIO | io.StringIO):
        return (_closed_memory, (type(value),)) if value.closed else NotImplemented
    if isinstance(value, io.TextIOWrapper | io.BufferedIOBase | io.FileIO) and isinstance(_name(value), str):
        return (_closed_file, _opened(value)) if value.closed else (_open_file, (*_opened(value), *_position(value)))
    raise Unkeepable("an open file cannot be stored")


def _name(value: Any) -> Any:
    try:
        return value.name
    except (AttributeError, ValueError):
        return None


def _opened(value: Any) -> tuple[str, str, str, Any, Any]:
    text = isinstance(value, io.TextIOWrapper)
    path = os.path.abspath(value.name)  # noqa: PTH100 - as the file system was told
    mode = value.mode if text or isinstance(value, io.FileIO) else value.raw.mode
    return value.name, path, mode, value.encoding if text else None, value.errors if text else None


def _position(value: Any) -> tuple[int, int]:
    """Return where a file is to be read or written next: its position, and characters to skip from there."""
    path = Path(value.name)
    if not path.exists() or not os.path.samestat(os.fstat(value.fileno()), path.stat()):
        raise Unkeepable("an open file that has no name any more cannot be stored")
    if value.writable():
        value.flush()
    elif isinstance(value, io.TextIOWrapper) and b"\r" in path.read_bytes():
        raise Unkeepable("an open file with line ends of another system cannot be stored")
    try:
        return value.tell(), 0
    except OSError:  # `for line in file` has read ahead
        rest = len(value.read())
        value.seek(0)
        skipped = len(value.read()) - rest
        value.seek(0)
        value.read(skipped)
        return 0, skipped


def _open_file(  # noqa: PLR0913 - what `open` is told, and the position
    name: str, path: str, mode: str, encoding: str | None, errors: str | None, position: int, skipped: int
) -> Any:
    plain = mode.replace("b", "") + ("" if encoding else "b")
    buffering = -1 if encoding or not mode.endswith("raw") else 0
    file: Any = open(path, plain, buffering, encoding, errors, opener=_keeping)  # noqa: SIM115 - it stays open
    raw = file.buffer.raw if encoding else getattr(file, "raw", file)
    raw.name = name
    if "a" not in mode or "+" in mode:
        file.seek(position)
    file.read(skipped) if skipped else None
    return file


def _keeping(path: str, flags: int) -> int:
    return os.open(path, flags & ~os.O_TRUNC & ~os.O_EXCL)


def _closed_file(name: str, _path: str, mode: str, encoding: str | None, errors: str | None) -> Any:
    file = _open_file(name, os.devnull, mode, encoding, errors, 0, 0)
    file.close()
    return file


def _closed_memory(cls: type[io.IOBase]) -> Any:
    stream = cls()
    stream.close()
    return stream


def reduce_folder(value: tempfile.TemporaryDirectory[str]) -> Any:
    """Return how to make a temporary folder again, with what is in it, under the same name."""
    top = Path(value.name)
    if not top.is_dir():
        raise Unkeepable("a temporary folder that is gone cannot be stored")
    found = sorted(path for path in top.rglob("*"))
    if any(path.is_symlink() or not (path.is_dir() or path.is_file()) for path in found):
        raise Unkeepable("a temporary folder with links in it cannot be stored")
    files = {str(p.relative_to(top)): p.read_bytes() if p.is_file() else None for p in found}
    return _folder, (value.name, files)


def _folder(name: str, files: dict[str, bytes | None]) -> tempfile.TemporaryDirectory[str]:
    made = tempfile.TemporaryDirectory()
    made.cleanup()
    made.name = name
    tidy: Any = made._cleanup  # type: ignore[attr-defined]  # as its own constructor does
    warning = f"Implicitly cleaning up {made!r}"
    made._finalizer = weakref.finalize(made, tidy, name, warn_message=warning)  # type: ignore[attr-defined]
    Path(name).mkdir(mode=0o700, exist_ok=True)
    for path, data in files.items():
        if data is None:
            (Path(name) / path).mkdir(exist_ok=True)
        else:
            (Path(name) / path).write_bytes(data)
    return made


# databases


def reduce_connection(value: sqlite3.Connection) -> Any:
    """Return how to connect to an SQLite database again; one in memory comes along whole."""
    sqlite = sys.modules["sqlite3"]
    cursor = sqlite.Cursor(value)
    cursor.row_factory = None
    try:
        files = {row[1]: row[2] for row in cursor.execute("PRAGMA database_list")}
    except sqlite.ProgrammingError:
        return _connected, (type(value), None, b"", {}, False)
    plain = sqlite.connect(":memory:")
    for listing in ("SELECT name FROM pragma_function_list", "SELECT name FROM pragma_collation_list"):
        mine, usual = (set(c.execute(listing)) for c in (cursor, plain.cursor()))
        if mine - usual:
            raise Unkeepable("a database with functions of the notebook's own cannot be stored")
    plain.close()
    path = files.pop("main")
    path = path if Path(path).is_absolute() else ""  # one that was deserialised has a name that is no file's
    temporary = "temp" in files and bool(cursor.execute("SELECT count(*) FROM sqlite_temp_master").fetchone()[0])
    if set(files) - {"temp"} or temporary:
        raise Unkeepable("a database with others attached to it cannot be stored")
    if path and value.in_transaction:
        raise Unkeepable("a database with changes that are not committed cannot be stored")
    state = {name: getattr(value, name) for name in ("isolation_level", "row_factory", "text_factory")}
    return _connected, (type(value), path, b"" if path else value.serialize(), state, value.in_transaction)


def _connected(cls: type[sqlite3.Connection], path: str | None, data: bytes, state: dict[str, Any], begun: bool) -> Any:  # noqa: FBT001
    made = cls(path or ":memory:")
    if path is None:
        made.close()
        return made
    if data:
        # By way of another: what is not committed is missing from the copy of a database that was read in itself.
        with closing(cls(":memory:")) as read:
            read.deserialize(data)
            read.backup(made)
    _set(made, state)
    if begun:
        made.execute("BEGIN")
    return made


def reduce_cursor(value: sqlite3.Cursor) -> Any:
    """Return how to make a cursor again; rows that it still has to give would be lost."""
    if value.description is not None:
        raise Unkeepable("a cursor that may have rows to give cannot be stored")
    state = {"row_factory": value.row_factory, "arraysize": value.arraysize}
    return type(value), (value.connection,), state, None, None, _set


def _set(value: Any, state: dict[str, Any]) -> None:
    for name, setting in state.items():
        setattr(value, name, setting)


def reduce_row(value: sqlite3.Row) -> Any:
    """Return how to make a row of a query's result again."""
    return _row, (value.keys(), tuple(value))


def _row(names: list[str], values: tuple[Any, ...]) -> sqlite3.Row:
    sqlite: Any = importlib.import_module("sqlite3")
    with closing(sqlite.connect(":memory:")) as connection:
        quoted = ", ".join("? AS " + '"' + name.replace('"', '""') + '"' for name in names)
        return sqlite.Row(connection.execute(f"SELECT {quoted}", values), values)  # type: ignore[no-any-return]


# generators


def unbegun(value: Any) -> bool:
    """True for a generator or a coroutine that has not begun, which is the same as one made anew."""
    if isinstance(value, types.GeneratorType):
        return inspect.getgeneratorstate(value) == inspect.GEN_CREATED
    return isinstance(value, types.CoroutineType) and inspect.getcoroutinestate(value) == inspect.CORO_CREATED


def begun(value: Any) -> bool:
    """True for a generator or a coroutine that has begun."""
    return isinstance(value, types.GeneratorType | types.CoroutineType) and not unbegun(value)


def reduce_generator(value: types.GeneratorType[Any, Any, Any]) -> Any:
    """Return how to make a generator again that has nothing left to give."""
    if value.gi_frame is not None:
        raise Unkeepable("a generator cannot be stored")
    return _spent, (value.__name__, value.__qualname__)


def _spent(name: str, qualified: str) -> Any:
    made: Any = (item for item in [None])
    next(made)
    next(made, None)
    made.__name__, made.__qualname__ = name, qualified
    return made


# threads


def reduce_lock(value: Any) -> Any:
    """Return how to make a lock again: a free one is as good as another, since nobody waits for it."""
    if "unlocked" not in repr(value):
        raise Unkeepable("a lock that is held cannot be stored")
    return (threading.Lock if isinstance(value, type(threading.Lock())) else threading.RLock), ()


_OWN = ("_name", "_daemonic", "_ident", "_native_id", "_target", "_args", "_kwargs")  # of a thread, beside its workings


def reduce_thread(value: threading.Thread) -> Any:
    """Return how to make a thread again that has not begun, or has ended."""
    if value.is_alive():
        raise Unkeepable("a thread that runs cannot be stored")
    workings = vars(threading.Thread()).keys() - set(_OWN)
    state = {name: item for name, item in vars(value).items() if name not in workings}
    return _thread, (type(value), value.ident is not None), state


def _thread(cls: type[threading.Thread], ended: bool) -> threading.Thread:  # noqa: FBT001
    made = cls.__new__(cls)
    threading.Thread.__init__(made)
    if ended:
        made.run = lambda: None  # type: ignore[method-assign]
        made.start()
        made.join()
        del made.run
    return made


def reduce_local(value: threading.local) -> Any:
    """Return how to make a thread's own values again, as the main thread sees them."""
    return (type(value), (), vars(value)) if type(value) is threading.local else NotImplemented


_SOON = 60  # seconds to wait for a result that is being computed, as whoever reads it would


def reduce_future(value: Future[Any]) -> Any:
    """Return how to make a future again that has its result."""
    wait([value], timeout=_SOON)
    if not value.done():
        raise Unkeepable("a result that is still being computed cannot be stored")
    if value.cancelled():
        return _future, (type(value), None, None, True)
    wrong = value.exception()
    return _future, (type(value), None if wrong else value.result(), wrong, False)


def reduce_pool(value: ThreadPoolExecutor) -> Any:
    """Return how to make a pool of threads again that has nothing to do."""
    own: Any = value
    if type(value) is not ThreadPoolExecutor or (own._work_queue.qsize() and not own._shutdown):
        raise Unkeepable("a pool of threads that has work to do cannot be stored")
    given = (own._max_workers, own._thread_name_prefix, own._initializer, own._initargs)
    return _pool, (*given, own._shutdown)


def _pool(workers: int, prefix: str, initializer: Any, given: tuple[Any, ...], shut: bool) -> ThreadPoolExecutor:  # noqa: FBT001
    made = ThreadPoolExecutor(workers, prefix, initializer, given)
    if shut:
        made.shutdown()
    return made


def _future(cls: type[Future[Any]], result: Any, wrong: BaseException | None, cancelled: bool) -> Future[Any]:  # noqa: FBT001
    made = cls()
    if cancelled:
        made.cancel()
        made.set_running_or_notify_cancel()
    elif wrong is not None:
        made.set_exception(wrong)
    else:
        made.set_result(result)
    return made


def reduce_variable(value: contextvars.ContextVar[Any]) -> Any:
    """Return how to make a context variable again, with its value here."""
    here = contextvars.copy_context()
    try:
        given = {"default": contextvars.Context().run(value.get)}
    except LookupError:
        given = {}
    return _variable, (value.name, given), ({"value": here[value]} if value in here else {}), None, None, _set_variable


def _variable(name: str, given: dict[str, Any]) -> contextvars.ContextVar[Any]:
    return contextvars.ContextVar(name, **given)


def _set_variable(variable: contextvars.ContextVar[Any], state: dict[str, Any]) -> None:
    if state:
        variable.set(state["value"])


def refuse_data(value: Any) -> Any:
    """Refuse data that a library has taken into memory of its own, once it has.

    Raises:
        Unkeepable: Always.
    """
    raise Unkeepable(f"data inside {type(value).__module__.partition('.')[0]} cannot be stored")
