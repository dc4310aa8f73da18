"""Draft: what goes where when a notebook's statements become a package."""

from __future__ import annotations

import ast
import builtins
import keyword
import re
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from nb2prod.emit.imports import Imports, imported
from nb2prod.emit.plain import CannotExtract, plain
from nb2prod.emit.source import Statement, names_of, statements
from nb2prod.errors.base import Place
from nb2prod.stage import tag_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nb2prod.dataflow.stage_flow import StageFlow
    from nb2prod.notebook import Cell
    from nb2prod.pipeline import Pipeline
    from nb2prod.stage import Stage

DEFINITION = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
BUILTINS = frozenset(dir(builtins)) | {"__name__", "__file__", "__doc__"}
_HISTORY = re.compile(r"_{1,3}|_i{1,3}|_i?\d+|In|Out|_oh|_ih|_dh")
# Methods of frames and arrays that only return something to look at.
_VIEWS = frozenset(
    (
        *("abs", "corr", "count", "describe", "head", "isna", "isnull", "max", "mean", "median", "min", "nlargest"),
        *("notna", "nsmallest", "nunique", "quantile", "round", "sort_index", "sort_values", "std", "sum", "tail"),
        *("to_frame", "unique", "value_counts", "var"),
    )
)
_FIELDS = frozenset({"T", "classes_", "columns", "dtype", "dtypes", "iloc", "index", "loc", "ndim", "shape", "size"})
_SHOWABLE = (
    *(ast.Name, ast.Attribute, ast.Subscript, ast.Constant, ast.Tuple, ast.List, ast.Slice, ast.Call, ast.keyword),
    *(ast.expr_context, ast.UnaryOp, ast.unaryop, ast.Compare, ast.cmpop),
)
_FIGURES = frozenset({"subplots", "figure", "subplot", "add_subplot", "gca", "gcf", "subplot_mosaic"})


@frozen(kw_only=True)
class Part:
    """One stage as a function: what it takes, does and gives."""

    stage: Stage
    function: str
    takes: tuple[str, ...]  # values of earlier stages
    parameters: tuple[str, ...]
    nested: tuple[Statement, ...]  # functions of earlier stages that read this one's values
    body: tuple[Statement, ...]
    gives: tuple[str, ...]
    unsure: tuple[str, ...]  # given, but set on some paths only
    waits: bool  # uses `await`

    @property
    def uses(self) -> frozenset[str]:
        """Return every name that the function looks up."""
        return frozenset(name for statement in (*self.nested, *self.body) for name in uses(statement))


@frozen(kw_only=True)
class Draft:
    """A notebook taken apart: imports, definitions, parameters, stages."""

    imports: Imports
    defined: Mapping[str, Statement]  # functions, classes and constants that need nothing of the stages
    nested: Mapping[str, Statement]  # functions that read values of the stages when they are called
    parameters: Mapping[str, Statement]
    parts: tuple[Part, ...]
    statements: Mapping[str, tuple[Statement, ...]]  # of each stage, in plain Python, without parameters
    bound: Mapping[str, frozenset[str]]  # every name of the notebook, and what binds it

    @property
    def definitions(self) -> tuple[Statement, ...]:
        """Return the statements of the definitions module, in the notebook's order."""
        return tuple(dict.fromkeys(self.defined.values()))


def uses(statement: Statement) -> frozenset[str]:
    """Return the names that a statement looks up, now or when what it defines is called."""
    flow = statement.flow
    later = (flow.anonymous, *flow.definitions.values())
    return frozenset(flow.loads).union(flow.reads, *(d.reads for d in later), *(d.touches for d in later))


def draft(pipeline: Pipeline) -> Draft:
    """Decide for each statement of a notebook where it goes.

    Raises:
        CannotExtract: A cell does something that a module cannot do.
    """
    sheet = _Sheet(pipeline)
    parts = _joined(tuple(_part(sheet, flow) for flow in pipeline.flows), pipeline)
    return Draft(
        imports=sheet.imports,
        defined=sheet.defined,
        nested=sheet.nested,
        parameters=sheet.parameters,
        parts=tuple(p for p in parts if p.body or p.stage.role != "setup"),
        statements={name: tuple(found) for name, found in sheet.all.items()},
        bound={name: frozenset(origins) for name, origins in sheet.bound.items()},
    )


