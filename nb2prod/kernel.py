"""Kernel: what runs beside the user's code in a stage's process.

`enter` makes the namespace what it would be here if the notebook had been run straight through; `leave` keeps what the
stages below need. The job is a JSON file that the runner writes; the result is another beside it.
"""

from __future__ import annotations

import gc
import json
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import asdict, define, field

from nb2prod import ambient
from nb2prod.artifact import Artifact, Recipe
from nb2prod.formats import objects
from nb2prod.stores import open_store
from nb2prod.stores.base import content_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nb2prod.stores.base import Store


@define(kw_only=True)
class Job:
    """What a stage's process is told: JSON on its way there."""

    store: str
    result: str  # path of the JSON file that `leave` writes
    count: int = 0  # execution count of the last cell above, as if run straight through
    imports: list[str] = field(factory=list)  # code to run first
    everywhere: list[str] = field(factory=list)  # cells tagged as setup
    inputs: list[str] = field(factory=list)  # digests of artifacts to load
    late: list[str] = field(factory=list)  # code to run when they are loaded
    ambient: str | None = None  # digest of the state of the process
    keep: list[str] = field(factory=list)  # names that stages below may need
    imported: list[str] = field(factory=list)  # names that are imported again instead
    definitions: dict[str, str] = field(factory=dict)  # source of names that can be made again from it


class InputFault(Exception):
    """An input could not be loaded; carries what the runner needs to say so."""


_jobs: dict[str, tuple[Job, ambient.State, dict[str, str | None]]] = {}


def enter(shell: Any, path: str) -> None:
    """Prepare the namespace of `shell` (an IPython shell) for the job in the file `path`."""
    job = Job(**json.loads(Path(path).read_text(encoding="utf-8")))
    store = open_store(job.store)
    space = shell.user_ns
    from IPython.utils.capture import capture_output

    with capture_output():
        start = ambient.watch()
        for code in job.imports:
            exec(compile(code, "<imports above>", "exec"), space)  # noqa: S102 - the notebook's own imports
        for code in job.everywhere:
            shell.run_cell(code, store_history=False, silent=True).raise_error()
    if job.ambient is not None:
        ambient.restore(objects.loads(store.get(job.ambient), space))
    load_digests(store, job.inputs, space)
    with capture_output():
        for code in job.late:
            exec(compile(code, "<definitions above>", "exec"), space)  # noqa: S102 - likewise
    # What setup made again is kept only if the stage changes it.
    here = [name for name in job.keep if name in space]
    before = {name: _digest(space, name) for name in here} if job.everywhere or job.late else {}
    shell.execution_count = job.count + 1
    _jobs[path] = (job, start, before)


def leave(shell: Any, path: str) -> None:
    """Keep what the job says and write its result."""
    job, start, before = _jobs.pop(path)
    store = open_store(job.store)
    space = shell.user_ns
    kept = [name for name in job.keep if name in space and not _same_import(name, job, space)]
    kept = [name for name in kept if name not in before or before[name] != _digest(space, name)]
    artifacts: list[Artifact] = []
    recipes: list[Recipe] = []
    faults: list[dict[str, str]] = []
    pending = set(kept)
    while pending:
        needs: set[str] = set()
        for group in groups({name: space[name] for name in sorted(pending)}):
            _keep(group, job, store, space, artifacts, recipes, faults)
        pending.clear()
        done = {name for a in artifacts for name in a.names} | {r.name for r in recipes} | {f["name"] for f in faults}
        needs = {name for a in artifacts for name in a.needs}
        # What a kept function looks up must be there when it is called below.
        pending = {n for n in needs if n in space and n not in done and n not in before and not _system(n, space[n])}
        pending = {n for n in pending if not _same_import(n, job, space)}
    state = ambient.changed(start, ambient.capture())
    data, _ = objects.dumps(state, space) if state else (b"", frozenset())
    digest = content_key(data) if state else None
    if digest:
        store.put(digest, data)
    result = {
        "artifacts": [asdict(a) for a in artifacts],
        "recipes": [asdict(r) for r in recipes],
        "faults": faults,
        "gone": sorted(name for name in job.keep if name not in space),
        "ambient": digest,
    }
    temporary = Path(job.result + ".tmp")
    temporary.write_text(json.dumps(result), encoding="utf-8")
    temporary.replace(job.result)


