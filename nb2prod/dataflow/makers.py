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
from nb2prod.dataflow import calls, unkept
from nb2prod.dataflow.known import NOTHING, SPLITTERS, Known, called_name, known_below
from nb2prod.dataflow.stage_flow import Use
from nb2prod.stage import code

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from nb2prod.dataflow.stage_flow import CellFlow, StageFlow
    from nb2prod.errors.base import Place


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
    unless: str = ""  # a name that brings it along


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
    known = NOTHING
    for position, flow in enumerate(flows):
        everywhere = flow.stage.everywhere
        for number, item in enumerate(flow.cells):
            if item.fault is not None:
                continue
            source = code(item.cell)
            known = known_below(known, source, item)
            if item.cell in everywhere:
                continue  # it runs again in each stage anyway
            for made in _made(source, known):
                readers = _readers(made, flows[position + 1 :])
                if readers:
                    place = evolve(item.use(made.name, made.line, "set").place, stage=flow.stage.name)
                    again = made.code if _same(made, flow.cells[number + 1 :], readers, flows[position + 1 :]) else None
                    yield Maker(name=made.name, kind=made.kind, place=place, reader=readers[0].stage.name, code=again)


def _readers(made: _Made, below: Iterable[StageFlow]) -> list[StageFlow]:
    """Return the stages that read this very value; an object with an end of its own may not be set anew either."""
    found: list[StageFlow] = []
    for flow in below:
        reads = made.name in flow.reads or (made.kind == unkept.FINAL and made.name in flow.leaves)
        if (reads and made.unless not in flow.reads) or (flow.opaque and not found and made.kind not in _CAREFUL):
            found.append(flow)
        if any(made.name in item.flow.definite for item in flow.cells):
            break
    return found


_CAREFUL = frozenset({unkept.FOLDER, unkept.NUMBERS})  # what may be of no interest to code that cannot be seen


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
def _made(source: str, known: Known) -> tuple[_Made, ...]:
    body = dataflow.parse(source).body
    found: list[_Made] = []
    for number, statement in enumerate(body):
        found.extend(_candidate(statement, body[number + 1 :], known))
        if known.numbers and "id" in source:
            found.extend(_numbers(statement))
    return tuple(found)


def _candidate(statement: ast.stmt, below: Sequence[ast.stmt], known: Known) -> Iterator[_Made]:
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.GeneratorExp() as value):
            yield _lazy(name, statement, (value.generators[0].iter,), below)
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Dict() | ast.List() | ast.Tuple() as value):
            inner = value.values if isinstance(value, ast.Dict) else value.elts
            if any(isinstance(v, ast.GeneratorExp) or _generates(v, known) for v in inner):
                yield _Made(name=name, kind="a container of generators", line=statement.lineno, code=None)
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as call):
            yield from _called_for(name, call, statement, below, known)
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method)) as call):
            if name in known.connected and method in unkept.OWN_FUNCTIONS:
                yield _Made(name=name, kind=unkept.FUNCTIONS, line=statement.lineno, code=None)
            asked = name in known.cursors and method == "execute" and _selects(call)
            if asked and not any(_names(part) & {name} for part in below):
                yield _Made(name=name, kind=unkept.CURSOR, line=statement.lineno, code=None)


def _called_for(
    name: str, call: ast.Call, statement: ast.stmt, below: Sequence[ast.stmt], known: Known
) -> Iterator[_Made]:
    called = called_name(call)
    root, _, rest = called.partition(".")
    full = dict(known.modules).get(root, root) + (f".{rest}" if rest else "")
    end = called.rpartition(".")[2]
    given = (*call.args, *(keyword.value for keyword in call.keywords))
    if called == "tempfile.TemporaryDirectory" or full == "tempfile.TemporaryDirectory":
        yield from _inside_folder(name, below)
    elif _generates(call, known) or end in unkept.ASKED:
        yield _lazy(name, statement, (call.func if called in known.generators else _receiver(call), *given), below)
    elif any(k.arg in {"chunksize", "iterator"} for k in call.keywords) and end.startswith("read_"):
        yield _lazy(name, statement, given, below)
    elif end in unkept.OPENERS and all(map(_still, given)) and not _in_memory(given):
        yield evolve(_lazy(name, statement, given, below), kind=unkept.HANDLE, once=False)
    elif end in unkept.DATA and full.startswith(("lgb.", "lightgbm.", "xgb.", "xgboost.")):
        yield _Made(name=name, kind=f"data inside {full.partition('.')[0]}", line=statement.lineno, code=None)
    elif end == "set" and root in known.variables:
        yield _Made(name=name, kind="a token of a context variable", line=statement.lineno, code=None)
    elif called in known.holding:
        yield _Made(name=name, kind="an object that holds a generator", line=statement.lineno, code=None)
    elif called in known.finals:
        yield _Made(name=name, kind=unkept.FINAL, line=statement.lineno, code=None)
    else:
        kind = _never(name, call, called, below, known.connected) or unkept.NEVER.get(full, "")
        if kind:
            yield _Made(name=name, kind=kind, line=statement.lineno, code=None)


