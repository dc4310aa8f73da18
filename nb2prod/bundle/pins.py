"""Pins: the distributions that code needs, at the versions it ran with."""

from __future__ import annotations

import ast
import csv
import pickletools
import sys
from collections.abc import Iterable, Iterator
from importlib import metadata

from attrs import frozen
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from nb2prod.errors.models import PackageUnknown


@frozen(kw_only=True)
class Pins:
    """Requirements of a service: those it imports, and those that these need in turn."""

    direct: tuple[str, ...]
    indirect: tuple[str, ...]

    def text(self) -> str:
        """Write them as a requirements file."""
        head = "# What the service imports, at the versions it was rehearsed with.\n"
        return head + "\n".join(self.direct) + "\n\n# What these need in turn.\n" + "\n".join(self.indirect) + "\n"


def pins(modules: Iterable[str]) -> Pins:
    """Find the distributions of modules, and all that they require here.

    Raises:
        PackageUnknown: No installed distribution provides one of the modules.
    """
    known = metadata.packages_distributions()
    roots: set[str] = set()
    for module in {m.partition(".")[0] for m in modules} - set(sys.stdlib_module_names):
        if module not in known:
            raise PackageUnknown(module)
        roots.update(canonicalize_name(name) for name in known[module])
    return Pins(direct=_pinned(roots), indirect=_pinned(_needed(roots) - roots))


def closure(names: Iterable[str]) -> tuple[str, ...]:
    """Return the pins of distributions and all that they require here, but not of nb2prod itself."""
    return _pinned(_needed({canonicalize_name(name) for name in names}) - {"nb2prod"})


def _needed(roots: set[str]) -> set[str]:
    needed = set(roots)
    pending = sorted(roots)
    while pending:
        found = set(_requires(pending.pop())) - needed
        needed |= found
        pending.extend(sorted(found))
    return needed


def installed_bytes(pinned: Iterable[str]) -> int:
    """Return the bytes of pinned distributions as they are installed here, compiled; by their own lists of files."""
    total = 0
    for pin in pinned:
        listed = metadata.distribution(pin.partition("==")[0]).read_text("RECORD") or ""
        for path, _, size in (row for row in csv.reader(listed.splitlines()) if len(row) == 3):
            # Bytecode is as large as its source, and in few lists.
            total += int(size or 0) * (2 if path.endswith(".py") else 1)
    return total


def imported(source: str) -> frozenset[str]:
    """Return the modules that code imports, at any depth."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return frozenset(found)


def referred(data: bytes) -> frozenset[tuple[str, str]]:
    """Return the globals, as (module, name), that a pickle, which may be empty, refers to; it is not loaded."""
    found: set[tuple[str, str]] = set()
    memo: dict[int, str | None] = {}
    pushed: list[str | None] = []
    for opcode, argument, _ in pickletools.genops(data) if data else ():
        if opcode.name == "GLOBAL":
            module, _, name = str(argument).partition(" ")
            found.add((module, name))
            pushed.append(None)
        elif opcode.name == "STACK_GLOBAL":
            module_, name_ = pushed[-2:]
            found.add((str(module_), str(name_)))
            pushed.append(None)
        elif opcode.name == "MEMOIZE":
            memo[len(memo)] = pushed[-1]
        elif opcode.name.endswith("PUT"):
            memo[int(str(argument))] = pushed[-1]
        elif opcode.name.endswith("GET"):
            pushed.append(memo[int(str(argument))])
        elif opcode.name not in {"FRAME", "PROTO"}:
            pushed.append(argument if isinstance(argument, str) and "UNICODE" in opcode.name else None)
    return frozenset(found)


def texts(data: bytes) -> frozenset[str]:
    """Return the texts in a pickle: names of modules that a lambda in it reads are among them."""
    read = pickletools.genops(data) if data else ()
    return frozenset(a for o, a, _ in read if "UNICODE" in o.name and isinstance(a, str))


def _requires(name: str) -> Iterator[str]:
    for text in metadata.requires(name) or ():
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield from (canonicalize_name(requirement.name),) if _installed(requirement.name) else ()


def _installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def public(name: str) -> str:
    """Return the version of an installed distribution; a local one (`2.3.0+cpu`) is in no index, its public part is."""
    return Version(metadata.version(name)).public


def _pinned(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"{name}=={public(name)}" for name in sorted(names))