def _keep(
    group: tuple[str, ...],
    job: Job,
    store: Store,
    space: dict[str, Any],
    artifacts: list[Artifact],
    recipes: list[Recipe],
    faults: list[dict[str, str]],
) -> None:
    try:
        data, needs = objects.dumps({name: space[name] for name in group}, space)
    except objects.Unkeepable as wrong:
        if all(name in job.definitions for name in group):
            recipes.extend(Recipe(name=name, code=job.definitions[name], late=True) for name in group)
        else:
            for name in group:
                faults.append({"name": name, "kind": _kind(space[name]), "reason": str(wrong)})
        return
    digest = content_key(data)
    store.put(digest, data)
    kinds = tuple(_kind(space[name]) for name in group)
    needed = tuple(sorted(needs - set(group)))
    artifacts.append(Artifact(names=group, digest=digest, bytes=len(data), kinds=kinds, needs=needed))


def load(store: Store, artifacts: Iterable[Artifact], namespace: dict[str, Any]) -> None:
    """Put the values of artifacts back under their names, functions bound to `namespace`."""
    load_digests(store, (artifact.digest for artifact in artifacts), namespace)


def load_digests(store: Store, digests: Iterable[str], namespace: dict[str, Any]) -> None:
    """Likewise, by content hash."""
    for digest in digests:
        namespace.update(objects.loads(store.get(digest), namespace))


def _digest(space: dict[str, Any], name: str) -> str | None:
    """Return the content hash of a value as it is now, or None when it cannot be stored."""
    try:
        return content_key(objects.dumps({name: space[name]}, space)[0])
    except objects.Unkeepable:
        return None


def _same_import(name: str, job: Job, space: dict[str, Any]) -> bool:
    return name in job.imported or (isinstance(space[name], types.ModuleType) and name == space[name].__name__)


def _system(name: str, value: Any) -> bool:
    """True for what IPython and Python put into every namespace."""
    return name in {"In", "Out", "get_ipython", "exit", "quit", "open", "display"} or name.startswith("_")


def _kind(value: Any) -> str:
    cls = type(value)
    return cls.__qualname__ if cls.__module__ in {"builtins", "__main__"} else f"{cls.__module__}.{cls.__qualname__}"


# identity

# Values that cannot change: sharing them means nothing.
_ATOMS: tuple[type, ...] = (
    int, float, complex, bool, str, bytes, type(None), type, types.ModuleType, types.CodeType, types.BuiltinFunctionType,
    range, type(Ellipsis), type(NotImplemented),
)  # fmt: skip
_MANY = 100_000  # objects to look at for one name; a larger value counts as sharing with every other large one


def groups(values: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Group names whose values share an object that can change, so that each group can be stored as one.

    Returns:
        Groups in order of their first name, each sorted.
    """
    parent = {name: name for name in values}

    def find(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    owner: dict[int, str] = {}
    for name, value in values.items():
        for identity in _mutable(value):
            first = owner.setdefault(identity, name)
            parent[find(name)] = find(first)
    found: dict[str, list[str]] = {}
    for name in values:
        found.setdefault(find(name), []).append(name)
    return [tuple(sorted(names)) for names in found.values()]


def _mutable(value: Any) -> set[int]:
    """Return the identities of changeable objects reachable from a value; 0 stands for «too many to look at»."""
    seen: set[int] = set()
    found: set[int] = set()
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, _ATOMS) or id(item) in seen:
            continue
        seen.add(id(item))
        if len(seen) > _MANY:
            return found | {0}
        if not isinstance(item, tuple | frozenset):
            found.add(_root(item))
        pending.extend(_inside(item))
    return found


def _root(item: Any) -> int:
    """Return the identity of an object, for a NumPy view that of the array it looks at."""
    if "numpy" in sys.modules and isinstance(item, sys.modules["numpy"].ndarray):
        while getattr(item, "base", None) is not None:
            item = item.base
    return id(item)


def _inside(item: Any) -> list[Any]:
    if isinstance(item, types.FunctionType):
        # Not its globals: those are the notebook's namespace, which holds everything.
        cells = [cell.cell_contents for cell in item.__closure__ or () if _filled(cell)]
        return [*cells, *(item.__defaults__ or ()), *(item.__kwdefaults__ or {}).values(), *vars(item).values()]
    if type(item).__module__.partition(".")[0] in {"pandas", "polars", "pyarrow"}:
        return []  # copy-on-write or immutable: two frames never see each other's changes
    return [r for r in gc.get_referents(item) if not isinstance(r, _ATOMS)]


def _filled(cell: types.CellType) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False
