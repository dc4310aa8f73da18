"""Trial: a package that is waited for and rehearsed while something else goes on, and that can be called off."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from attrs import define, field

from nb2prod.bundle import bento
from nb2prod.hosting.rehearsed import RehearsedService
from nb2prod.packers.order import Packed
from nb2prod.packers.packer import Packing
from nb2prod.shipping import rehearsal
from nb2prod.shipping.rehearsal import Rehearsal, Stage


@define(eq=False, kw_only=True)
class Trial:
    """A rehearsal in a thread. What it measures waits until it is `alone`: other work would be measured with it."""

    packing: Packing
    bentos: Path  # the store that the package is in
    service: RehearsedService
    port: int | None = None  # where the service shall be, if that is free
    alone: threading.Event = field(factory=threading.Event)
    new: bool = False  # the user's store did not have the package
    _packed: Packed | None = None
    _future: Future[Rehearsal] = field(init=False)

    def rehearsed(self) -> Rehearsal:
        """Wait for the rehearsal, or raise what became of it; nothing else goes on now."""
        self.alone.set()
        return self._future.result()

    def call_off(self) -> None:
        """End what it waits for, and so itself."""
        self.alone.set()
        self.packing.child.kill()
        self.service.end()

    def forget(self, work: Path) -> None:
        """Take the package out of the user's store again; what its service printed is kept with its files."""
        if self.new and self._packed is not None:
            bento.delete_bento(self._packed.tag, home=bento.user_home())
        if self.service.log.exists():
            shutil.move(self.service.log, work / "service.log")

    def begin(self, pool: ThreadPoolExecutor) -> None:
        """Begin in a thread."""
        self._future = pool.submit(self._run)

    def _run(self) -> Rehearsal:
        self._packed = packed = self.packing.packed()
        home = bento.user_home()
        self.new = bento.copy_bento(packed.tag, self.bentos, home)
        stage = Stage(port=self.port, alone=self.alone.wait)
        return rehearsal.rehearse(self.service, packed.tag, packed, home=home, stage=stage)


@contextmanager
def trial(made: Trial, work: Path) -> Iterator[Trial]:
    """Rehearse what is being packed. When the block fails, nothing goes on, and only files in `work` are left."""
    try:
        with ThreadPoolExecutor(1) as pool:
            made.begin(pool)
            try:
                yield made
            except BaseException:
                made.call_off()
                raise
    except BaseException:
        made.forget(work)
        raise
