"""Makers: statements whose value cannot be stored, and whether they may be run again in the stage that reads it.

A generator that nobody has begun is the same as one made anew, as long as what it was made of is still there. Other
things are made again when the statement only opens what is there anyway. The rest is refused before anything runs.
"""

from __future__ import annotations

import ast
from functools import lru_cache
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from nb2prod import dataflow
from nb2prod.dataflow import calls
from nb2prod.dataflow.binding import inside
from nb2prod.flows import Use
from nb2prod.stage import code

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from nb2prod.errors.base import Place
    from nb2prod.flows import CellFlow, StageFlow

_GENERATOR, _CURSOR, _THREAD = "a generator", "a cursor that may have rows to give", "a running thread"
HANDLE = "a handle"  # of something outside; some can be stored
# What is never stored, by the call that makes it.
_NEVER = {
    "socket.socket": "a socket",
    "socket.create_connection": "a socket",
    "subprocess.Popen": "a running process",
    "multiprocessing.Process": "a running process",
    "multiprocessing.Pool": "a pool of processes",
    "psycopg2.connect": "a database connection",
    "psycopg.connect": "a database connection",
    "tempfile.NamedTemporaryFile": "an open file that goes away with its process",
    "tempfile.TemporaryFile": "an open file that goes away with its process",
    "asyncio.create_task": "a running task",
    "asyncio.ensure_future": "a running task",
    "csv.reader": "a reader of an open file",
    "csv.writer": "a writer to an open file",
    "csv.DictReader": "a reader of an open file",
    "csv.DictWriter": "a writer to an open file",
}
# Of these one made anew serves as well.
ANEW = frozenset({"a socket", "a pool of processes", "a database connection"})
_THREADS = frozenset({"threading.Thread", "threading.Timer", "Thread", "Timer"})
# Calls that open what is there anyway, by the last part of their name.
_OPENERS = frozenset({"ExcelFile", "ParquetFile", "create_engine", "open_dataset"})
# Calls that look at their arguments only when they are asked for the next value.
_LAZY = frozenset({"enumerate", "filter", "iter", "map", "range", "reversed", "zip"})
_LAZY_METHODS = frozenset({"items", "keys", "values"})


@frozen(kw_only=True)
class Maker:
    """A statement whose value cannot be stored, though a stage below reads it."""

    name: str
    kind: str
    place: Place
    reader: str  # the first stage below that reads it
    code: str | None = None  # the statement, where running it again gives the same


@frozen(kw_only=True)
class _Made:
    """A candidate in one cell."""

    name: str
    kind: str
    line: int
    code: str | None
    eager: frozenset[str] = frozenset()  # names whose values it took when it ran
    once: bool = False  # reading it changes it
    used: bool = False  # by the statements below it in its cell
    rebound: frozenset[str] = frozenset()  # names that those bind


def linked(flows: Sequence[StageFlow]) -> list[StageFlow]:
    """Let stages read what a statement looks up that is run again in them."""
    found = list(flows)
    order = {flow.stage.name: position for position, flow in enumerate(flows)}
    for maker in makers(flows):
        flow = found[order[maker.reader]]
        again = dataflow.analyse(maker.code or "")
        names = {*again.reads, *again.anonymous.reads} - flow.reads.keys() if maker.code else ()
        uses = {n: Use(name=n, place=maker.place, how="read when called", by=maker.name) for n in names}
        found[order[maker.reader]] = evolve(flow, reads={**flow.reads, **uses})
    return _set_up(found)


def _set_up(flows: Sequence[StageFlow]) -> list[StageFlow]:
    """Let stages read what the setup cells above read: those run again in each of them."""
    found: list[StageFlow] = []
    again: dict[str, Use] = {}
    made: set[str] = set()  # by setup cells, and so not read from any stage
    for flow in flows:
        found.append(evolve(flow, reads={**again, **flow.reads}) if again else flow)
        everywhere = flow.stage.everywhere
        for item in (item for item in flow.cells if item.cell in everywhere):
            for name, line in {**item.flow.anonymous.reads, **item.flow.reads}.items():
                if name not in made:
                    use = item.use(name, line, "read")
                    again.setdefault(name, evolve(use, place=evolve(use.place, stage=flow.stage.name)))
            made |= {*item.flow.binds, *(name for i in item.flow.imports for name in i.names)}
    return found


def set_up(flows: Iterable[StageFlow]) -> frozenset[str]:
    """Return the names that the setup cells of stages read."""
    cells = (item for flow in flows for item in flow.cells if item.cell in flow.stage.everywhere)
    return frozenset(name for item in cells for name in (*item.flow.reads, *item.flow.anonymous.reads))


def makers(flows: Sequence[StageFlow]) -> Iterator[Maker]:
    """Yield the makers of a notebook, in its order."""
    generators: set[str] = set()  # functions whose calls only make a generator or a coroutine
    connected: set[str] = set()  # database connections and their cursors
    for position, flow in enumerate(flows):
        everywhere = flow.stage.everywhere
        for number, item in enumerate(flow.cells):
            if item.fault is not None:
                continue
            source = code(item.cell)
            generators |= _generators(source)
            connected |= _connected(source)
            if item.cell in everywhere:
                continue  # it runs again in each stage anyway
            for made in _made(source, frozenset(generators), frozenset(connected)):
                readers = _readers(made.name, flows[position + 1 :])
                if readers:
                    place = evolve(item.use(made.name, made.line, "set").place, stage=flow.stage.name)
                    again = made.code if _same(made, flow.cells[number + 1 :], readers, flows[position + 1 :]) else None
                    yield Maker(name=made.name, kind=made.kind, place=place, reader=readers[0].stage.name, code=again)


