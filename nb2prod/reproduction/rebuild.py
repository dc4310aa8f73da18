"""Rebuild: the process that makes a release's service again, from the notebook on, and releases nothing.

`python -m nb2prod.reproduction.rebuild NOTEBOOK PARAMETERS RIVAL RESULT` runs a notebook in its folder, measures and
packages its model, compares it with the release RIVAL (null for none), and writes to the file RESULT what came of it.
"""

from __future__ import annotations

import json
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

from nb2prod import journal, run, schema, settings
from nb2prod.errors.base import Nb2ProdError
from nb2prod.packers import packer
from nb2prod.packers.previous import Previous
from nb2prod.run import Options
from nb2prod.shipping import releasing


def rebuild(path: Path, parameters: dict[str, Any], rival: Previous | None) -> dict[str, Any]:
    """Run and package a notebook; the result names the folder of the service's files."""
    chosen = settings.read(path)
    options = run.named(Options(parameters=parameters), "reproduce")
    tell = run.journaled(chosen.home, options.run, None)
    report = run.of_file(path, options, chosen, tell)
    if report.error is not None:
        raise report.error
    source = packer.source(path, report, store=run.store_of(chosen), home=chosen.home)
    work = journal.folder_of(chosen.home, report.run) / "ship"
    work.mkdir(parents=True)
    with (
        tempfile.TemporaryDirectory(prefix="nb2prod-") as own,
        packer.packing(source, work, Path(own), rival=rival) as packing,
    ):
        packed = packing.packed()
    return {
        "service": str(work / "service"),
        "metrics": dict(packed.metrics),
        "data": {f"rows:{part}": digest for part, digest in packed.data.items()},
        "code": releasing.code_of(source.pipeline),
        "python": platform.python_version(),
        "error": None,
    }


def main() -> None:
    """Rebuild, and write the result whole."""
    path, parameters, rival, target = sys.argv[1:]
    known = json.loads(rival)
    try:
        found = rebuild(Path(path), json.loads(parameters), Previous(**known) if known else None)
    except Nb2ProdError as wrong:
        found = {"error": schema.error(wrong)}
    journal.write_whole(Path(target), json.dumps(found))


if __name__ == "__main__":
    main()