def is_parameters(cell: Cell) -> bool:
    """Tell whether a cell declares parameters, or is the one that papermill wrote below it."""
    tag = tag_of(cell)
    return "parameters" in cell.tags or (tag is not None and tag.role == "parameters")


class _Sheet:
    """The statements of a notebook, sorted into imports, parameters, definitions and the rest."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.imports = Imports()
        self.parameters: dict[str, Statement] = {}
        self.all = {flow.stage.name: list(self._statements(flow)) for flow in pipeline.flows}
        self.bound = self._bound()
        everything = [s for found in self.all.values() for s in found]
        self.imports.read = {name for s in everything for name in uses(s)}
        if "display" in self.imports.read and "display" not in self.bound:
            self.imports.members["display"] = ("IPython.display", "display")
        for statement in everything:
            if self.movable_import(statement):
                self.imports.add(statement)
        self.defined = self._fixpoint(self._candidates())
        self.nested = self._nested()

    def _statements(self, flow: StageFlow) -> Iterator[Statement]:
        for item in flow.cells:
            text = plain(item.cell, flow.stage.name)
            for statement in statements(item.cell, text.source):
                _refuse(statement, flow.stage)
                name = _assigned(statement.node) if is_parameters(item.cell) else None
                if name is None:
                    yield statement
                else:
                    self.parameters[name] = statement
            for module in text.imports:
                self.imports.modules[module] = {f"import {module}": None}

    def _bound(self) -> dict[str, set[str]]:
        """Return for each name what binds it; more than one entry means that it is bound anew."""
        found: dict[str, set[str]] = {name: {"parameter"} for name in self.parameters}
        for position, statement in enumerate(s for listed in self.all.values() for s in listed):
            flow = statement.flow
            origins = _origins(statement)
            for name in (
                *flow.binds,
                *imported(statement),
                *flow.deletes,
                *(n for d in flow.definitions.values() for n in d.binds),
            ):
                found.setdefault(name, set()).add(origins.get(name, str(position)))
            for deferred in (flow.anonymous, *flow.definitions.values()):
                for name in deferred.binds:
                    found.setdefault(name, set()).add(f"{position} when called")
        return found

    def once(self, names: set[str]) -> bool:
        return all(len(self.bound[name]) == 1 for name in names)

    def movable_import(self, statement: Statement) -> bool:
        return is_import(statement) and self.once(set(imported(statement)))

    def leaves_stage(self, statement: Statement) -> bool:
        """Tell whether a statement has no place in a stage's function: moved elsewhere, or there for its output."""
        moved = self.movable_import(statement) or bool(set(statement.flow.binds) & set(self.defined))
        return moved or only_shows(statement.node)

    def _candidates(self) -> dict[str, Statement]:
        """Return definitions and constants that could stand in a module of their own."""
        changed = {n for f in self.pipeline.flows for n, use in f.leaves.items() if use.how == "changed in place"}
        called = {n for found in self.all.values() for s in found for d in s.flow.definitions.values() for n in d.reads}
        found: dict[str, Statement] = {}
        for flow in self.pipeline.flows:
            for statement in self.all[flow.stage.name]:
                names = set(statement.flow.binds)
                name = defined_name(statement.node)
                if name is not None and self.once(names):
                    found[name] = statement
                setup = flow.stage.role == "setup"
                if isinstance(statement.node, ast.Assign) and self.once(names) and not names & changed:
                    literal = _literal(statement.node.value)
                    named = all(name.isupper() for name in names)
                    if (setup and (literal or named)) or (literal and names & called):
                        found.update(dict.fromkeys(names_of(statement.node.targets), statement))
        return found

    def _fixpoint(self, found: dict[str, Statement]) -> dict[str, Statement]:
        """Leave out what reads names that only stages have."""
        while True:
            lost = [name for name, s in found.items() if not self._alone(s, found)]
            if not lost:
                return found
            found = {name: s for name, s in found.items() if name not in lost}

    def _alone(self, statement: Statement, found: Mapping[str, Statement]) -> bool:
        binds = {n for d in statement.flow.definitions.values() for n in d.binds}
        return not binds and all(self.anywhere(name, found) for name in uses(statement) - set(statement.flow.binds))

    def anywhere(self, name: str, found: Mapping[str, Statement]) -> bool:
        """Tell whether a name means the same outside the stages."""
        return name in self.imports or name in found or name not in self.bound

    def _nested(self) -> dict[str, Statement]:
        """Return functions that only need values of the stages when they are called."""
        found: dict[str, Statement] = {}
        for listed in self.all.values():
            for statement in listed:
                name = None if isinstance(statement.node, ast.ClassDef) else defined_name(statement.node)
                if name is not None and name not in self.defined and self.once({name}):
                    known = {**self.defined, **found}
                    if all(self.anywhere(other, known) for other in statement.flow.reads):
                        found[name] = statement
        return found


