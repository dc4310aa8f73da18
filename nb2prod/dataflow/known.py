"""Known: what cells say of names as far as it tells whether values made with them can be kept."""

from __future__ import annotations

import ast
from functools import lru_cache
from typing import TYPE_CHECKING

from attrs import frozen

from nb2prod import dataflow
from nb2prod.dataflow import calls, unkept
from nb2prod.dataflow.binding import inside

if TYPE_CHECKING:
    from nb2prod.dataflow.stage_flow import CellFlow


@frozen(kw_only=True, cache_hash=True)
class Known:
    """What is known of names above a cell."""

    generators: frozenset[str] = frozenset()  # functions whose calls only make a generator or a coroutine
    connected: frozenset[str] = frozenset()  # database connections and their cursors
    cursors: frozenset[str] = frozenset()
    splitters: frozenset[str] = frozenset()  # of scikit-learn, whose `split` makes a generator
    finals: frozenset[str] = frozenset()  # classes with a `__del__`
    variables: frozenset[str] = frozenset()  # of contexts, whose `set` gives a token
    holding: frozenset[str] = frozenset()  # classes whose objects hold a generator
    modules: frozenset[tuple[str, str]] = frozenset()  # names of those that `unkept.NEVER` knows → what they stand for
    numbers: bool = True  # `id` is Python's


NOTHING = Known()


def known_below(above: Known, source: str, item: CellFlow) -> Known:
    """Return what is known below a cell; the same object for the same cells, which are looked up by it."""
    imports = tuple(i.code for i in item.flow.imports if i.root in unkept.ROOTS)
    own, numbers = _own(source), "id" not in item.flow.binds
    return above if own is NOTHING and numbers and not imports else _joined(above, own, imports, numbers=numbers)


@lru_cache(maxsize=4096)
def _joined(above: Known, own: Known, imports: tuple[str, ...], *, numbers: bool) -> Known:
    return Known(
        generators=above.generators | own.generators,
        connected=above.connected | own.connected,
        cursors=above.cursors | own.cursors,
        splitters=above.splitters | own.splitters,
        finals=above.finals | own.finals,
        variables=above.variables | own.variables,
        holding=above.holding | own.holding,
        modules=above.modules.union(*(_modules(code) for code in imports)),
        numbers=above.numbers and numbers,
    )


@lru_cache(maxsize=4096)
def _own(source: str) -> Known:
    """Return what a cell defines, and what its names are set to."""
    generators, finals, holding = set(), set(), set()
    calls_by_end: dict[str, set[str]] = {}
    for node in dataflow.parse(source).body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                parts = inside(node.body) if isinstance(node, ast.FunctionDef) else ()
                lazy = any(isinstance(part, ast.Yield | ast.YieldFrom) for part in parts)
                if (lazy or isinstance(node, ast.AsyncFunctionDef)) and not node.decorator_list:
                    generators.add(node.name)
            case ast.ClassDef():
                if any(isinstance(part, ast.FunctionDef) and part.name == "__del__" for part in node.body):
                    finals.add(node.name)
                if _holds_generator(node):
                    holding.add(node.name)
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as call):
                calls_by_end.setdefault(called_name(call).rpartition(".")[2], set()).add(name)
    cursors = calls_by_end.get("cursor", set())
    found = Known(
        generators=frozenset(generators),
        connected=frozenset(cursors | calls_by_end.get("connect", set())),
        cursors=frozenset(cursors),
        splitters=frozenset(n for end, names in calls_by_end.items() if end.endswith(SPLITTERS) for n in names),
        finals=frozenset(finals),
        variables=frozenset(calls_by_end.get("ContextVar", ())),
        holding=frozenset(holding),
    )
    return NOTHING if found == NOTHING else found


def _holds_generator(node: ast.ClassDef) -> bool:
    """Tell whether a method sets an attribute to a generator, such as a call of another method makes."""
    methods = [part for part in node.body if isinstance(part, ast.FunctionDef)]
    lazy = {m.name for m in methods if any(isinstance(p, ast.Yield | ast.YieldFrom) for p in inside(m.body))}
    for part in inside([statement for method in methods for statement in method.body]):
        match part:
            case ast.Assign(targets=[ast.Attribute(value=ast.Name())], value=ast.GeneratorExp()):
                return True
            case ast.Assign(
                targets=[ast.Attribute(value=ast.Name())],
                value=ast.Call(func=ast.Attribute(value=ast.Name(), attr=name)),
            ) if name in lazy:
                return True
    return False


SPLITTERS = ("Fold", "LeaveOneOut", "LeavePOut", "Split")


@lru_cache(maxsize=4096)
def _modules(code: str) -> frozenset[tuple[str, str]]:
    """Return what the names stand for that an import binds."""
    found = set()
    for node in ast.parse(code).body:
        if isinstance(node, ast.Import):
            found |= {(a.asname, a.name) for a in node.names if a.asname}
        elif isinstance(node, ast.ImportFrom):
            found |= {(a.asname or a.name, f"{node.module}.{a.name}") for a in node.names}
    return frozenset(found)


def called_name(call: ast.Call) -> str:
    """Return what a call calls, as far as it is a name: `f`, `a.b.f`, or the last part of it."""
    func = call.func
    return func.id if isinstance(func, ast.Name) else calls.dotted(func) or str(getattr(func, "attr", ""))
