"""Beside: the notebook's own helper modules, which lie beside it and travel with its service."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path

from nb2prod.bundle import pins
from nb2prod.errors.models import PackageUnknown


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
