"""Lift: a notebook's model and the code it needs, brought out of `__main__` into a module of their own."""

from __future__ import annotations

import ast
import hashlib
import io
import sys
import types
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import cloudpickle
from attrs import define, field, frozen

from nb2prod.bundle import pins
from nb2prod.candidates.libraries import compiled, formula_of, library_of
from nb2prod.dataflow.calls import FORMULA
from nb2prod.emit.imports import Imports
from nb2prod.emit.plain import CannotExtract, plain
from nb2prod.emit.source import Statement, names_of, statements
from nb2prod.errors.models import ModelNotPickled
from nb2prod.formats import scripts, sessions
from nb2prod.pipeline import Pipeline

MAIN = "__main__"
LITERALS = (int, float, complex, str, bytes, bool, type(None), tuple, list, dict, set)
# A file's name must not end the docstring that mentions it.
PROSE = str.maketrans({'"': "'", "\\": "/"})
LONG = 1000  # characters: a longer literal is kept as a value, not as source


@frozen(kw_only=True)
class Lifted:
    """A model as bytes, and the module its pickle refers to."""

    model: bytes
    source: str = ""  # of the module; empty when the model needs none
    values: bytes = b""  # what its functions look up and code cannot say, pickled
    modules: frozenset[str] = frozenset()  # what all of it imports
    file: str = "model.pkl"  # that the model is kept in
    trusted: tuple[str, ...] = ()  # types that a safe file names, and that are known to do no harm

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the model's bytes."""
        return hashlib.sha256(self.model).hexdigest()


class Packable(Protocol):
    """What shall be packed: a model, or a function in its place."""

    @property
    def name(self) -> str:
        """Return the notebook's name of it."""

    @property
    def cell(self) -> int:
        """Return the cell that makes it."""

    @property
    def model(self) -> Any:
        """Return it."""


def lift(candidate: Packable, namespace: Mapping[str, Any], pipeline: Pipeline, *, module: str) -> Lifted:
    """Pickle the model of a notebook against a module of the notebook's own code.

    Args:
        candidate: The model.
        namespace: The notebook's names at its end.
        pipeline: Where the source of its functions and classes is.
        module: The name that the module shall have.

    Raises:
        ModelNotPickled: It holds what cannot leave this process.
    """
    if library_of(candidate.model) == "onnx":
        return Lifted(model=sessions.graph(candidate.model), modules=frozenset({"onnxruntime"}), file="model.onnx")
    if compiled(candidate.model):
        return Lifted(model=scripts.archive(candidate.model), modules=frozenset({"torch"}), file="model.pt")
    code = Code.of(pipeline)
    with living(namespace, module, {*code.definitions, *code.assigned}) as home:
        model = _pickled(candidate, candidate.model, home)
        roots = _own(model, module) | code.known(FORMULA.findall(formula_of(candidate.model)))
        while True:
            chosen = code.choose(roots, namespace)
            values = _pickled(candidate, {n: namespace[n] for n in chosen.values}, home) if chosen.values else b""
            if _own(values, module) <= roots:
                break
            roots |= _own(values, module)
    source = code.write(chosen, pipeline.notebook.name, hashlib.sha256(values).hexdigest() if values else "")
    used = {m for data in (model, values) for m, _ in pins.referred(data)} | set(pins.imported(source))
    if "cloudpickle.cloudpickle" in used:
        used |= {m for m in code.roots if m in pins.texts(model) | pins.texts(values)}
    stray = sorted(name for m, name in pins.referred(model) | pins.referred(values) if m == MAIN)
    if stray:
        raise ModelNotPickled(candidate.name, candidate.cell, f"'{stray[0]}' exists in the notebook's process only")
    return Lifted(model=model, source=source, values=values, modules=frozenset(used - {module, "builtins"}))


@define
class Home:
    """The module that the notebook's functions and classes are moved to, if it has source for them."""

    module: types.ModuleType
    known: frozenset[str]

    def take(self, name: str, value: Any) -> None:
        """Move a function or class of `__main__`, and the classes inside it."""
        if name not in self.known or getattr(value, "__module__", None) != MAIN or not hasattr(value, "__qualname__"):
            return
        setattr(self.module, name, value)
        value.__module__ = self.module.__name__
        if value.__qualname__ == "<lambda>":
            value.__name__ = value.__qualname__ = name
        for inner in vars(value).values() if isinstance(value, type) else ():
            if isinstance(inner, type) and inner.__module__ == MAIN:
                inner.__module__ = self.module.__name__


@contextmanager
def living(namespace: Mapping[str, Any], module: str, known: Iterable[str]) -> Iterator[Home]:
    """Let the notebook's functions and classes live in `module`, as they will when the service runs."""
    home = Home(types.ModuleType(module), frozenset(known))
    for name, value in namespace.items():
        if callable(value):
            home.take(name, value)
    sys.modules[module] = home.module
    try:
        yield home
    finally:
        del sys.modules[module]


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Moves what it meets, too: a class may have no name at the notebook's end but its objects live on."""

    def __init__(self, file: io.BytesIO, home: Home) -> None:
        super().__init__(file, protocol=5)
        self.home = home

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, type | types.FunctionType):
            self.home.take(obj.__qualname__, obj)
        return super().reducer_override(obj)


