"""Arrival: the values of artifacts put back where they mean what they meant: under names, in modules, in registries."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from nb2prod.artifact import Artifact
from nb2prod.errors.base import StoreError
from nb2prod.worker import handover, registries

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nb2prod.artifact import Version
    from nb2prod.stores.base import Store


def load(store: Store, versions: Mapping[str, Version], namespace: dict[str, Any]) -> None:
    """Put the values of artifacts back under those of their names that still mean them."""
    artifacts = {version.digest: version for version in versions.values() if isinstance(version, Artifact)}
    load_digests(store, {digest: stale(artifact, versions) for digest, artifact in artifacts.items()}, namespace)


def stale(artifact: Artifact, versions: Mapping[str, Version]) -> list[str]:
    """Return the names in an artifact that have been set anew or deleted since it was kept."""
    return [name for name in artifact.names if versions.get(name) != artifact]


def load_digests(store: Store, digests: Mapping[str, Iterable[str]], namespace: dict[str, Any]) -> set[str]:
    """Put values back by content hash, but for the names that are given with it; functions bound to `namespace`.

    Returns:
        The names that were put back.
    """
    loaded: set[str] = set()
    patches: dict[str, Any] = {}  # put in place when all is there that may refer to what they replace
    pending = list(digests)
    while pending:
        later: list[str] = []
        for digest in pending:
            try:
                values = handover.load(store, digest, namespace)
            except StoreError:
                raise
            except Exception:  # a value may look up others while it is made, such as a model of a formula
                if len(later) + 1 == len(pending):
                    raise
                later.append(digest)
                continue
            for name in set(values) - set(digests[digest]):
                if "." in name and ":" not in name:
                    patches[name] = values[name]
                else:
                    _put(namespace, name, values[name])
                loaded.add(name)
        pending = later
    for name, value in patches.items():
        _put(namespace, name, value)
    return loaded


def _put(namespace: dict[str, Any], name: str, value: Any) -> None:
    head, *attributes = name.split(".")
    if ":" in name:
        registries.put(name, value, namespace)
    elif attributes:
        setattr(functools.reduce(getattr, attributes[:-1], namespace[head]), attributes[-1], value)
    else:
        namespace[name] = value
