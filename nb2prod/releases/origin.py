"""Origin: what a release was made from, kept beside it so that it can be made again from that alone."""

from __future__ import annotations

import json
import platform
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from attrs import asdict, frozen

import nb2prod
from nb2prod.bundle import pins
from nb2prod.errors.deployments import OriginMissing
from nb2prod.execution import decision
from nb2prod.plan import Record
from nb2prod.stores.base import Store

FOLDER = "source"  # of a release: the part of the project that the notebook needs, but for its data
ABOUT = "origin.json"
PINS = "requirements.txt"
PROJECT = "project"  # within it


@frozen(kw_only=True)
class Origin:
    """What there is besides the files."""

    notebook: str  # path below the project
    data: Mapping[str, str]  # files that were read, as seen from the notebook's folder → SHA-256
    outside: Mapping[str, str]  # modules that lie neither in the project nor in a package → hash of their code
    previous: str | None = None  # the release that was live then, which the model was compared with
    python: str
    platform: str
    nb2prod: str  # version


@frozen(kw_only=True)
class Ran:
    """A run, and what is known of it."""

    project: Path  # the folder that the notebook's project is in
    notebook: Path
    stages: tuple[Record, ...]
    data: Mapping[str, str]  # files that the notebook names, as seen from its folder → SHA-256
    executed: Path  # the notebook as it ran: its file may have changed since
    previous: str | None  # the release that was live


def records(store: Store, keys: Mapping[str, str]) -> tuple[Record, ...]:
    """Return what is known of the stages of a run."""
    found = (decision.kept(store, key) for key in keys.values())
    return tuple(record for record in found if record is not None)


def keep(place: Path, ran: Ran) -> None:
    """Keep what a run was made from in a new folder."""
    path = _below(ran.project, ran.notebook.resolve())
    document = json.loads(ran.executed.read_text(encoding="utf-8"))
    _put(place / PROJECT / path, json.dumps(_bare(document), indent=1, ensure_ascii=False) + "\n")
    outside = _keep_modules(place / PROJECT, ran)
    if (ran.project / "pyproject.toml").is_file():
        _put(place / PROJECT / "pyproject.toml", (ran.project / "pyproject.toml").read_bytes())
    packages = {name for record in ran.stages for name in record.packages}
    _put(place / PINS, "\n".join(pins.closure({*packages, "nb2prod"})) + "\n")
    written = {file for record in ran.stages for file in record.files}
    read = {**ran.data, **{file: digest for record in ran.stages for file, digest in record.read.items()}}
    about = Origin(
        notebook=path.as_posix(),
        data={file: digest for file, digest in sorted(read.items()) if file not in written},
        outside=outside,
        previous=ran.previous,
        python=platform.python_version(),
        platform=f"{sys.platform}-{platform.machine()}",
        nb2prod=nb2prod.__version__,
    )
    _put(place / ABOUT, json.dumps(asdict(about), indent=1, ensure_ascii=False) + "\n")


def _keep_modules(place: Path, ran: Ran) -> dict[str, str]:
    """Keep the modules that the notebook used and that lie in its project; return what lies elsewhere."""
    outside, ours = {}, Path(nb2prod.__file__).parent
    for file, digest in ((file, digest) for record in ran.stages for file, digest in record.modules.items()):
        if Path(file).resolve().is_relative_to(ran.project):
            _put(place / _below(ran.project, Path(file).resolve()), Path(file).read_bytes())
        elif not Path(file).is_relative_to(ours):
            outside[file] = digest
    return outside


def read(folder: Path, release: str) -> Origin:
    """Return the origin of the release in a folder.

    Raises:
        OriginMissing: It was not kept.
    """
    try:
        return Origin(**json.loads((folder / FOLDER / ABOUT).read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise OriginMissing(release) from None


def lay_out(folder: Path, target: Path) -> None:
    """Copy what was kept of the project into a new folder."""
    shutil.copytree(folder / FOLDER / PROJECT, target)


def _bare(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a notebook without what running it left; of its cells nothing that was written by hand is lost."""
    return {**document, "cells": list(_cells(document["cells"]))}


def _cells(cells: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for cell in cells:
        if cell["cell_type"] != "code":
            yield dict(cell)
            continue
        metadata = {name: value for name, value in cell["metadata"].items() if name not in {"execution", "papermill"}}
        yield {**cell, "metadata": metadata, "outputs": [], "execution_count": None}


def _below(project: Path, file: Path) -> PurePosixPath:
    whole = file.relative_to(project if file.is_relative_to(project) else file.anchor)
    return PurePosixPath(whole.as_posix())


def _put(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
