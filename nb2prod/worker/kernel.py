"""Kernel: what runs beside the user's code in a stage's process.

`enter` makes the namespace what it would be here if the notebook had been run straight through; `leave` keeps what the
stages below need. The job is a JSON file that the runner writes; the result is another beside it.
"""

from __future__ import annotations

import functools
import json
import random
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import asdict, astuple, define, field

from nb2prod.artifact import Artifact, Recipe
from nb2prod.dataflow import HISTORY
from nb2prod.errors.base import StoreError
from nb2prod.formats.handles import begun, unbegun
from nb2prod.formats.reducers import Unkeepable
from nb2prod.stores import open_store
from nb2prod.worker import ambient, arrival, handover, quoting, recall, registries, witness
from nb2prod.worker.registries import Registries
from nb2prod.worker.sharing import groups, holders, refers_weakly

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nb2prod.stores.base import Store
    from nb2prod.worker.witness import Witness


@define(kw_only=True)
class Job:
    """What a stage's process is told: JSON on its way there."""

    store: str
    result: str  # path of the JSON file that `leave` writes
    count: int = 0  # execution count of the last cell above, as if run straight through
    imports: list[str] = field(factory=list)  # code to run first
    futures: list[str] = field(factory=list)  # `from __future__ import …` above: IPython compiles what follows so
    everywhere: list[str] = field(factory=list)  # cells tagged as setup
    inputs: list[str] = field(factory=list)  # digests of artifacts to load
    first: list[str] = field(factory=list)  # those among them that the setup cells need
    stale: dict[str, list[str]] = field(factory=dict)  # digest → names in it that were set anew or deleted since
    late: list[str] = field(factory=list)  # code to run when they are loaded
    results: list[str] = field(factory=list)  # those names among the inputs that hold results of cells above
    above: list[str] = field(factory=list)  # sources of the cells above
    inputs_read: bool = False  # the code looks at what was typed there
    ambient: str | None = None  # digest of the state of the process
    seed: str = ""  # of Python's generator, where nothing above has seeded it; empty leaves it to chance
    keep: list[str] = field(factory=list)  # names that stages below may need
    unseen: bool = False  # it may set names that nobody can tell, and stages below may read them
    imported: list[str] = field(factory=list)  # names that are imported again instead
    definitions: dict[str, str] = field(factory=dict)  # source of names that can be made again from it
    held: str = ""  # the store of the values that `compare` is told of


@define(kw_only=True)
class _Entered:
    """A job begun: what was there before the user's code ran."""

    job: Job
    state: ambient.State
    names: frozenset[str]
    space: frozenset[str]  # names that were there
    given: dict[str, Any]  # what IPython put into the namespace
    witness: Witness
    setup: dict[str, str | None]  # content hash of what setup made again; it is kept only if the stage changes it
    seen: dict[str, Any]  # what the names of IPython's history held
    held: Registries
    loaded: frozenset[str]  # names of the inputs
    pending: list[_Pair] = field(factory=list)  # what `compare` found to be other bytes


@define(kw_only=True)
class _Pair:
    """Values of some names here, and the values another run had in their place."""

    stage: str
    names: tuple[str, ...]
    here: str  # digest
    there: str


_entered: dict[str, _Entered] = {}


def inside() -> bool:
    """Tell whether this is the process of a stage that is running."""
    return bool(_entered)


_GIVEN = ("get_ipython", "exit", "quit", "open", "display")


class StoreRefused(Exception):
    """A `StoreError` on its way out of a stage's process: its name and fields as JSON."""


def refusal(name: str, value: str) -> StoreError | None:
    """Return the error of the store that `enter` or `leave` raised, given the name and text of what they raised."""
    if name != StoreRefused.__name__:
        return None
    kind, *fields = json.loads(value)
    return next(known for known in StoreError.__subclasses__() if known.__name__ == kind)(*fields)


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except StoreError as wrong:
        raise StoreRefused(json.dumps([type(wrong).__name__, *astuple(wrong)])) from wrong


