"""Handover: values that one stage puts into a store, and others take out of it.

Values that share objects are one blob: a line of JSON that names the large buffers, which are blobs of their own, and
the pickle that refers to them. So equal columns of two frames are kept once, and a frame is read by mapping it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from attrs import frozen

from nb2prod.errors.base import ArtifactCorrupt
from nb2prod.formats import objects
from nb2prod.stores.base import content_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from nb2prod.formats.objects import Pickled
    from nb2prod.stores.base import Store


@frozen(kw_only=True)
class Kept:
    """Where values lie in a store."""

    digest: str  # of the blob that says all
    buffers: tuple[str, ...]  # blobs that it names, in order, each once
    bytes: int  # of all of them
    needs: tuple[str, ...]  # globals that functions inside read when called, sorted


def keep(store: Store, values: Mapping[str, Any], namespace: dict[str, Any]) -> Kept:
    """Put named values into a store.

    Args:
        store: Where to.
        values: What to keep, by name.
        namespace: The globals of the notebook's functions, which are left out.

    Raises:
        Unkeepable: One of them cannot be stored.
        StoreFull: There is no room.
    """
    pickled = objects.dumps(values, namespace)
    keys = [store.add(buffer) for buffer in pickled.buffers]
    sizes = {key: len(buffer) for key, buffer in zip(keys, pickled.buffers, strict=True)}
    data = _framed(pickled, keys)
    return Kept(
        digest=store.add(data),
        buffers=tuple(sizes),
        bytes=len(data) + sum(sizes.values()),
        needs=tuple(sorted(pickled.needs)),
    )


def digest(values: Mapping[str, Any], namespace: dict[str, Any]) -> str:
    """Return the digest under which `keep` would keep values.

    Raises:
        Unkeepable: One of them cannot be stored.
    """
    pickled = objects.dumps(values, namespace)
    return content_key(_framed(pickled, [content_key(buffer) for buffer in pickled.buffers]))


def load(store: Store, digest: str, namespace: dict[str, Any]) -> dict[str, Any]:
    """Return values by name, their functions bound to `namespace`; large ones are read when they are used.

    Raises:
        ArtifactMissing: They are not in the store, or not all of what they need.
        ArtifactCorrupt: They are not what was kept.
    """
    data = store.get(digest)
    if content_key(data) != digest:
        raise ArtifactCorrupt(digest)  # a pickle can run any code: only the very bytes that were kept are read
    named = buffers(data)
    return objects.loads(data, namespace, _views(store, named), start=data.index(b"\n") + 1)


def buffers(data: bytes) -> list[tuple[str, int]]:
    """Return the buffers that a blob of values names: key and bytes of each, in the order of the pickle."""
    return [(key, size) for key, size in json.loads(data[: data.index(b"\n")])["buffers"]]


def _framed(pickled: Pickled, keys: Sequence[str]) -> bytes:
    named = [[key, len(buffer)] for key, buffer in zip(keys, pickled.buffers, strict=True)]
    return json.dumps({"buffers": named}).encode() + b"\n" + pickled.stream


def _views(store: Store, named: Sequence[tuple[str, int]]) -> Iterator[memoryview]:
    for key, size in named:
        # Each gets memory of its own, also where two have the same content: one of them may be changed.
        view = store.view(key)
        if len(view) != size:
            raise ArtifactCorrupt(key)
        yield view
