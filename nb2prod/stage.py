"""Stage: the cells of a notebook that run together under one name."""

from __future__ import annotations

import math
import re
import shlex
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from attrs import evolve, field, frozen

from nb2prod.errors.base import SettingWrong

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from nb2prod.notebook import Cell, Notebook

Role = Literal["stage", "setup", "parameters", "skip", "serve", "evaluate"]

NAME = re.compile(r"[a-z][a-z0-9_]*")
SETUP = "setup"  # the stage of untagged cells above the first stage


def _flag(text: str) -> bool:
    if text.lower() in {"true", "yes", "on", "1"}:
        return True
    if text.lower() in {"false", "no", "off", "0"}:
        return False
    raise ValueError(text)


def _role(text: str) -> Role:
    roles: dict[str, Role] = {r: r for r in ("stage", "setup", "parameters", "skip", "serve", "evaluate")}
    return roles[text]


def _count(text: str) -> int:
    if int(text) < 0:
        raise ValueError(text)
    return int(text)


def _duration(text: str) -> float:
    if not 0 < float(text) < math.inf:  # also false for nan
        raise ValueError(text)
    return float(text)


_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}


def _size(text: str) -> int:
    """Read a number of bytes such as `2GB`, `512MiB` or `1000000`."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?([kmgt]?i?)b?", text.strip().lower())
    if found is None or not float(found[1]):
        raise ValueError(text)
    return int(float(found[1]) * _UNITS[found[2]])


def _some(text: str) -> int:
    if int(text) < 1:
        raise ValueError(text)
    return int(text)


# What may stand after the name: its type, and what it does.
OPTIONS: Mapping[str, tuple[Callable[[str], Any], str]] = {
    "retries": (_count, "run the stage again up to N times when it fails"),
    "retry-on": (str, "what to run it again for: names of exceptions, timeout, died, separated by commas"),
    "timeout": (_duration, "seconds a cell of the stage may run"),
    "stage-timeout": (_duration, "seconds all cells of the stage together may run"),
    "memory": (_size, "memory the stage may take, such as 2GB"),
    "cpus": (_some, "cores the stage may use"),
    "gpus": (_count, "GPUs the stage needs"),
    "cache": (_flag, "false: run the stage every time"),
    "role": (_role, "setup, parameters, skip, serve or evaluate, when the name does not say it"),
    "after": (str, "stages that must run before this one, separated by commas"),
    "model": (str, "the name of the model to ship"),
    "tables": (str, "the names of the tables to ship, separated by commas"),
}
# Those that say how a stage is run, and not what it is.
_GENERAL = frozenset({"cache", "cpus", "gpus", "memory", "retries", "retry-on", "stage-timeout", "timeout"})


# Options that say what a stage is; the others say how it runs.
_KINDS = frozenset({"role", "after"})
_TYPES: Mapping[Callable[[str], Any], Mapping[str, Any]] = {
    _count: {"type": "integer", "minimum": 0},
    _duration: {"type": "number", "exclusiveMinimum": 0},
    _flag: {"type": "boolean"},
}


def form() -> dict[str, Any]:
    """Return how a stage may be told to run as a JSON Schema, for a form."""
    fields = {
        name: {**_TYPES.get(read, {"type": "string"}), "description": about}
        for name, (read, about) in OPTIONS.items()
        if name not in _KINDS
    }
    return {"type": "object", "properties": fields, "additionalProperties": False}


@frozen(kw_only=True)
class Tag:
    """What a cell says about its stage; faults are kept as facts, for the checks to judge."""

    name: str
    role: Role = "stage"
    options: Mapping[str, Any] = field(factory=dict)
    after: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()  # options that are unknown or have a value of the wrong type
    others: tuple[str, ...] = ()  # names that other ways of tagging give the same cell


@frozen(kw_only=True)
class Stage:
    """The unit that is cached, rerun and shipped."""

    name: str
    role: Role
    cells: tuple[Cell, ...]  # in the document's order, markdown included
    options: Mapping[str, Any] = field(factory=dict)
    tags: tuple[tuple[Cell, Tag], ...] = ()
    after: tuple[str, ...] = ()  # declared, not inferred
    reads: frozenset[str] = frozenset()  # names taken from earlier stages
    writes: frozenset[str] = frozenset()  # names left for later ones

    @property
    def code_cells(self) -> tuple[Cell, ...]:
        """The cells that run."""
        return tuple(c for c in self.cells if c.kind == "code")

    @property
    def everywhere(self) -> tuple[Cell, ...]:
        """The cells tagged as setup: they run again in the process of every stage below."""
        return tuple(cell for cell, tag in self.tags if tag.role == "setup")


def code(cell: Cell) -> str:
    """Return a cell's source without its `%%stage` line; the lines below keep their numbers."""
    head = line_of(cell.source)
    return cell.source if head is None else cell.source.replace(head, "", 1)


