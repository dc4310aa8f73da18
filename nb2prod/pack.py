"""Pack: the process that has a notebook's values, measures its model and writes the files of its service.

It runs apart from ours because the values are the user's: loading them runs the user's code. `python -m nb2prod.pack
ORDER RESULT` reads an `Order`, writes a `Packed` or the refusal, and says `baseline` on its standard output when the
model is measured.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pickle
import sys
import types
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from nb2prod import bundle, candidate, clues, fields, kernel, leaks, pins, pipeline, risk, sbom, security
from nb2prod.artifact import Recipe, Version
from nb2prod.candidate import Candidate
from nb2prod.errors import Nb2ProdError
from nb2prod.evaluate import Comparison, Rival, Said, compare, guess, measure, rival
from nb2prod.leaks import Leak
from nb2prod.lift import Lifted, lift
from nb2prod.notebook import Notebook
from nb2prod.pipeline import Pipeline
from nb2prod.policy import Rules, Verdict
from nb2prod.refusals import PackageUnknown, SecretFound, TrainingRowsMissing
from nb2prod.stores import open_store

if TYPE_CHECKING:
    from nb2prod import probe
    from nb2prod.stores.base import Store

MOST = 500  # rows that a rehearsal sends
RUNTIME = frozenset(
    {"anyio", "attrs", "bentoml", "numpy", "pandas", "prometheus_client", "pydantic_core"}
)  # what every service imports
OPTIONAL = ("httptools", "pyarrow", "uvloop")  # a faster server and rows in bulk, where these are installed


@frozen(kw_only=True)
class Order:
    """What to pack, and where to."""

    notebook: Notebook
    store: str
    values: Mapping[str, Version]
    folder: str  # of the service's files
    rules: Rules


@frozen(kw_only=True)
class Held:
    """Held-out rows as a client would send them, and what the notebook's model says of them."""

    rows: tuple[dict[str, Any], ...]
    predictions: tuple[Any, ...]
    probabilities: tuple[dict[str, float], ...] | None


@frozen(kw_only=True)
class Packed:
    """What became of an order."""

    name: bundle.Name
    version: str
    metrics: Mapping[str, float]
    baseline: Rival
    compared: Comparison | None = None
    held: Held
    hostile: Held
    licences: Mapping[str, str]
    fast: probe.Verdict
    required: str | None  # a field that a request must have
    environment: tuple[str, ...]  # pins
    size: risk.Size
    security: tuple[Verdict, ...]
    model: Mapping[str, Any]  # name, kind, class, digest, rows
    data: Mapping[str, str]  # of the training and held-out rows: SHA-256


def pack(order: Order, measured: Callable[[], None]) -> Packed:
    """Measure the model, say that it is `measured`, and write its service."""
    from nb2prod import probe  # it needs NumPy, which the process that reads the result does without

    space = entered()
    lines = pipeline.build(order.notebook)
    found = _settled(order, lines, space)
    metrics, baseline = judged(found)
    compared = against(found)
    measured()
    name = bundle.Name.of(order.notebook.stem)
    lifted = lift(found, space, lines, module=name.module)
    helpers, modules = local(lifted.modules, Path.cwd())
    table = fields.learn(found)
    held = asked(found, table)
    schema = bundle.described(found, table, order.rules)
    fast = probe.verdict(found.model, schema, held.rows)
    schema["fast"] = fast.how
    parts = bundle.Parts(
        notebook=order.notebook.name,
        name=name,
        candidate=found,
        schema=schema,
        answer=answers(found.model, schema, [table.example()])[0],
        lifted=lifted,
        pins=pins.pins(modules | RUNTIME | {name for name in OPTIONAL if importlib.util.find_spec(name)}),
        metrics=metrics,
        baseline=baseline,
        rows=len(found.held),
        helpers=helpers,
    )
    made = bundle.contents(parts)
    leaked = guarded(made, lines, order.rules)
    bundle.write(made, Path(order.folder))
    return evolve(_told(parts, made, held, fast, leaked), compared=compared)