def _part(sheet: _Sheet, flow: StageFlow) -> Part:
    stage, moved = flow.stage, {*sheet.defined, *sheet.imports.names()}
    rest = [s for s in sheet.all[stage.name] if not sheet.leaves_stage(s)]
    used = {name for s in rest for name in uses(s) - set(s.flow.definitions)}
    nested = called(sheet.nested, used)
    body = tuple(s for s in rest if not set(s.flow.binds) & (set(sheet.nested) - set(nested)))
    here = {name for s in body for name in s.flow.binds}
    gives = _gives(sheet, stage, body)
    definite = {name for s in body for name in s.flow.definite}
    above = {name for other in sheet.pipeline.flows[: sheet.pipeline.flows.index(flow)] for name in other.leaves}
    late = {n for name in nested for n in uses(sheet.nested[name])}
    # What is set on some paths only keeps the value that it had above.
    reads = (stage.reads | ((late | (gives - definite)) & above)) - moved - set(sheet.nested)
    parameters = {n for n in sheet.parameters if n in reads or _first_read(body, n) or n in gives - definite}
    reads -= set(sheet.parameters)
    order = _order(sheet.pipeline)
    return Part(
        stage=stage,
        function=_function_name(stage.name, moved | set(sheet.nested) | (used & BUILTINS)),
        takes=tuple(sorted(reads, key=order.__getitem__)),
        parameters=tuple(n for n in sheet.parameters if n in parameters),
        nested=tuple(sheet.nested[n] for n in nested if n not in here),
        body=body,
        gives=tuple(sorted(gives, key=order.__getitem__)),
        unsure=tuple(sorted(gives - definite - reads - parameters, key=order.__getitem__)),
        waits=any(_awaits(s.node) for s in body),
    )


def _gives(sheet: _Sheet, stage: Stage, body: tuple[Statement, ...]) -> set[str]:
    """Return what later stages need of a stage; where none needs anything, what it made on purpose."""
    fixed = {*sheet.defined, *sheet.imports.names(), *sheet.nested}
    changed = {name for s in body for name in (*s.flow.binds, *s.flow.touches)}
    gives = {n for n in stage.writes if n in sheet.bound and (n not in sheet.parameters or n in changed)} - fixed
    return gives or (set(_results(body, stage)) - fixed if stage.role != "setup" else set())


def _joined(parts: tuple[Part, ...], pipeline: Pipeline) -> tuple[Part, ...]:
    """Let stages also give what functions that later stages call look up."""
    found = []
    for position, (part, flow) in enumerate(zip(parts, pipeline.flows, strict=True)):
        later = {name for other in parts[position + 1 :] for name in other.takes}
        here = {name for s in part.body for name in (*s.flow.binds, *s.flow.touches)}
        more = tuple(name for name in flow.leaves if name in later & here and name not in part.gives)
        found.append(evolve(part, gives=(*part.gives, *more)))
    return tuple(found)


def _first_read(body: tuple[Statement, ...], name: str) -> bool:
    """Tell whether a parameter is read before the body itself sets it."""
    for statement in body:
        if name in uses(statement):
            return True
        if name in statement.flow.definite:
            return False
    return False


def called(nested: Mapping[str, Statement], used: set[str]) -> list[str]:
    """Return the nested functions that `used` names need, in the notebook's order."""
    found: set[str] = set()
    pending = [name for name in used if name in nested]
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending.extend(other for other in uses(nested[name]) if other in nested)
    return [name for name in nested if name in found]


