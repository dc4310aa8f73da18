"""Order: what to pack of a run that went well, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from attrs import Factory, frozen

from nb2prod.artifact import Version
from nb2prod.candidates.preparation import Preparation
from nb2prod.notebook import Notebook
from nb2prod.packers.call import Blob, Call, Fault
from nb2prod.pipeline import Pipeline
from nb2prod.policy import Rules, Verdict

if TYPE_CHECKING:
    from nb2prod.bundle import bento
    from nb2prod.evaluate import Comparison, Rival
    from nb2prod.packers import probe
    from nb2prod.packers.previous import Previous
    from nb2prod.risk import sheet


@frozen(kw_only=True)
class Order:
    """What to pack, and where to."""

    notebook: Notebook
    store: str
    values: Mapping[str, Version]
    folder: str  # of the service's files
    executed: str = ""  # the notebook with its outputs
    rules: Rules
    archive: str | None = None  # the file to export a Bento to, if one is wanted
    bentos: str = ""  # the BentoML store to build it in
    previous: Previous | None = None  # what answers now


@frozen(kw_only=True)
class Packed:
    """What became of an order: the files of a service are written, and this is what is to be said of them."""

    kind: str  # of the release
    name: bento.Name
    version: str
    held: tuple[Call, ...]  # what a rehearsal asks, with the notebook's own answers
    hostile: tuple[Call, ...] = ()  # likewise, at the edges of what was seen
    single: tuple[Call, ...]  # the smallest requests there are, to time
    faulty: tuple[Fault, ...] = ()  # what the service must refuse
    blobs: tuple[Blob, ...] = ()  # what it must give out byte by byte
    licences: Mapping[str, str]
    environment: tuple[str, ...]  # pins
    size: sheet.Size
    security: tuple[Verdict, ...]
    # Of what is no model, there is nothing to say here.
    metrics: Mapping[str, float] = Factory(dict)
    baseline: Rival | None = None
    compared: Comparison | None = None
    rivals: tuple[Rival, ...] = ()  # others that it was compared with
    prepared: Preparation = Factory(Preparation)  # what the notebook does to rows before its model gets them
    fast: probe.Verdict | None = None
    model: Mapping[str, Any] = Factory(dict)  # name, kind, class, digest, rows
    data: Mapping[str, str] = Factory(dict)  # of the training and held-out rows: SHA-256

    @property
    def tag(self) -> str:
        """Return the tag of its Bento."""
        return f"{self.name.tag}:{self.version}"


# Takes an order, its pipeline, a fresh `__main__` to put values into, and what to call when the model is measured.
# Returns None where a notebook has nothing of the packer's kind; raises a refusal where it has, and that cannot be
# packed.
Packer = Callable[[Order, Pipeline, dict[str, Any], Callable[[], None]], "Packed | None"]