def guarded(made: Mapping[str, bytes], lines: Pipeline, rules: Rules) -> tuple[Leak, ...]:
    """Keep secrets out of a package, or tell those that the policy lets pass.

    Raises:
        SecretFound: There is one, and the policy does not.
    """
    found = leaks.leaks({path: data for path, data in made.items() if not path.startswith(bundle.RUNTIME)})
    if not found or rules.secrets == "pass":
        return found
    first = found[0]
    cells = [cell for stage in lines.stages for cell in stage.code_cells]
    shown = first.shown.removesuffix("…")
    held = [c.index for c in cells if any(v.startswith(shown) for _, v in leaks.secrets(c.source))]
    raise SecretFound(first.kind, first.path, first.line, first.shown, next(iter(held), None), len(found) - 1)


def answers(model: Any, schema: Mapping[str, Any], rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Write what a model says of rows as its service will."""
    from nb2prod import probe
    from nb2prod.serving.answers import told
    from nb2prod.serving.table import Table

    checked = Table.of(schema).check(rows, most=len(rows))
    return told(schema, checked, probe.asked(model, schema, checked))


def _told(
    parts: bundle.Parts, made: Mapping[str, bytes], held: Held, fast: probe.Verdict, leaked: tuple[Leak, ...]
) -> Packed:
    found, environment = parts.candidate, (*parts.pins.direct, *parts.pins.indirect)
    licences = sbom.licences(environment)
    return Packed(
        name=parts.name,
        version=bundle.version(made),
        metrics=parts.metrics,
        baseline=parts.baseline,
        held=held,
        hostile=at_the_edges(found.model, parts.schema, held),
        licences=licences,
        fast=fast,
        required=next((f["key"] for f in parts.schema["fields"]), None),
        environment=environment,
        size=risk.size(sum(map(len, made.values())), pins.installed_bytes(environment)),
        security=security.findings(made, leaked, licences),
        model=_described(found, parts.lifted),
        data={"train": _digest(found.train), "held_out": _digest(found.held)},
    )


def _settled(order: Order, lines: Pipeline, space: dict[str, Any]) -> Candidate:
    """Load what the code speaks of, and all the rest only when that does not tell what the model learnt from."""
    seen, named, store = clues.of(lines), candidate.chosen(lines), open_store(order.store)
    names = named.names.union(*(clue.names for clue in seen))
    restore(store, needed(order.values, names), space)
    last = lines.stages[-1].code_cells[-1].index
    try:
        return candidate.settle(seen, space, named, last)
    except TrainingRowsMissing:
        restore(store, order.values, space)
        return candidate.settle(seen, space, named, last)


def needed(values: Mapping[str, Version], names: Iterable[str]) -> dict[str, Version]:
    """Choose the values that names need: their own, and what functions inside look up."""
    found: dict[str, Version] = {}
    pending = list(names)
    while pending:
        name = pending.pop()
        if name in values and name not in found:
            found[name] = values[name]
            pending.extend(values[name].needs)
    return found


def judged(found: Candidate) -> tuple[dict[str, float], Rival]:
    """Measure a candidate and its rival on the held-out rows."""
    said, chances = found.predict(found.held.x), found.probabilities(found.held.x)
    classes = getattr(found.model, "classes_", None)
    return measure(found.kind, found.held.y, said, chances, classes), rival(found.kind, found.train.y, found.held.y)


def against(found: Candidate) -> Comparison:
    """Say by how much a candidate is better than its rival, whichever rows had been held out."""
    said, chances = found.predict(found.held.x), found.probabilities(found.held.x)
    mine = Said(predicted=said, probabilities=chances, classes=getattr(found.model, "classes_", None))
    return compare(found.kind, found.held.y, mine, guess(found.kind, found.train.y, len(found.held))[1])


def asked(found: Candidate, table: fields.Table) -> Held:
    """Choose the rows of a rehearsal, evenly over those held out, and ask the model itself."""
    step = -(-len(found.held) // MOST)
    x = found.held.x.iloc[::step] if hasattr(found.held.x, "iloc") else found.held.x[::step]
    chances = found.probabilities(x)
    names = [str(c) for c in getattr(found.model, "classes_", ())]
    return Held(
        rows=tuple(fields.records(x, table, found.model)),
        predictions=tuple(found.predict(x).tolist()),
        probabilities=None
        if chances is None
        else tuple(dict(zip(names, row, strict=True)) for row in chances.tolist()),
    )


def at_the_edges(model: Any, schema: Mapping[str, Any], held: Held) -> Held:
    """Choose rows that are at the edges of what was seen, and that the model has an answer to."""
    from nb2prod import probe
    from nb2prod.serving.answers import told
    from nb2prod.serving.table import Table

    table, kept, said = Table.of(schema), list[dict[str, Any]](), list[dict[str, Any]]()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of strange values, which are what this is about
        for rows in probe.answered(model, schema, table.check(probe.hostile(schema, held.rows), most=probe.HOSTILE)):
            said += told(schema, rows, probe.asked(model, schema, rows))
            kept += [
                dict(zip((c.key for c in table.columns), row, strict=True)) for row in zip(*rows.values, strict=True)
            ]
    return Held(
        rows=tuple(kept),
        predictions=tuple(one["prediction"] for one in said),
        probabilities=tuple(one["probabilities"] for one in said) if schema["probabilities"] else None,
    )


def restore(store: Store, versions: Mapping[str, Version], space: dict[str, Any]) -> None:
    """Put the values of a run back: imports first, then values, then what is made from them."""
    recipes = [v for v in versions.values() if isinstance(v, Recipe)]
    for recipe in (r for r in recipes if not r.late):
        exec(compile(recipe.code, "<notebook>", "exec"), space)  # noqa: S102  the notebook's own code
    kernel.load(store, versions, space)
    for recipe in (r for r in recipes if r.late):
        exec(compile(recipe.code, "<notebook>", "exec"), space)  # noqa: S102  the notebook's own code


def local(modules: Iterable[str], folder: Path) -> tuple[dict[str, bytes], frozenset[str]]:
    """Tell the notebook's own helper modules, which travel with it, from those of packages.

    Returns:
        Path → source of the helpers, and the modules that packages must provide, those of the helpers included.
    """
    helpers: dict[str, bytes] = {}
    outside: set[str] = set()
    pending = {m.partition(".")[0] for m in modules}
    seen: set[str] = set()
    while pending:
        module = pending.pop()
        seen.add(module)
        paths = _sources(module, folder)
        if not paths:
            outside.add(module)
        for path in paths:
            helpers[path.relative_to(folder).as_posix()] = path.read_bytes()
            pending |= {m.partition(".")[0] for m in pins.imported(path.read_text(encoding="utf-8"))} - seen
    return helpers, frozenset(outside)


def _sources(module: str, folder: Path) -> list[Path]:
    """Return the files of a module that lies beside the notebook."""
    if module in sys.stdlib_module_names:
        return []
    spec = importlib.util.find_spec(module)
    if spec is None:
        raise PackageUnknown(module)
    places = [Path(p) for p in spec.submodule_search_locations or ()] or ([Path(spec.origin)] if spec.origin else [])
    mine = [
        p.resolve() for p in places if p.resolve().is_relative_to(folder.resolve()) and "site-packages" not in p.parts
    ]
    return [file for p in mine for file in (sorted(p.rglob("*.py")) if p.is_dir() else [p])]


def entered() -> dict[str, Any]:
    """Make a fresh `__main__`, as the notebook's process had one."""
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main
    return vars(main)


def _described(found: Candidate, lifted: Lifted) -> dict[str, Any]:
    cls = type(found.model)
    kind = cls.__qualname__ if cls.__module__ == "__main__" else f"{cls.__module__}.{cls.__qualname__}"
    rows = {"train": len(found.train), "held_out": len(found.held)}
    return {"name": found.name, "kind": found.kind, "class": kind, "sha256": lifted.digest, "rows": rows}


def _digest(rows: candidate.Rows) -> str:
    return hashlib.sha256(pickle.dumps((rows.x, rows.y), protocol=5)).hexdigest()


def main() -> None:
    """Read an order, pack, and write the result whole."""
    order: Order = pickle.loads(Path(sys.argv[1]).read_bytes())  # noqa: S301  our own file, written a moment ago
    # What the user's code prints must not mix with what we say.
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    result: Packed | Nb2ProdError
    try:
        result = pack(order, lambda: print("baseline", file=channel, flush=True))
    except Nb2ProdError as refused:
        result = refused
    temporary = Path(sys.argv[2] + ".tmp")
    temporary.write_bytes(pickle.dumps(result))
    temporary.replace(sys.argv[2])


if __name__ == "__main__":
    from nb2prod.pack import main as own  # under its own name: what it pickles must be found again

    own()
