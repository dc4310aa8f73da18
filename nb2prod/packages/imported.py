"""Imported: the packages that a notebook imports, looked up in this environment and in its project's requirements.

Only imports that are sure to happen count: not those within `try`, `if` or a function. What a notebook installs
itself is there; where it says where modules are found, or its kernel is another interpreter, nothing is said.
"""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from functools import lru_cache
from importlib import metadata
from typing import TYPE_CHECKING

from nb2prod import dataflow, environment, settings
from nb2prod.checks.fixes import Requires
from nb2prod.checks.packages import Package
from nb2prod.errors.base import Place
from nb2prod.packages import requirements
from nb2prod.packages.requirements import canonical
from nb2prod.runners import choice
from nb2prod.stage import code

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from nb2prod.packages.requirements import Listing
    from nb2prod.pipeline import Pipeline

# They run the notebook, so that nobody lists them.
_OURS = frozenset({"nb2prod", "IPython"})
# What modules are called in an index, where that is not their own name.
_CALLED = {
    "Bio": "biopython", "Crypto": "pycryptodome", "MySQLdb": "mysqlclient", "OpenSSL": "pyopenssl", "PIL": "pillow",
    "attr": "attrs", "bs4": "beautifulsoup4", "cv2": "opencv-python", "dateutil": "python-dateutil",
    "docx": "python-docx", "dotenv": "python-dotenv", "faiss": "faiss-cpu", "fitz": "pymupdf", "git": "gitpython",
    "googleapiclient": "google-api-python-client", "hydra": "hydra-core", "jwt": "pyjwt", "pptx": "python-pptx",
    "psycopg2": "psycopg2-binary", "serial": "pyserial", "skimage": "scikit-image", "sklearn": "scikit-learn",
    "umap": "umap-learn", "yaml": "pyyaml",
}  # fmt: skip
_INSTALLS = re.compile(r"\b(?:pip3?|conda|mamba)\s+install\s+(.+)")
_FINDS = re.compile(r"\bsys\s*\.\s*path\b|\bsite\s*\.\s*addsitedir\b")


def packages(pipeline: Pipeline, path: Path, top: Path | None = None) -> tuple[Package, ...]:
    """Return the packages that a notebook imports and that are not its own."""
    sources = [cell.source for cell in pipeline.notebook.cells if cell.kind == "code"]
    kernel = settings.read(path).kernel or pipeline.notebook.kernel
    if any(map(_FINDS.search, sources)) or not choice.is_ours(kernel or "python3"):
        return ()
    written = frozenset(canonical(name) for source in sources for name in _installs(source))
    found = requirements.listings(path, top)
    known = frozenset(line.name for listing in found for line in listing.lines)
    open_ended = not all(listing.whole for listing in found)
    return tuple(
        _package(module, place, path, found, written, known if not open_ended else None)
        for module, place in _modules(pipeline)
        if not _is_local(module, path)
    )


def _package(  # noqa: PLR0913 - what is known of one
    module: str,
    place: Place,
    path: Path,
    found: tuple[Listing, ...],
    written: frozenset[str],
    known: frozenset[str] | None,
) -> Package:
    names = environment.provider(module)
    top = module.partition(".")[0]
    installed = bool(names) or importlib.util.find_spec(top) is not None
    called = tuple(names or [_CALLED.get(top, canonical(top))])
    compared = {canonical(name) for name in called}
    by = [r for r in found if compared & {line.name for line in r.lines}]
    listed = requirements.named(by[0].file, path) if by else None
    fits = listed or not found or known is None or (installed and not names) or compared & (written | _closure(known))
    return Package(
        module=top,
        place=place,
        names=called,
        installed=installed or bool(compared & written),
        listed=listed,
        missing=() if fits else tuple(_ways(called, found, path)),
    )


def _ways(names: Iterable[str], found: Iterable[Listing], path: Path) -> Iterator[Requires]:
    for listing in found:
        for name in names:
            requirement = "" if listing.locked else listing.requirement(name, _version(name))
            yield Requires(file=requirements.named(listing.file, path), requirement=requirement)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name).partition("+")[0]  # what stands behind it says how it was built
    except metadata.PackageNotFoundError:
        return None


@lru_cache(maxsize=32)
def _closure(names: frozenset[str]) -> frozenset[str]:
    """Return packages with all that they bring."""
    from nb2prod.bundle.pins import closure

    installed = [name for name in names if _version(name)]
    return frozenset(pin.partition("==")[0] for pin in closure(installed))


def _modules(pipeline: Pipeline) -> Iterator[tuple[str, Place]]:
    """Yield each module of another's that is imported, once for its top-level package, where that happens first."""
    seen: set[str] = set(sys.stdlib_module_names) | _OURS
    for flow in pipeline.flows:
        for item in flow.cells:
            for node in () if item.fault else dataflow.parse(code(item.cell)).body:
                for module in _named(node):
                    top = module.partition(".")[0]
                    if top not in seen:
                        seen.add(top)
                        place = Place(
                            cell=item.cell.index, cell_id=item.cell.id, line=node.lineno, stage=flow.stage.name
                        )
                        yield module, place


def _named(node: ast.stmt) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            yield from (alias.name for alias in names)
        case ast.ImportFrom(module=str(module), names=[first, *_], level=0):
            # Of `from google.cloud import storage` the package is a part of `google`, which many share.
            yield f"{module}.{first.name}" if first.name != "*" else module


def _installs(source: str) -> Iterator[str]:
    """Yield the packages that a cell installs."""
    for found in _INSTALLS.finditer(source):
        for word in found[1].split():
            if name := re.match(r"[A-Za-z0-9][\w.-]*", word.strip("'\"")):
                yield name[0]


def _is_local(module: str, path: Path) -> bool:
    """Tell whether a module lies beside the notebook, or in its project."""
    own, last = path.resolve().parent, requirements.folder_of(path)
    name = module.partition(".")[0]
    folders = [own, *(folder for folder in own.parents if last in (folder, *folder.parents)), last / "src"]
    return any((folder / f"{name}.py").is_file() or (folder / name).is_dir() for folder in folders)