@_refusals()
def enter(shell: Any, path: str) -> None:
    """Prepare the namespace of `shell` (an IPython shell) for the job in the file `path`."""
    job = Job(**json.loads(Path(path).read_text(encoding="utf-8")))
    store = open_store(job.store)
    space = shell.user_ns
    registries.mute(shell, path)
    given = {name: space.get(name) for name in _GIVEN}
    watching = witness.begin(*store.folders)
    if job.seed:
        # Libraries draw from it while they are imported, which would make every run another one.
        random.seed(job.seed)
    from IPython.utils.capture import capture_output

    with capture_output():
        start = ambient.watch()
        held = Registries(digest=functools.partial(_print, space), installed=witness.installed)
        held.watch()
        state = handover.load(store, job.ambient, space) if job.ambient is not None else {}
        ambient.restore(state, parts=ambient.FOR_IMPORTS)
        missing = [code for code in job.imports if not _imports(code, space)]
        loaded = arrival.load_digests(store, {digest: job.stale.get(digest, ()) for digest in job.first}, space)
        for code in (*job.futures, *job.everywhere):
            shell.run_cell(code, store_history=False, silent=True).raise_error()
        ambient.restore(state)
        for code in missing:  # the module is where the notebook has gone to
            exec(compile(code, "<imports above>", "exec"), space)  # noqa: S102 - the notebook's own imports
    # Not captured: what holds on to `sys.stdout` shall have the stage's.
    rest = [digest for digest in job.inputs if digest not in job.first]
    loaded |= arrival.load_digests(store, {digest: job.stale.get(digest, ()) for digest in rest}, space)
    held.renew()
    with capture_output():
        ambient.show_figures()
        for code in job.late:
            exec(compile(code, "<definitions above>", "exec"), space)  # noqa: S102 - likewise
    here = [name for name in job.keep if name in space]
    setup = {name: _digest(space, name) for name in here} if job.everywhere or job.late else {}
    quoting.locate(shell, job.above)
    if job.inputs_read:
        recall.sources(shell, job.above)
    recall.results(shell, job.results)
    shell.execution_count = job.count + 1
    _entered[path] = _Entered(
        job=job,
        state=start,
        names=frozenset(here),
        space=frozenset(space),
        given=given,
        witness=watching,
        setup=setup,
        seen=recall.seen(space),
        held=held,
        loaded=frozenset(loaded),
    )


def _imports(code: str, space: dict[str, Any]) -> bool:
    """Run an import; False when there is no such module yet."""
    try:
        exec(compile(code, "<imports above>", "exec"), space)  # noqa: S102 - the notebook's own imports
    except ModuleNotFoundError:
        return False
    return True


@_refusals()
def leave(shell: Any, path: str) -> None:
    """Keep what the job says and write its result."""
    entered = _entered.pop(path)
    job, space = entered.job, shell.user_ns
    keeper = _Keeper(job=job, store=open_store(job.store), space=space, given=entered.given)
    read, wrote = entered.witness.files()
    unchanged = {name for name, digest in entered.setup.items() if name in space and digest == _digest(space, name)}
    # A result that was not given is another stage's, unless a cell here has shown one.
    idle = {name for name, value in entered.seen.items() if name not in job.results and space.get(name) is value}
    held = {*entered.held.changed(), *(name for name in entered.loaded if ":" in name or "." in name)}
    unseen = {name for name in space.keys() - entered.space if name[:1] != "_"} if job.unseen else set()
    keeper.keep(({name for name in job.keep if name in space or "." in name} - unchanged - idle) | held | unseen)
    result = {
        "artifacts": [asdict(artifact) for artifact in keeper.artifacts],
        "recipes": [asdict(recipe) for recipe in keeper.recipes],
        "faults": keeper.faults,
        "gone": sorted((entered.names | {n for n in entered.loaded if n.isidentifier()}) - set(space)),
        "read": read,
        "wrote": wrote,
        "sources": entered.witness.sources(),
        "packages": entered.witness.packages(),
        "ambient": keeper.state(ambient.changed(entered.state, ambient.capture())),
        "differences": [found for pair in entered.pending for found in _differences(pair, keeper, job.held)],
    }
    temporary = Path(job.result + ".tmp")
    temporary.write_text(json.dumps(result), encoding="utf-8")
    temporary.replace(job.result)


@_refusals()
def compare(shell: Any, path: str, stage: str, held: dict[str, list[str]]) -> None:
    """Compare the values here with those that a stage was given in another run: digest → names.

    Only their bytes are looked at now; values are made of those that differ when the notebook is done, so that the rest
    of it runs as if nobody had looked.
    """
    entered, space = _entered[path], shell.user_ns
    store = open_store(entered.job.store)
    for there, names in held.items():
        try:
            values = {name: space[name] for name in names if name in space}
            here = handover.digest(values, space)
        except Unkeepable:
            continue  # it was kept there, so it is the same kind of thing: there is no way to look closer
        if here != there:
            # Pickling changes some values, such as matplotlib's figures, so what is kept may have another hash by now.
            kept = handover.keep(store, values, space).digest
            entered.pending.append(_Pair(stage=stage, names=tuple(names), here=kept, there=there))


def _differences(pair: _Pair, keeper: _Keeper, held: str) -> list[dict[str, str]]:
    from nb2prod.compare.values import contrast  # on use: most runs are held against nothing

    space = dict(keeper.space)  # for what unpickling looks up; nothing is put into the notebook's own
    mine = handover.load(keeper.store, pair.here, space)
    theirs = handover.load(open_store(held), pair.there, space)
    found = []
    for name in pair.names:
        if name in mine and name in theirs:
            said = contrast(mine[name], theirs[name], name)
        else:
            said = f"{name}: only {'straight' if name in mine else 'staged'}"
        if said is not None:
            found.append({"stage": pair.stage, "name": name, "message": said, "digest": pair.here})
    return found


