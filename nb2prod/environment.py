"""Environment: what outside the notebook a stage's result depends on: packages, local modules, data files."""

from __future__ import annotations

import ast
import hashlib
import platform
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_LONGEST_PATH = 255


def packages(roots: Iterable[str]) -> dict[str, str]:
    """Return the versions of the distributions that provide top-level packages, and of Python."""
    found = {"python": platform.python_version()}
    for root in sorted(set(roots)):
        for name in _distributions().get(root, ()):
            try:
                found[name] = version(name)
            except PackageNotFoundError:
                continue
    return found


@lru_cache(maxsize=1)
def _distributions() -> Mapping[str, list[str]]:
    return packages_distributions()


def modules(roots: Iterable[str], folder: Path) -> dict[str, str]:
    """Return hashes of the local modules behind imports, and of those that they import: comments do not count."""
    found: dict[str, str] = {}
    pending = list(roots)
    while pending:
        root = pending.pop()
        if root in found or not root.isidentifier():
            continue
        for file in _files(folder, root):
            source = file.read_bytes()
            try:
                tree = ast.parse(source)
            except SyntaxError:
                found[root] = found.get(root, "") + hashlib.sha256(source).hexdigest()
                continue
            found[root] = found.get(root, "") + hashlib.sha256(ast.dump(tree).encode()).hexdigest()
            pending.extend(_imported(tree))
    return found


def _files(folder: Path, root: str) -> list[Path]:
    module = folder / f"{root}.py"
    if module.is_file():
        return [module]
    return sorted((folder / root).rglob("*.py")) if (folder / root).is_dir() else []


def _imported(tree: ast.Module) -> Iterable[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0]


def files(texts: Iterable[str], folder: Path) -> dict[str, str]:
    """Return the hashes of those texts that name an existing file, seen from the notebook's folder."""
    found = {}
    for text in sorted(set(texts)):
        if not 0 < len(text) <= _LONGEST_PATH or "\0" in text or "\n" in text:
            continue
        path = folder / text
        try:
            if path.is_file():
                with path.open("rb") as file:
                    found[text] = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            continue  # too long for this file system, or not ours to read: then the stage cannot read it either
    return found