def _in_memory(given: Iterable[ast.expr]) -> bool:
    return any(isinstance(value, ast.Constant) and value.value in unkept.IN_MEMORY for value in given)


def _receiver(call: ast.Call) -> ast.expr:
    return call.func.value if isinstance(call.func, ast.Attribute) else call.func


def _generates(value: ast.expr, known: Known) -> bool:
    """Tell whether an expression calls what only makes a generator."""
    match value:
        case ast.Call(func=ast.Attribute(value=owner, attr="split")):
            maker = owner.id in known.splitters if isinstance(owner, ast.Name) else False
            return maker or (isinstance(owner, ast.Call) and called_name(owner).endswith(SPLITTERS))
        case ast.Call():
            return called_name(value) in known.generators
    return False


def _inside_folder(name: str, below: Sequence[ast.stmt]) -> Iterator[_Made]:
    """Yield the names that are set to paths in a temporary folder."""
    inner = {name}
    for part in below:
        match part:
            case ast.Assign(targets=[ast.Name(id=path)], value=value) if _names(value) & inner:
                if not isinstance(value, ast.Call) or called_name(value).rpartition(".")[2] in _JOINING:
                    inner.add(path)
                    yield _Made(name=path, kind=unkept.FOLDER, line=part.lineno, code=None, unless=name)


_JOINING = frozenset({"Path", "join", "joinpath", "str"})


def _numbers(statement: ast.stmt) -> Iterator[_Made]:
    """Yield what is set to, or given, the identity of an object, other than to compare it at once."""
    match statement:
        case ast.Assign(targets=[target]):
            owner = calls.base(target)
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=receiver))):
            owner = calls.base(receiver)
        case _:
            return
    pending: list[ast.AST] = [statement]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Name) and node.id == "id" and isinstance(node.ctx, ast.Load):
            yield from (_Made(name=n, kind=unkept.NUMBERS, line=statement.lineno, code=None) for n in sorted(owner))
            return
        if not isinstance(node, ast.Compare | ast.Lambda | ast.JoinedStr):
            pending.extend(ast.iter_child_nodes(node))


def _names(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def _never(name: str, call: ast.Call, called: str, below: Sequence[ast.stmt], connected: frozenset[str]) -> str:
    """Say of what kind the value is, if there is no way to store it."""
    owner, _, method = called.rpartition(".")
    if method == "create_engine" and _in_memory(call.args):
        return "a database in memory"
    if called in unkept.THREADS and _runs(name, below):
        return unkept.THREAD
    selected = method == "execute" and _selects(call)
    if owner in connected and (selected or (method == "cursor" and _asked(name, below))):
        return unkept.CURSOR
    return unkept.NEVER.get(called, "")


def _lazy(name: str, statement: ast.stmt, eager: Iterable[ast.expr], below: Sequence[ast.stmt]) -> _Made:
    eager = tuple(eager)
    later = [node for part in below for node in ast.walk(part) if isinstance(node, ast.Name)]
    return _Made(
        name=name,
        kind=unkept.GENERATOR,
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
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in unkept.LAZY or name == "open":
            return all(map(_still, args))
        case ast.Call(func=ast.Attribute(value=ast.Name(), attr=attr), args=[], keywords=[]):
            return attr in unkept.LAZY_METHODS
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
