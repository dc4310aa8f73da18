"""Packing: lists of texts under names, as bytes, where to import `json` would cost half of what an answer may."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

VERSION = "1"

Packed = dict[str, list[str]]


def pack(packed: Mapping[str, Sequence[str]]) -> bytes:
    """Write lists of texts, which have no NUL in them."""
    parts = [VERSION]
    for name, values in packed.items():
        parts += [name, str(len(values)), *values]
    return "\0".join(parts).encode("utf-8", "surrogatepass")


def unpack(data: bytes) -> Packed:
    """Read what `pack` wrote.

    Raises:
        ValueError, LookupError: It is something else.
    """
    version, *parts = data.decode("utf-8", "surrogatepass").split("\0")
    if version != VERSION:
        raise ValueError(version)
    found: Packed = {}
    at = 0
    while at < len(parts):
        name, count = parts[at], int(parts[at + 1])
        found[name] = parts[at + 2 : at + 2 + count]
        at += 2 + count
    return found
