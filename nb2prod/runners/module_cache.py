"""Module cache: modules imported ahead and put away, until code imports them and finds them as if they were new.

A fork has in memory what was imported before, and yet `sys.modules` holds only what it has asked for itself: so what it
is seen to use, and what libraries look for there, is as in a fresh process. What an import does to the process besides
(warnings filters, environment variables) is taken back too, and done again when the module is asked for.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import itertools
import os
import sys
import warnings
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ExtensionFileLoader, ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Sequence

_LEFT = sys.stdlib_module_names | {"__mp_main__"}  # they stay: nobody asks whether a process has them


@define
class Trace:
    """What the import of a module did."""

    needs: dict[str, None] = field(factory=dict)  # modules it imported, whether they were there already or not
    filters: list[Any] = field(factory=list)  # warnings filters it put in front
    variables: dict[str, str | None] = field(factory=dict)  # environment variables it set, or deleted (None)


@define
class ModuleCache(MetaPathFinder):
    """Modules put away, by name; a finder of modules."""

    modules: dict[str, ModuleType] = field(factory=dict)  # in the order in which they were imported
    traces: dict[str, Trace] = field(factory=dict)
    # What follows is worked out before a fork, which pays for each page of memory that it looks at.
    roots: set[str] = field(factory=set)  # top-level packages
    ranks: dict[str, int] = field(factory=dict)  # the place of each module in their order
    needs: dict[str, tuple[str, ...]] = field(factory=dict)  # of each module: the others that it brings
    closures: dict[str, tuple[str, ...]] = field(factory=dict)  # all that comes with one, in order, for some
    effects: list[str] = field(factory=list)  # modules whose import does more than to import
    lent: list[str] = field(factory=list)
    taking: bool = False

    @contextmanager
    def filling(self) -> Iterator[Callable[[str], None]]:
        """Give a function that imports `a.b`, whether it is a module or something in one; then put away what came."""
        before, asked = set(sys.modules), dict[str, None]()
        filters, variables = list(warnings.filters), dict(os.environ)

        def load(name: str) -> None:
            self._load(name)
            asked.update(dict.fromkeys(_with_parents(name)))

        with _tracing(self.traces):
            yield load
        _adopt(self.traces, before)
        new = _copied(_new(before))
        self._prepare(new)
        for name in asked.keys() & self.needs.keys():
            self.closures[name] = tuple(sorted(self._closure(name, self.needs), key=self.ranks.__getitem__))
        self._put_away(new)
        warnings.filters[:] = filters  # type: ignore[index]
        warnings._filters_mutated()  # type: ignore[attr-defined]
        _set_variables({name: variables.get(name) for name in {*variables, *os.environ}})

    @contextmanager
    def lending(self) -> Iterator[None]:
        """Let the block import what this process uses itself, and what `collect` puts away when it is for stages."""
        before = set(sys.modules)
        with _tracing(self.traces):
            yield
        _adopt(self.traces, before)
        new = [name for name in _new(before) if name.partition(".")[0] != __package__.partition(".")[0]]
        self.lent = _copied(new)
        self._prepare(self.lent)

    def collect(self) -> None:
        """Put away what was lent."""
        self._put_away([name for name in self.lent if name in sys.modules])
        self.lent = []

    def _prepare(self, names: Sequence[str]) -> None:
        """Work out what there is to know of modules that are going to be put away."""
        known = {name: name for name in (*self.needs, *names)}
        for name in names:
            trace = self.traces.get(name, Trace())
            above = name.rpartition(".")[0]
            self.needs[name] = tuple(known[other] for other in (above, *trace.needs) if other in known)
            self.ranks.setdefault(name, len(self.ranks))
            self.roots.add(name.partition(".")[0])
            if (trace.filters or trace.variables) and name not in self.effects:
                self.effects.append(name)

    def _put_away(self, names: Iterable[str]) -> None:
        # What a top-level package imports comes with whatever is in there, so that it can stay in its place.
        stay = {name for root, all_of_it in self.closures.items() for name in all_of_it if name.startswith(f"{root}.")}
        for name in names:
            module = sys.modules.pop(name)
            parent, _, child = name.rpartition(".")
            above = self.modules.get(parent)
            if above is not None and name not in stay and above.__dict__.get(child) is module:
                del above.__dict__[child]  # the import system sets it again
            self.modules[name] = module
        if self.modules and self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def holds(self, name: str) -> bool:
        """Tell whether a module, or something in one, was put away."""
        parent, _, child = name.rpartition(".")
        above = self.modules.get(parent)
        return name in self.modules or (above is not None and child in vars(above))

    def _load(self, name: str) -> None:
        parent, _, child = name.rpartition(".")
        if self.holds(name):
            return
        if parent:
            self._load(parent)
            if parent not in sys.modules or child in vars(sys.modules[parent]):
                return
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as missing:
            if missing.name not in {name, parent}:
                raise

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module that was put away."""
        module = self.modules.get(fullname)
        if module is None:
            return None
        known = module.__spec__
        spec = ModuleSpec(fullname, _Taker(self, known), origin=known.origin if known else None)
        spec.submodule_search_locations = getattr(module, "__path__", None)
        spec.has_location = bool(known and known.has_location)
        return spec

    def take(self, name: str) -> None:
        """Put a module that is asked for in its place, with all that importing it brings."""
        if self.taking:
            self._place(name)  # the rest of what it brings is there already
            return
        order = self.closures.get(name) or sorted(self._closure(name, self.modules), key=self.ranks.__getitem__)
        new = dict.fromkeys(other for other in order if other in self.modules)
        awaited = _awaited(self)
        self.taking = True
        try:
            for other in new:
                if "." in other:
                    self._place(other)
            if "numpy.random" in new:
                # A fresh process begins anywhere, and no two forks at the same place.
                sys.modules["numpy.random"].seed()
            for other in new:
                if other == name:
                    self._place(other)
                elif "." not in other:
                    # By the import system where others watch for it (see `nb2prod.worker.ambient`).
                    (importlib.import_module if awaited is None or other in awaited else self._place)(other)
        finally:
            self.taking = False
        self._repeat([other for other in self.effects if other in new])

    def _closure(self, name: str, among: Container[str]) -> set[str]:
        found, pending = set(), [name]
        while pending:
            name = pending.pop()
            if name not in found and name in among:
                found.add(name)
                pending.extend(self.needs[name])
        return found

    def _place(self, name: str) -> None:
        module = self.modules.pop(name, None)
        if module is None:
            return  # another thread was faster
        sys.modules[name] = module
        parent, _, child = name.rpartition(".")
        above = self.modules.get(parent) or sys.modules.get(parent)
        if above is not None:
            vars(above).setdefault(child, module)

    def _repeat(self, names: Iterable[str]) -> None:
        """Do again what imports did to the process."""
        for trace in (self.traces[name] for name in names):
            if trace.filters:
                warnings.filters[:0] = trace.filters  # type: ignore[index]
                warnings._filters_mutated()  # type: ignore[attr-defined]
            if trace.variables:
                _set_variables(trace.variables)