def untagged(source: str) -> str:
    """Return a source without its `%%stage` line, as IPython shall run it."""
    head = line_of(source)
    return source if head is None else source.replace(head, "", 1).removeprefix("\n")


def defaults(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Read options that hold for all stages which do not say otherwise, as a project's policy gives them.

    Raises:
        SettingWrong: There is no such option, or its value means nothing.
    """
    found = {}
    for name, value in given.items():
        kind, meaning = OPTIONS.get(name, (None, f"one of {', '.join(sorted(_GENERAL))}"))
        if kind is None or name not in _GENERAL:
            raise SettingWrong("policy.stage", name, f"options that are {', '.join(sorted(_GENERAL))}")
        try:
            found[name] = kind(str(value))
        except (ValueError, KeyError):
            raise SettingWrong(f"policy.stage.{name}", str(value), meaning) from None
    return found


@lru_cache(maxsize=4096)
def declaration(source: str) -> Tag | None:
    """Read `%%stage name [--option value …]` from a cell's first line, or return None."""
    head = line_of(source)
    return None if head is None else _declared(head)


def tag_of(cell: Cell) -> Tag | None:
    """Return what a code cell says about its stage: by magic, metadata, or tags (ours, papermill's, Kale's)."""
    found = [tag for tag in (declaration(cell.source), _from_metadata(cell), _from_tags(cell)) if tag is not None]
    if not found:
        return None
    first = found[0]
    others = tuple(dict.fromkeys(tag.name for tag in found[1:] if tag.name != first.name))
    return evolve(first, others=others)


def split(notebook: Notebook) -> tuple[Stage, ...]:
    """Cut a notebook into stages, in its order.

    Untagged code cells above the first stage are setup; below it they belong to the stage above. Markdown belongs to
    the code below it. Cells of role `skip` are left out. A name that comes back after another stage makes a second
    stage of that name, for the checks to report.
    """
    groups: list[tuple[str, list[Cell], list[tuple[Cell, Tag]]]] = []
    above: list[Cell] = []  # markdown and raw cells waiting for the code below them
    for cell in notebook.cells:
        if cell.kind != "code":
            above.append(cell)
            continue
        tag = tag_of(cell)
        if tag is not None and tag.role == "skip":
            above.clear()
            continue
        if tag is not None and tag.role == "parameters" and tag.name == "parameters":
            tag = None  # parameters belong to the stage around them; the tag only says where new values go
        name = _group(tag, groups[-1][0] if groups else SETUP, [group[0] for group in groups])
        if not groups or groups[-1][0] != name:
            groups.append((name, [], []))
        groups[-1][1].extend((*above, cell))
        groups[-1][2].extend([(cell, tag)] if tag is not None else [])
        above.clear()
    if groups:
        groups[-1][1].extend(above)
    return tuple(_stage(*group) for group in groups)


def _group(tag: Tag | None, above: str, used: list[str]) -> str:
    if tag is None:
        return above
    if tag.role == "setup" and tag.name in used and not above.startswith(tag.name):
        # Setup cells may stand anywhere: they are run again in every stage below them.
        return f"{tag.name}_{sum(name.startswith(tag.name) for name in used) + 1}"
    return above if tag.role == "setup" and above.startswith(tag.name) else tag.name


def _stage(name: str, cells: Iterable[Cell], tags: Iterable[tuple[Cell, Tag]]) -> Stage:
    tags = tuple(tags)
    options: dict[str, Any] = {}
    for _, tag in tags:
        options.update(tag.options)
    usual: Role = "setup" if name == SETUP else "stage"
    role = next((tag.role for _, tag in tags if tag.role != "stage"), usual)
    after = tuple(dict.fromkeys(name for _, tag in tags for name in tag.after))
    return Stage(name=name, role=role, cells=tuple(cells), options=options, tags=tags, after=after)


def line_of(source: str) -> str | None:
    """Return the `%%stage` line of a source: the first that is not blank, or None."""
    if "%%stage" not in source:
        return None
    for line in source.splitlines():
        if line.strip():
            return line if re.match(r"%%stage(\s|$)", line) else None
    return None


def _declared(head: str) -> Tag:
    try:
        words = shlex.split(head, comments=True)[1:]
    except ValueError:
        return Tag(name=head.split()[1] if len(head.split()) > 1 else "", faults=("a quote is not closed",))
    name = words.pop(0) if words and not words[0].startswith("--") else ""
    given: dict[str, str] = {}
    faults = []
    while words:
        word = words.pop(0)
        option, _, value = word.removeprefix("--").partition("=")
        if not word.startswith("--"):
            faults.append(f"'{word}' is not an option")
        elif option.startswith("no-"):
            given[option.removeprefix("no-")] = "false"
        elif value or (words and not words[0].startswith("--")):
            given[option] = value or words.pop(0)
        else:
            given[option] = "true"
    return _tag(name, given, tuple(faults))


def _from_metadata(cell: Cell) -> Tag | None:
    if "stage" not in cell.metadata:
        return None
    given = {str(k): str(v) for k, v in cell.metadata.items() if k != "stage"}
    return _tag(str(cell.metadata["stage"]), given)


# https://github.com/kubeflow/kale: what its tags are called here.
_KALE: Mapping[str, Tag] = {
    "imports": Tag(name=SETUP, role="setup"),
    "functions": Tag(name=SETUP, role="setup"),
    "pipeline-parameters": Tag(name="parameters", role="parameters"),
    "pipeline-metrics": Tag(name="metrics", role="evaluate"),
    "skip": Tag(name="skip", role="skip"),
    "setup": Tag(name=SETUP, role="setup"),
    "parameters": Tag(name="parameters", role="parameters"),
    # papermill writes the new values into a cell of its own below the defaults.
    "injected-parameters": Tag(name="parameters", role="parameters"),
}


def _from_tags(cell: Cell) -> Tag | None:
    if not cell.tags:
        return None
    # Early versions of Kale join several names: `prev:load:clean`.
    after = tuple(kale_name(n) for t in cell.tags if t.startswith("prev:") for n in t.split(":")[1:] if n)
    for text in cell.tags:
        kind, _, name = text.partition(":")
        if kind == "stage" and name:
            return evolve(_tag(name, {}), after=after)
        if kind in {"step", "block"} and name:
            own = {"cache": "false"} if "cache:disabled" in cell.tags else {}
            return _KALE.get(name) or evolve(_tag(kale_name(name), own), after=after)
    return next((_KALE[text] for text in cell.tags if text in _KALE), None)


def kale_name(name: str) -> str:
    """Return a name of Kale's as one of ours: its newer versions write `load-data`."""
    return name.replace("-", "_").strip("_")


def _tag(name: str, given: Mapping[str, str], faults: tuple[str, ...] = ()) -> Tag:
    options: dict[str, Any] = {}
    wrong = list(faults)
    for option, text in given.items():
        if option not in OPTIONS:
            wrong.append(f"there is no option '{option}'")
            continue
        try:
            options[option] = OPTIONS[option][0](text)
        except (ValueError, KeyError):
            wrong.append(f"'{text}' is no value for '{option}' ({OPTIONS[option][1]})")
    named: Role = name if name in {"setup", "parameters", "skip", "serve", "evaluate"} else "stage"  # type: ignore[assignment]
    after = tuple(part.strip() for part in options.pop("after", "").split(",") if part.strip())
    return Tag(name=name, role=options.pop("role", named), options=options, after=after, faults=tuple(wrong))