def _order(pipeline: Pipeline) -> dict[str, int]:
    names = dict.fromkeys(name for flow in pipeline.flows for name in (*flow.leaves, *flow.reads))
    return {name: position for position, name in enumerate(names)}


def _results(body: tuple[Statement, ...], stage: Stage) -> Iterator[str]:
    """Yield what a stage that nothing reads from leaves on purpose: its plain assignments, but no figures."""
    for statement in body:
        node = statement.node
        if isinstance(node, ast.Assign) and not (
            isinstance(node.value, ast.Call) and _last_name(node.value.func) in _FIGURES
        ):
            yield from (name for name in names_of(node.targets) if not name.startswith("_") and name not in stage.reads)


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _function_name(name: str, others: set[str]) -> str:
    return f"{name}_stage" if name in others or keyword.iskeyword(name) else name


def defined_name(node: ast.stmt) -> str | None:
    """Return the name of a function or class that a statement defines, a lambda with a name included."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return name
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Lambda()):
            return name
    return None


def is_import(statement: Statement) -> bool:
    """Tell whether a statement only imports, a `try:` around imports included."""
    node = statement.node
    return isinstance(node, ast.Import | ast.ImportFrom) or (isinstance(node, ast.Try) and bool(statement.flow.imports))


def only_shows(node: ast.stmt) -> bool:
    """Tell whether a statement is there for its output alone: a name, `rows.shape`, `rows.head()`."""
    if not isinstance(node, ast.Expr):
        return False
    parts = list(ast.walk(node.value))
    calls = [part for part in parts if isinstance(part, ast.Call)]
    pure = all(isinstance(call.func, ast.Attribute) and call.func.attr in _VIEWS for call in calls)
    seen = {part.attr for part in parts if isinstance(part, ast.Attribute)}
    return pure and seen <= _VIEWS | _FIELDS and all(isinstance(part, _SHOWABLE) for part in parts)


def _origins(statement: Statement) -> dict[str, str]:
    """Return for the names of an import what they are, so that importing twice counts once."""
    match statement.node:
        case ast.Import(names=aliases):
            return {
                a.asname or a.name.split(".")[0]: f"import {a.name if a.asname else a.name.split('.')[0]}"
                for a in aliases
            }
        case ast.ImportFrom(names=aliases, module=module, level=level):
            return {a.asname or a.name: f"from {'.' * level}{module or ''} import {a.name}" for a in aliases}
        case ast.Try():
            return dict.fromkeys(imported(statement), statement.text)
    return {}


def _assigned(node: ast.stmt) -> str | None:
    match node:
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr()):
            return name
    return None


def _literal(node: ast.expr) -> bool:
    """Tell whether an expression is a constant that cannot change."""
    allowed = (ast.Constant, ast.Tuple, ast.UnaryOp, ast.BinOp, ast.unaryop, ast.operator, ast.expr_context)
    return all(isinstance(part, allowed) for part in ast.walk(node))


def _awaits(node: ast.AST) -> bool:
    if isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith) or (
        isinstance(node, ast.comprehension) and node.is_async
    ):
        return True
    inner = (child for child in ast.iter_child_nodes(node) if not isinstance(child, (*DEFINITION, ast.Lambda)))
    return any(_awaits(child) for child in inner)


def _refuse(statement: Statement, stage: Stage) -> None:
    """Stop at what only a notebook can do."""
    place = Place(cell=statement.cell.index, cell_id=statement.cell.id, line=None, stage=stage.name)
    for name in sorted(uses(statement)):
        if _HISTORY.fullmatch(name) and name in statement.flow.reads:
            said = f"Out[{name[1:]}]" if name[1:].isdigit() else name
            cure = "Give the value a name where it is made."
            raise CannotExtract(place, f"`{said}`, IPython's memory of outputs,", cure)
        if name == "get_ipython":
            raise CannotExtract(place, "`get_ipython()`", "Say it in Python, or tag the cell 'skip'.")
    for node in ast.walk(statement.node):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"exec", "globals"}:
            cure = "Write the assignments out, or keep the values in a dict."
            raise CannotExtract(place, f"`{node.func.id}()`, which reaches into the notebook's names,", cure)
