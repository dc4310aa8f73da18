"""Packages: what a notebook imports, held against what is installed and what its project says it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from nb2prod.checks.base import Finding
from nb2prod.checks.fixes import Fix, Requires

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nb2prod.errors.base import Place


@frozen(kw_only=True)
class Package:
    """A module that is imported, and what is wrong with that."""

    module: str
    place: Place  # of the first import
    names: tuple[str, ...]  # packages that provide it here; where none does, what it is most likely called
    installed: bool
    listed: str | None  # the file that names it
    missing: tuple[Requires, ...]  # ways to write it down, where there is a file that does not name it


def check(found: Iterable[Package]) -> Iterator[Finding]:
    """Return what is wrong with packages."""
    for package in found:
        if not package.installed:
            yield _absent(package)
        elif package.missing:
            yield _unlisted(package)


def _absent(package: Package) -> Finding:
    """NB115: a module is imported that no installed package provides, so that the run stops there."""
    add = "" if not package.missing else f", and add it to {package.missing[0].file}"
    cure = (
        f"{package.listed} names it: `pip install -r {package.listed}`."
        if (package.listed or "").endswith(".txt")
        else f"Install it: `pip install {package.names[0]}`{add}."
    )
    return Finding(
        code="NB115",
        message=f"`{package.module}` is imported, but no installed package provides it.",
        cure=cure,
        place=package.place,
        severity="warning",
        fixes=_fixes(package),
    )


def _unlisted(package: Package) -> Finding:
    """NB116: a package is imported that the project's list of requirements does not name, so that others lack it."""
    return Finding(
        code="NB116",
        message=f"`{package.module}` is imported, but {package.missing[0].file} does not name '{package.names[0]}'.",
        cure="Add it, so that whoever installs what is named there can run the notebook.",
        place=package.place,
        severity="warning",
        fixes=_fixes(package),
    )


def _fixes(package: Package) -> tuple[Fix, ...]:
    return tuple(
        Fix(kind="require", title=f"Add '{way.requirement}' to {way.file}", edits=(), requires=way, safe=False)
        for way in package.missing
        if way.requirement
    )
