"""Packer: the process that packs what a run left, as the one sees it that waits for it."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen

from nb2prod import journal, notebook, pipeline, policy, settings
from nb2prod.errors.base import Nb2ProdError
from nb2prod.errors.ships import PackingEnded
from nb2prod.packers import previous
from nb2prod.packers.order import Order, Packed
from nb2prod.packers.previous import Previous
from nb2prod.pipeline import Pipeline
from nb2prod.policy import Rules
from nb2prod.report import Report
from nb2prod.stores.base import Store

# Its threads sleep while they wait: the notebook is verified beside it, and wants the cores as well.
SLEEPY = {"OMP_WAIT_POLICY": "PASSIVE"}
EXECUTED = "executed.ipynb"  # in the folder of a run


@frozen(kw_only=True)
class Source:
    """A run that went well, and where its parts are."""

    report: Report
    pipeline: Pipeline
    store: Store
    folder: Path  # the notebook's
    home: Path  # of its records
    rules: Rules

    @property
    def executed(self) -> Path:
        """Return the notebook as it ran."""
        return journal.folder_of(self.home, self.report.run) / EXECUTED

    @property
    def previous(self) -> Previous | None:
        """Return the release that answers for the notebook now, which the new model is compared with."""
        return previous.live(self.home, journal.below(self.home, self.folder / self.pipeline.notebook.name))


def source(path: Path, report: Report, *, store: Store, home: Path) -> Source:
    """Gather what the run of a notebook left; its cells are those that ran, whatever was written to the file since."""
    ran = json.loads((journal.folder_of(home, report.run) / EXECUTED).read_text(encoding="utf-8"))
    line = pipeline.build(notebook.parse(ran, path.name))
    rules = policy.rules(settings.policy_of(path))
    return Source(report=report, pipeline=line, store=store, folder=path.resolve().parent, home=home, rules=rules)


@frozen(kw_only=True)
class Packing:
    """The process that measures the model and writes the files of its service."""

    child: subprocess.Popen[str]
    result: Path
    log: Path

    def measured(self) -> None:
        """Wait until the model is measured."""
        assert self.child.stdout is not None
        if not self.child.stdout.readline():
            self.packed()

    def packed(self) -> Packed:
        """Wait for the result, or raise the refusal."""
        status = self.child.wait()
        if not self.result.exists():
            raise PackingEnded(status, self.log.read_text(encoding="utf-8", errors="replace")[-4000:])
        found: Packed | Nb2ProdError = pickle.loads(self.result.read_bytes())  # noqa: S301  written a moment ago, by us
        if isinstance(found, Nb2ProdError):
            raise found
        return found


@contextmanager
def packing(
    source: Source, work: Path, own: Path, archive: Path | None = None, rival: Previous | None = None
) -> Iterator[Packing]:
    """Start to pack; nothing of it goes on after the block.

    Args:
        source: The run.
        work: A folder for the service's files and a log.
        own: A folder of ours alone.
        archive: Where to export a Bento of the files, too; it is in the BentoML store `own/bentoml` then.
        rival: The release that the model is compared with; the one that answers now when None.
    """
    order, result, log = own / "order.pkl", own / "packed.pkl", work / "pack.log"
    folder, values = str(work / "service"), dict(source.report.values)
    wanted = Order(
        notebook=source.pipeline.notebook,
        store=source.store.url,
        values=values,
        folder=folder,
        executed=str(source.executed.resolve()),
        rules=source.rules,
        previous=rival or source.previous,
        archive=None if archive is None else str(archive),
        bentos=str(own / "bentoml"),
    )
    order.write_bytes(pickle.dumps(wanted))
    command = [sys.executable, "-m", "nb2prod.packers.pack", str(order), str(result)]
    with log.open("wb") as said:
        child = subprocess.Popen(
            command, cwd=source.folder, env=SLEEPY | os.environ, stdout=subprocess.PIPE, stderr=said, text=True
        )
    with child:
        try:
            yield Packing(child=child, result=result, log=log)
        except BaseException:
            child.kill()
            raise