def _readers(name: str, below: Iterable[StageFlow]) -> list[StageFlow]:
    """Return the stages that read this very value."""
    found: list[StageFlow] = []
    for flow in below:
        if name in flow.reads or (flow.opaque and not found):
            found.append(flow)
        if any(name in item.flow.definite for item in flow.cells):
            break
    return found


def _same(made: _Made, after: Sequence[CellFlow], readers: Sequence[StageFlow], below: Sequence[StageFlow]) -> bool:
    """True when the statement gives the same when the first reader runs it again."""
    if made.code is None:
        return False
    begun = made.used or any(made.name in item.flow.loads for item in after)
    if made.once and (begun or len(readers) > 1):
        return False
    between = [item for flow in below[: below.index(readers[0])] for item in flow.cells]
    bound = made.rebound.union(*(item.flow.binds.keys() | item.flow.deletes.keys() for item in (*after, *between)))
    return not made.eager & bound


@lru_cache(maxsize=4096)
def _generators(source: str) -> frozenset[str]:
    """Return the functions of a cell whose calls only make a generator or a coroutine."""
    found = set()
    for node in dataflow.parse(source).body:
        lazy = isinstance(node, ast.FunctionDef) and any(
            isinstance(part, ast.Yield | ast.YieldFrom) for part in inside(node.body)
        )
        if lazy or isinstance(node, ast.AsyncFunctionDef):
            assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            found |= {node.name} if not node.decorator_list else set()
    return frozenset(found)


@lru_cache(maxsize=4096)
def _connected(source: str) -> frozenset[str]:
    return frozenset(
        node.targets[0].id
        for node in dataflow.parse(source).body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and isinstance(node.value, ast.Call)
        if _called(node.value).rpartition(".")[2] in {"connect", "cursor"}
    )


def _called(call: ast.Call) -> str:
    func = call.func
    return func.id if isinstance(func, ast.Name) else calls.dotted(func) or str(getattr(func, "attr", ""))


@lru_cache(maxsize=4096)
def _made(source: str, generators: frozenset[str], connected: frozenset[str]) -> tuple[_Made, ...]:
    body = dataflow.parse(source).body
    found: list[_Made] = []
    for number, statement in enumerate(body):
        found.extend(_candidate(statement, body[number + 1 :], generators, connected))
    return tuple(found)


def _candidate(
    statement: ast.stmt, below: Sequence[ast.stmt], generators: frozenset[str], connected: frozenset[str]
) -> Iterator[_Made]:
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.GeneratorExp() as value):
            first = value.generators[0].iter
            yield _lazy(name, statement, (first,), below)
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as call):
            called = _called(call)
            given = (*call.args, *(keyword.value for keyword in call.keywords))
            if called in generators:
                yield _lazy(name, statement, (call.func, *given), below)
            elif called.rpartition(".")[2] in _OPENERS and all(map(_still, given)):
                yield evolve(_lazy(name, statement, given, below), kind=HANDLE, once=False)
            else:
                kind = _never(name, call, called, below, connected)
                if kind:
                    yield _Made(name=name, kind=kind, line=statement.lineno, code=None)


def _never(name: str, call: ast.Call, called: str, below: Sequence[ast.stmt], connected: frozenset[str]) -> str:
    """Say of what kind the value is, if there is no way to store it."""
    owner, _, method = called.rpartition(".")
    if called in _THREADS and _runs(name, below):
        return _THREAD
    selected = method == "execute" and _selects(call)
    if owner in connected and (selected or (method == "cursor" and _asked(name, below))):
        return _CURSOR
    return _NEVER.get(called, "")


def _lazy(name: str, statement: ast.stmt, eager: Iterable[ast.expr], below: Sequence[ast.stmt]) -> _Made:
    eager = tuple(eager)
    later = [node for part in below for node in ast.walk(part) if isinstance(node, ast.Name)]
    return _Made(
        name=name,
        kind=_GENERATOR,
        line=statement.lineno,
        code=ast.unparse(statement) if all(map(_still, eager)) else None,
        eager=frozenset(node.id for part in eager for node in ast.walk(part) if isinstance(node, ast.Name)),
        once=True,
        used=any(node.id == name for node in later),
        rebound=frozenset(node.id for node in later if not isinstance(node.ctx, ast.Load)),
    )


def _still(value: ast.expr) -> bool:
    """True when an expression has the same meaning as long as no name in it is bound anew."""
    match value:
        case ast.Name() | ast.Constant() | ast.Lambda():
            return True
        case ast.UnaryOp(operand=inner) | ast.Starred(value=inner):
            return _still(inner)
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            return all(map(_still, parts))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _LAZY or name == "open":
            return all(map(_still, args))
        case ast.Call(func=ast.Attribute(value=ast.Name(), attr=attr), args=[], keywords=[]):
            return attr in _LAZY_METHODS
    return False


def _called_on(name: str, statements: Iterable[ast.stmt]) -> Iterator[tuple[str, ast.Call]]:
    for statement in statements:
        for node in ast.walk(statement):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr=method)) if owner == name:
                    yield method, node


def _runs(name: str, below: Iterable[ast.stmt]) -> bool:
    methods = {method for method, _ in _called_on(name, below)}
    return "start" in methods and "join" not in methods


def _asked(name: str, below: Iterable[ast.stmt]) -> bool:
    return any(method.startswith("execute") and _selects(call) for method, call in _called_on(name, below))


def _selects(call: ast.Call) -> bool:
    match call.args:
        case [ast.Constant(value=str(text)), *_]:
            return text.lstrip().lower().startswith(("select", "with", "pragma"))
    return False