@define(kw_only=True)
class _Keeper:
    """Puts what a stage leaves into the store."""

    job: Job
    store: Store
    space: dict[str, Any]
    given: dict[str, Any]
    artifacts: list[Artifact] = field(factory=list)
    recipes: list[Recipe] = field(factory=list)
    faults: list[dict[str, str]] = field(factory=list)

    def keep(self, names: set[str]) -> None:
        """Keep names, and then what kept functions look up when they are called."""
        done: set[str] = set()
        pending = {name for name in names if not self._system(name) and not self._imported(name)}
        while pending:
            done |= pending
            anew = {name for name in pending if name in self.job.definitions and unbegun(self._value(name))}
            self._remake(tuple(sorted(anew)), "")
            if any(refers_weakly(self._value(name)) for name in pending - anew):
                own = {n for n in self.space if n[:1] != "_" and not self._system(n)}
                pending |= holders({n: self._value(n) for n in own | (pending - anew)}, pending - anew) - done
            # As in the namespace, so that classes are made in that order again.
            order = {name: place for place, name in enumerate(self.space)}
            ordered = sorted(pending - anew, key=lambda name: (order.get(name, len(order)), name))
            for group in groups({name: self._value(name) for name in ordered}):
                self._group(group)
            needs = {name for artifact in self.artifacts for name in artifact.needs}
            pending = {n for n in needs - done if n in self.space and not self._system(n) and not self._imported(n)}

    def _group(self, group: tuple[str, ...]) -> None:
        try:
            kept = handover.keep(self.store, {name: self._value(name) for name in group}, self.space)
        except Unkeepable as wrong:
            self._remake(group, str(wrong))
            return
        kinds = tuple(_kind(self._value(name)) for name in group)
        modules = {name.partition(".")[0] for name in group if "." in name and ":" not in name}
        needs = tuple(sorted({*kept.needs, *modules} - set(group)))
        self.artifacts.append(
            Artifact(names=group, digest=kept.digest, bytes=kept.bytes, buffers=kept.buffers, kinds=kinds, needs=needs)
        )

    def _remake(self, group: tuple[str, ...], reason: str) -> None:
        """What cannot be stored is made again below, if its source says how; else there is no way."""
        again = [name for name in group if name in self.job.definitions and not begun(self._value(name))]
        rest = tuple(name for name in group if name not in again)
        self.recipes.extend(Recipe(name=name, code=self.job.definitions[name], late=True) for name in again)
        if again and rest:
            self._group(rest)  # which may be kept without them
        else:
            kinds = {name: _kind(self._value(name)) for name in rest}
            self.faults.extend({"name": name, "kind": kind, "reason": reason} for name, kind in kinds.items())

    def _value(self, name: str) -> Any:
        """Return a value by name, by `module.name` when an attribute was set, or by `module:name` from a registry."""
        if ":" in name:
            return registries.value(name)
        head, *attributes = name.split(".")
        return functools.reduce(getattr, attributes, self.space[head])

    def _imported(self, name: str) -> bool:
        return name in self.job.imported

    def _system(self, name: str) -> bool:
        """True for what IPython and Python put into every namespace, unless the notebook has put another there."""
        if HISTORY.fullmatch(name):
            return name not in self.job.keep
        return name in self.given and self.space.get(name) is self.given[name]

    def state(self, changes: ambient.State) -> str | None:
        """Keep the state of the process, if it changed; returns its digest."""
        if not changes:
            return None
        return handover.keep(self.store, changes, self.space).digest


def _print(space: dict[str, Any], value: Any) -> str:
    """Return a hash of a value, or how it shows itself when it cannot be stored."""
    if _shows_itself(value):
        return repr(value)  # as most do
    try:
        return handover.digest({"": value}, space)
    except Unkeepable:
        return repr(value)


def _shows_itself(value: Any) -> bool:
    kind = type(value)
    if kind in {list, tuple}:
        return all(map(_shows_itself, value))
    return kind in {int, bool, str} or (kind is dict and not value)


def _digest(space: dict[str, Any], name: str) -> str | None:
    """Return the content hash of a value as it is now, or None when it cannot be stored."""
    try:
        return handover.digest({name: space[name]}, space)
    except Unkeepable:
        return None


def _kind(value: Any) -> str:
    cls = type(value)
    return cls.__qualname__ if cls.__module__ in {"builtins", "__main__"} else f"{cls.__module__}.{cls.__qualname__}"
