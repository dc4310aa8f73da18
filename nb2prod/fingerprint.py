"""Fingerprint: the key of a stage, and the parts it is made of."""

from __future__ import annotations

import ast
import hashlib
import json
from functools import lru_cache
from typing import TYPE_CHECKING

from nb2prod import dataflow
from nb2prod.dataflow import Unparsable
from nb2prod.stage import code

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nb2prod.notebook import Cell

# Raised when keys are made in another way, so that nothing kept under the old ones is taken for new.
SCHEME = "1"

Parts = dict[str, str]  # what a result depends on → its value or hash


def of_code(cells: Iterable[Cell]) -> str:
    """Hash what cells do: comments, blank lines, empty cells and outputs do not count."""
    return _hash("\0".join(_normal(code(cell)) for cell in cells if code(cell).strip()))


def of_text(texts: Iterable[str]) -> str:
    """Hash texts in their order."""
    return _hash("\0".join(texts))


def key(parts: Mapping[str, str]) -> str:
    """Return the key of a stage: `stage-` and 64 hexadecimal digits."""
    return f"stage-{_hash(json.dumps({'scheme': SCHEME, **parts}, sort_keys=True))}"


def difference(new: Mapping[str, str], old: Mapping[str, str]) -> str:
    """Say in words which parts differ; empty when none does."""
    changed = [name for name in sorted({*new, *old}) if new.get(name) != old.get(name)]
    said = []
    for name in changed:
        if name.startswith("package ") and name in new and name in old:
            said.append(f"{name} went from {old[name]} to {new[name]}")
        else:
            said.append(f"{name} {'is new' if name not in old else 'is gone' if name not in new else 'changed'}")
    return ", ".join(said)


@lru_cache(maxsize=4096)  # asked of the same cells for each plan
def _normal(source: str) -> str:
    try:
        # A semicolon at the end keeps IPython from showing the value.
        return ast.dump(dataflow.parse(source)) + (";" if source.rstrip().endswith(";") else "")
    except (Unparsable, RecursionError):
        return source


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