@define
class _Taker(Loader):
    """Gives the module that is on the cache."""

    cache: ModuleCache
    known: ModuleSpec | None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self.cache.modules[spec.name]

    def exec_module(self, module: ModuleType) -> None:
        assert module.__spec__ is not None
        name = module.__spec__.name
        module.__spec__ = self.known
        self.cache.take(name)


@contextmanager
def _tracing(traces: dict[str, Trace]) -> Iterator[None]:
    """Note what each module that is imported imports itself, and what else it does."""
    watch = _Watch(traces)
    loading, usual = watch.loading, builtins.__import__

    def noted(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:  # noqa: A002
        found = usual(name, globals, locals, fromlist, level)
        if loading:
            if level:
                package = globals.get("__package__") or globals["__name__"]
                base = package.rsplit(".", level - 1)[0] if level > 1 else package
                name = f"{base}.{name}" if name else base
            needs = loading[-1].needs
            needs[name] = None
            if fromlist:
                for item in fromlist:
                    needs[f"{name}.{item}"] = None
        return found

    sys.meta_path.insert(0, watch)
    builtins.__import__ = noted
    try:
        yield
    finally:
        builtins.__import__ = usual
        sys.meta_path.remove(watch)


class _Watch(MetaPathFinder):
    """Finds modules as the others do, and watches them being loaded."""

    def __init__(self, traces: dict[str, Trace]) -> None:
        self.traces = traces
        self.loading: list[Trace] = []  # the innermost is the last
        self.filters: list[Any] = []
        self.variables: dict[Any, Any] = {}
        self.forget()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        for finder in sys.meta_path:
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    spec.loader = _Noting(self, spec.loader)
                return spec
        return None

    def settle(self) -> None:
        """Note what was done since the last call as done by the module that is being loaded."""
        if not self.loading:
            self.forget()
            return
        trace, filters = self.loading[-1], warnings.filters
        if len(filters) != len(self.filters) or filters[:1] != self.filters[:1]:
            known = {id(item) for item in self.filters}
            trace.filters[:0] = [item for item in filters if id(item) not in known]
            self.filters = list(filters)
        variables = _raw_environment()
        if variables != self.variables:
            changed = {*variables.items()} ^ {*self.variables.items()}
            trace.variables |= {name: os.environ.get(name) for name in (os.fsdecode(key) for key, _ in changed)}
            self.variables = dict(variables)

    def forget(self) -> None:
        """Take what was done since as nobody's."""
        self.filters, self.variables = list(warnings.filters), dict(_raw_environment())


class _Noting(Loader):
    """Loads a module as its own loader does, and notes what that does."""

    def __init__(self, watch: _Watch, loader: Any) -> None:
        self.watch, self.loader = watch, loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        spec.loader = self.loader
        found: ModuleType | None = self.loader.create_module(spec)
        spec.loader = self
        return found

    def exec_module(self, module: ModuleType) -> None:
        spec = module.__spec__
        assert spec is not None
        if isinstance(self.loader, _Taker):
            self.watch.settle()
            self.loader.exec_module(module)
            self.watch.forget()
            return
        spec.loader = module.__loader__ = self.loader
        self.watch.settle()
        trace, loading = self.watch.traces.setdefault(spec.name, Trace()), self.watch.loading
        if loading:
            loading[-1].needs[spec.name] = None
        loading.append(trace)
        try:
            self.loader.exec_module(module)
        finally:
            self.watch.settle()
            loading.pop()
            if isinstance(self.loader, ExtensionFileLoader):
                trace.needs.update(dict.fromkeys(_seen_in(module)))


def _awaited(cache: ModuleCache) -> frozenset[str] | None:
    """Return the modules whose import the finders before the cache watch for, or None when they do not say."""
    ahead = list(itertools.takewhile(lambda finder: finder is not cache, sys.meta_path))
    if not all(hasattr(finder, "awaited") for finder in ahead):
        return None
    return frozenset(name for finder in ahead for name in finder.awaited)  # type: ignore[attr-defined]


def _copied(names: Iterable[str]) -> list[str]:
    """Return the same names as texts that lie side by side in memory, where those of modules are all over the place."""
    return [name.encode().decode() for name in names]


def _with_parents(name: str) -> list[str]:
    return list(itertools.accumulate(name.split("."), "{}.{}".format))


def _new(before: Container[str]) -> list[str]:
    return [name for name in sys.modules if name not in before and name.partition(".")[0] not in _LEFT]


def _adopt(traces: dict[str, Trace], before: set[str]) -> None:
    """Let what was put among the modules by hand belong to the module that was loaded just before it."""
    last: Trace | None = None
    for name in sys.modules:
        if name in before:
            continue
        if name in traces:
            last = traces[name]
        elif last is not None:
            last.needs[name] = None


def _raw_environment() -> dict[Any, Any]:
    """Return the environment as `os.environ` keeps it: to decode all of it after each import takes too long."""
    return getattr(os.environ, "_data", None) or dict(os.environ)


def _seen_in(module: ModuleType) -> Iterator[str]:
    """Yield modules that a compiled module holds: it may have imported them without Python's knowing."""
    for value in list(vars(module).values()):
        name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
        if isinstance(name, str) and name in sys.modules:
            yield name


def _set_variables(wanted: dict[str, str | None]) -> None:
    for name, value in wanted.items():
        if value is None:
            os.environ.pop(name, None)
        elif os.environ.get(name) != value:
            os.environ[name] = value