def _pickled(candidate: Packable, value: Any, home: Home) -> bytes:
    buffer = io.BytesIO()
    try:
        _Pickler(buffer, home).dump(value)
    except Exception as wrong:  # user classes may raise anything while they are pickled
        raise ModelNotPickled(candidate.name, candidate.cell, f"{type(wrong).__name__}: {wrong}") from wrong
    return buffer.getvalue()


def _own(data: bytes, module: str) -> frozenset[str]:
    return frozenset(name.partition(".")[0] for m, name in pins.referred(data) if m == module)


@frozen(kw_only=True)
class Chosen:
    """The part of a notebook's code that some of its names need."""

    parts: tuple[Statement, ...]
    imports: frozenset[str]
    literals: Mapping[str, Any]
    values: tuple[str, ...]


@define
class Code:
    """A notebook's definitions by name, the last one of each."""

    imports: Imports = field(factory=Imports)
    definitions: dict[str, Statement] = field(factory=dict)
    assigned: dict[str, Statement] = field(factory=dict)
    roots: set[str] = field(factory=set)  # top-level modules that any cell imports

    @classmethod
    def of(cls, pipeline: Pipeline) -> Code:
        """Read the cells of a pipeline; what only IPython understands defines nothing."""
        code = cls()
        for stage in pipeline.stages:
            for cell in stage.code_cells:
                try:
                    parts = statements(cell, plain(cell, stage.name).source)
                except CannotExtract:
                    continue
                for part in parts:
                    code._add(part)
        return code

    def _add(self, part: Statement) -> None:
        if part.flow.imports:
            self.imports.add(part)
            self.roots.update(i.root for i in part.flow.imports)
        match part.node:
            case ast.Assign(targets=targets):
                self.assigned.update((name, part) for name in names_of(targets))
            case ast.AnnAssign(target=ast.Name(id=name)):
                self.assigned[name] = part
        self.definitions.update((name, part) for name in part.flow.definitions)

    def known(self, names: Iterable[str]) -> frozenset[str]:
        """Return the names that the notebook defines or imports."""
        return frozenset(n for n in names if n in self.definitions or n in self.assigned or n in self.imports)

    def choose(self, names: Iterable[str], namespace: Mapping[str, Any]) -> Chosen:
        """Choose what `names` need, transitively; values are those at the notebook's end."""
        parts: dict[int, Statement] = {}
        imports: set[str] = set()
        literals: dict[str, Any] = {}
        values: list[str] = []
        seen: set[str] = set()
        pending = sorted(names)
        while pending:
            name = pending.pop()
            if name in seen:
                continue
            seen.add(name)
            part = self._source(name, namespace)
            if part is not None:
                parts[id(part)] = part
                pending.extend(sorted(_reads(part)))
            elif name in self.imports:
                imports.add(name)
            elif name in namespace and _literal(namespace[name]):
                literals[name] = namespace[name]
            elif name in namespace and not name.startswith("__"):
                values.append(name)
        ordered = sorted(parts.values(), key=lambda p: (p.cell.index, p.node.lineno, p.node.col_offset))
        return Chosen(parts=tuple(ordered), imports=frozenset(imports), literals=literals, values=tuple(sorted(values)))

    def _source(self, name: str, namespace: Mapping[str, Any]) -> Statement | None:
        """Return the statement that defines a name, if its value is a definition still."""
        value = namespace.get(name)
        definition = self.definitions.get(name)
        if definition is not None and (callable(value) or name not in namespace):
            return definition
        made = callable(value) and isinstance(value, type | types.FunctionType)
        return self.assigned.get(name) if made and name not in self.imports else None

    def write(self, chosen: Chosen, notebook: str, digest: str) -> str:
        """Write what was chosen as a module."""
        if not (chosen.parts or chosen.values or chosen.literals or chosen.imports):
            return ""
        early = next((n for n, p in enumerate(chosen.parts) if digest and set(p.flow.reads) & set(chosen.values)), None)
        cut = len(chosen.parts) if early is None else early
        head = f'"""The code of {notebook.translate(PROSE)} that its model needs, as the notebook has it."""'
        blocks = [
            f"{head}\n\n{self.imports.lines(chosen.imports)}".rstrip(),
            "\n".join(f"{name} = {value!r}" for name, value in chosen.literals.items()),
            *(part.text for part in chosen.parts[:cut]),
            _loading(digest) if digest else "",
            *(part.text for part in chosen.parts[cut:]),
        ]
        return "\n\n\n".join(block for block in blocks if block) + "\n"


def _reads(part: Statement) -> set[str]:
    flow = part.flow
    deferred = (flow.anonymous, *flow.definitions.values())
    return set(flow.reads).union(*(d.reads for d in deferred), *(d.touches for d in deferred))


def _literal(value: Any) -> bool:
    text = repr(value) if isinstance(value, LITERALS) else ""
    try:
        return 0 < len(text) <= LONG and type(ast.literal_eval(text)) is type(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return False


def _loading(digest: str) -> str:
    return f'''def _values():
    """Load what the code here looks up and source cannot say, if it is the file that was released."""
    import hashlib
    import pickle
    from pathlib import Path

    data = Path(__file__).with_name("values.pkl").read_bytes()
    if hashlib.sha256(data).hexdigest() != "{digest}":
        raise RuntimeError("values.pkl is not the file that was released")
    return pickle.loads(data)


globals().update(_values())'''
