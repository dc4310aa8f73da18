"""Environment: what outside the notebook a stage's result depends on: packages, modules, data files."""

from __future__ import annotations

import ast
import hashlib
import itertools
import os
import re
import sys
import time
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from nb2prod.startup import unchanged

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST_PATH = 255


def providers(packages: Iterable[str]) -> list[str]:
    """Return the distributions that provide top-level packages."""
    wanted = set(packages)
    return sorted({_name(folder) for folder, names in _provided(_installed()) if not wanted.isdisjoint(names)})


def provider(module: str) -> list[str]:
    """Return the distributions that provide a module; of those that share its top-level package only those that do."""
    top, _, inner = module.partition(".")
    found = [folder for folder, names in _provided(_installed()) if top in names]
    if len(found) > 1 and inner:
        there = re.compile(rf"^{re.escape(module.replace('.', '/'))}(/|\.py,|\.[\w-]*\.(so|pyd),)", re.MULTILINE)
        found = [folder for folder in found if there.search(_text(folder, "RECORD"))] or found
    return sorted({_name(folder) for folder in found})


@lru_cache(maxsize=1)
def _provided(_installed: tuple[int, ...]) -> list[tuple[str, frozenset[str]]]:
    """Return each distribution's folder of metadata, and the top-level packages in it.

    `importlib.metadata.packages_distributions` says the same in ten times the time, as long as a stage may take.
    """
    return [(folder, _top_level(folder)) for folder in _folders()]


def _folders() -> list[str]:
    found = []
    for folder in sys.path:
        with suppress(OSError), os.scandir(folder or ".") as entries:
            found += [entry.path for entry in entries if entry.name.endswith((".dist-info", ".egg-info"))]
    return found


def _top_level(folder: str) -> frozenset[str]:
    named = _text(folder, "top_level.txt").split()
    if named:
        return frozenset(named)
    files = [line.partition(",")[0] for line in _text(folder, "RECORD").splitlines() if ".py," in line]
    return frozenset(file.partition("/")[0] if "/" in file else file.removesuffix(".py") for file in files)


@lru_cache(maxsize=4096)
def _name(folder: str) -> str:
    return _headers(folder).get("Name") or os.path.basename(folder).partition("-")[0]  # noqa: PTH119


def _headers(folder: str) -> dict[str, str]:
    """Return name and version of a distribution, which it says above its description."""
    for file in _METADATA:
        with suppress(OSError), open(os.path.join(folder, file), encoding="utf-8", errors="replace") as lines:  # noqa: PTH118, PTH123
            above = (line for line in itertools.takewhile(str.strip, lines) if line.startswith(("Name:", "Version:")))
            return {name: value.strip() for name, _, value in (line.partition(":") for line in above)}
    return {}


_METADATA = ("METADATA", "PKG-INFO")


def _text(folder: str, name: str) -> str:
    try:
        return Path(folder, name).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def versions(distributions: Iterable[str]) -> dict[str, str]:
    """Return the versions of those distributions that are installed."""
    installed = _installed()
    known = {name: _version(name, installed) for name in distributions}
    return {name: found for name, found in known.items() if found is not None}


def metadata(distributions: Iterable[str]) -> list[str]:
    """Return the files that say which versions of distributions are installed."""
    places = _places(_installed())
    folders = [places[_normal(name)] for name in distributions if _normal(name) in places]
    return [os.path.join(folder, file) for folder in folders for file in _METADATA]  # noqa: PTH118


@lru_cache(maxsize=1)
def _places(_installed: tuple[int, ...]) -> dict[str, str]:
    """Return the folder of metadata of each distribution; of those of one name the first counts."""
    return {_normal(os.path.basename(folder).partition("-")[0]): folder for folder in reversed(_folders())}  # noqa: PTH119


def _normal(name: str) -> str:
    return name.removesuffix(".egg-info").lower().replace(".", "-").replace("_", "-")


def _installed() -> tuple[int, ...]:
    """Return the times at which something was last installed or removed."""
    found = []
    for folder in sys.path:
        with suppress(OSError):
            found.append(os.stat(folder or ".").st_mtime_ns)  # noqa: PTH116 - asked for each stage of a plan
    return tuple(found)


@lru_cache(maxsize=4096)
def _version(name: str, installed: tuple[int, ...]) -> str | None:
    folder = _places(installed).get(_normal(name))
    said = _headers(folder).get("Version") if folder else None
    if said:
        return said
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)  # it may be found in other ways
    except PackageNotFoundError:
        return None


def modules(files: Iterable[str]) -> dict[str, str]:
    """Return hashes of the code in module files; comments do not count."""
    found = {}
    for file in files:
        try:
            source = Path(file).read_bytes()
        except OSError:
            continue
        found[file] = _hash_of_code(source)
    return found


@lru_cache(maxsize=256)  # the stages of a notebook use the same modules
def _hash_of_code(source: bytes) -> str:
    with suppress(SyntaxError, ValueError, RecursionError):  # as it is, then
        source = ast.dump(ast.parse(source)).encode()
    return hashlib.sha256(source).hexdigest()


def files(names: Iterable[str], folder: Path) -> dict[str, str]:
    """Return the hashes of those names that are an existing file, seen from the notebook's folder."""
    found = {}
    for text in sorted(set(names)):
        if not 0 < len(text) <= _LONGEST_PATH or "\0" in text or "\n" in text:
            continue
        path = folder / text
        try:
            if path.is_file():
                found[text] = _content(path)
        except OSError:
            continue  # too long for this file system, or not ours to read: then the stage cannot read it either
    return found


def _content(path: Path) -> str:
    """Return the hash of a file, which is read once in a process while it stays the same."""
    began, seen = time.time_ns(), _look(path)
    known = _contents.get(seen)
    if known is not None:
        return known
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    # What was written just now might be written again without a trace in its times.
    if _look(path) == seen and max(seen[1:3]) < began - unchanged.SLACK:
        _contents[seen] = digest
    return digest


_contents: dict[tuple[str, int, int, int, int], str] = {}  # by what `stat` says


def _look(path: Path) -> tuple[str, int, int, int, int]:
    stat = path.stat()
    return str(path), stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino


def local(packages: Iterable[str], folder: Path) -> bool:
    """Tell whether any of the top-level packages lies in a notebook's folder, and not among what is installed."""
    return any((folder / f"{name}.py").is_file() or (folder / name).is_dir() for name in packages)
