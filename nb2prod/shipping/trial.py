"""Trial: a package that is waited for and rehearsed while something else goes on, and that can be called off."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from attrs import define, field

from nb2prod import process
from nb2prod.packers.order import Packed
from nb2prod.packers.packer import Packing
from nb2prod.process import Running
from nb2prod.shipping import rehearsal
from nb2prod.shipping.rehearsal import Rehearsal


@define(eq=False)
class Trial:
    """A rehearsal in a thread. What it measures waits until it is `alone`: other work would be measured with it."""

    packing: Packing
    bentos: Path  # the store that the package is in
    work: Path  # for its log
    alone: threading.Event = field(factory=threading.Event)
    _over: bool = False
    _running: Running | None = None
    _future: Future[Rehearsal] = field(init=False)

    def rehearsed(self) -> Rehearsal:
        """Wait for the rehearsal, or raise what became of it; nothing else goes on now."""
        self.alone.set()
        return self._future.result()

    def call_off(self) -> None:
        """End what it waits for, and so itself."""
        self._over = True
        self.alone.set()
        self.packing.child.kill()
        if self._running is not None:
            process.stop(self._running)

    def begin(self, pool: ThreadPoolExecutor) -> None:
        """Begin in a thread."""
        self._future = pool.submit(self._run)

    def _run(self) -> Rehearsal:
        packed: Packed = self.packing.packed()
        return rehearsal.rehearse(
            packed.tag, packed, home=self.bentos, work=self.work, begun=self._begun, alone=self.alone.wait
        )

    def _begun(self, running: Running) -> None:
        self._running = running
        if self._over:  # called off between the package and its service
            raise InterruptedError


@contextmanager
def trial(packing: Packing, bentos: Path, work: Path) -> Iterator[Trial]:
    """Rehearse what is being packed; nothing of it goes on after the block."""
    made = Trial(packing, bentos, work)
    with ThreadPoolExecutor(1) as pool:
        made.begin(pool)
        try:
            yield made
        except BaseException:
            made.call_off()
            raise
