"""Stock: what a store holds, for whom, and what nobody needs any more.

A pin is a record that names what must stay: the last run of a notebook, or a release. It lies in the store itself, so
that whoever shares it knows of it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from typing import TYPE_CHECKING, Any, Literal

from attrs import asdict, field, frozen

from nb2prod import schema
from nb2prod.errors.base import StoreError
from nb2prod.errors.stores import ValueUnknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from nb2prod.plan import Record
    from nb2prod.stores.base import Entry, Store

_DAY = 86_400  # seconds
_GRACE = 3_600  # seconds that a blob may lie there before the record that names it
_LOG = logging.getLogger(__name__)


@frozen(kw_only=True)
class Pin:
    """Who needs which records."""

    kind: Literal["run", "release"]
    name: str  # of the notebook, below its project, or of the release
    project: str  # name of the project's folder
    keys: Mapping[str, str]  # stage → key of its record


@frozen(kw_only=True)
class Holding:
    """What one stage left, for one pin."""

    stage: str
    key: str
    bytes: int = 0
    names: Mapping[str, str] = field(factory=dict)  # value → its type
    seconds: float = 0.0
    lost: bool = False  # not all of it is there any more


@frozen(kw_only=True)
class Collected:
    """What was removed, or would be."""

    bytes: int
    records: int
    blobs: int
    leftovers: int
    kept: int  # bytes that stay
    near: int = 0  # bytes that this machine had near by of a store elsewhere, and did not use of late


def pin(store: Store, wanted: Pin) -> None:
    """Note in the store who needs which records, in place of what the same run or release needed before."""
    for key in wanted.keys.values():
        store.touch(key)
    name = f"{wanted.kind} {wanted.project} {wanted.name}"
    key = f"pin-{hashlib.sha256(name.encode()).hexdigest()}"
    data = json.dumps(asdict(wanted), sort_keys=True).encode()
    try:
        if key not in store or store.get(key) != data:
            store.put(key, data)
    except StoreError as wrong:
        _LOG.warning("What the run left may be collected: %s", wrong)  # which is no reason to lose it now


def pins(store: Store) -> list[Pin]:
    """Return all pins, by kind and name."""
    found = [Pin(**json.loads(data)) for data in _read(store, "pin-", store.entries())]
    return sorted(found, key=lambda p: (p.kind, p.project, p.name))


def holdings(store: Store, wanted: Pin) -> list[Holding]:
    """Return what is kept for a pin, in the order of the stages."""
    return [_holding(store, stage, key) for stage, key in wanted.keys.items()]


def _holding(store: Store, stage: str, key: str) -> Holding:
    record = _record(store, key)
    if record is None:
        return Holding(stage=stage, key=key, lost=True)
    return Holding(
        stage=stage,
        key=key,
        bytes=record.bytes,
        names={n: k for a in record.artifacts for n, k in zip(a.names, a.kinds, strict=False)},
        seconds=record.seconds,
        lost=any(digest not in store for digest in record.digests),
    )


def value(store: Store, wanted: str) -> Any:
    """Return a value that the last run of a notebook left.

    Args:
        store: Where it is.
        wanted: `STAGE/NAME`, or `NOTEBOOK:STAGE/NAME` where several notebooks have such a stage.

    Raises:
        ValueUnknown: There is none, or more than one.
    """
    from nb2prod.worker import handover

    found: dict[tuple[str, str], str] = {}  # project and full name → digest
    for item in pins(store):
        for stage, key in item.keys.items():
            record = _record(store, key) if item.kind == "run" else None
            for artifact in record.artifacts if record else ():
                found.update({(item.project, f"{item.name}:{stage}/{n}"): artifact.digest for n in artifact.names})
    hits = {digest for (_, full), digest in found.items() if wanted in {full, full.partition(":")[2]}}
    if len(hits) != 1:
        raise ValueUnknown(wanted, tuple(sorted({full for _, full in found})))
    return handover.load(store, hits.pop(), {})[wanted.rpartition("/")[2]]


def listing(store: Store) -> dict[str, Any]:
    """Return what a store holds as JSON: by pin and stage, and in all."""
    entries = list(store.entries())
    kept = sorted((Pin(**json.loads(data)) for data in _read(store, "pin-", entries)), key=lambda p: (p.kind, p.name))
    return {
        "store": store.url,
        "bytes": sum(entry.bytes for entry in entries),
        "records": sum(entry.kind == "record" for entry in entries),
        "blobs": sum(entry.kind == "blob" for entry in entries),
        "pins": [
            {
                "kind": item.kind,
                "name": item.name,
                "project": item.project,
                "stages": [asdict(held) for held in holdings(store, item)],
            }
            for item in kept
        ],
    }


def collect(store: Store, *, keep_days: float, rehearse: bool = False) -> Collected:
    """Remove the records that nobody needs and that were not used for some days, and the blobs that no record names.

    It may be done while notebooks run: what they use is young, and what is removed under them is made again.

    Args:
        store: Where to.
        keep_days: Days since its last use for which a record stays without a pin.
        rehearse: Only say what would be removed.
    """
    now = time.time()
    entries = list(store.entries())  # before the records are read: what is written later is in nobody's way
    pinned = {key for item in pins(store) for key in item.keys.values()}
    old = [e for e in entries if e.kind == "record" and _expired(e, pinned, now - keep_days * _DAY)]
    staying = [e for e in entries if e.kind == "record" and e not in old]
    named = {digest for data in _read(store, "stage-", staying) for digest in _named(store, data)}
    blobs = [e for e in entries if e.kind == "blob" and e.key not in named and e.used < now - _GRACE]
    leftovers = [e for e in entries if e.kind == "leftover"]
    # Records first: one that is there should find what it names.
    gone = [entry for entry in (*old, *blobs, *leftovers) if rehearse or store.remove(entry)]
    freed = sum(entry.bytes for entry in gone)
    return Collected(
        bytes=freed,
        records=sum(entry.kind == "record" for entry in gone),
        blobs=sum(entry.kind == "blob" for entry in gone),
        leftovers=sum(entry.kind == "leftover" for entry in gone),
        kept=sum(entry.bytes for entry in entries) - freed,
        near=0 if rehearse else store.trim(now - keep_days * _DAY),
    )


def damaged(store: Store) -> list[dict[str, str]]:
    """Hold everything against its hash; return what is wrong, which is set aside by then, as JSON."""
    found = []
    for entry in store.entries():
        if entry.kind == "leftover":
            continue
        try:
            store.check(entry.key)
        except StoreError as wrong:
            found.append({"key": entry.key, "code": wrong.code, "message": wrong.message})
    for data in _read(store, "stage-", store.entries()):
        found.extend(
            {"key": digest, "code": "NB301", "message": f"Stage '{_stage(data)}' left it, and it is not there."}
            for digest in sorted(_named(store, data))
            if digest not in store and all(digest != item["key"] for item in found)
        )
    return found


def _expired(entry: Entry, pinned: set[str], before: float) -> bool:
    return entry.key not in pinned and not entry.key.startswith("pin-") and entry.used < before


def _named(store: Store, data: bytes) -> set[str]:
    """Return the blobs that a record names, and those that they name."""
    try:
        record = schema.read_record(data)
    except (ValueError, TypeError, KeyError):
        return set()  # of another version, which nothing here can read
    found = set(record.digests)
    if record.ambient:
        from nb2prod.worker import handover  # which brings what pickles, and only this needs it

        try:
            found |= {key for key, _ in handover.buffers(store.get(record.ambient))}
        except (StoreError, ValueError):
            return found  # damaged: the stage runs again
    return found


def _stage(data: bytes) -> str:
    return str(json.loads(data).get("stage", ""))


def _record(store: Store, key: str) -> Record | None:
    try:
        return schema.read_record(store.get(key))
    except (StoreError, ValueError, TypeError, KeyError):
        return None


def _read(store: Store, prefix: str, entries: Iterable[Entry]) -> Iterator[bytes]:
    """Yield the records whose key begins so, but for those that are damaged or were removed just now."""
    for entry in entries:
        if entry.kind == "record" and entry.key.startswith(prefix):
            try:
                yield store.get(entry.key)
            except StoreError:
                continue
