"""Artifact: values that cross a stage boundary, kept under a content hash."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class Artifact:
    """Names whose values share objects, pickled together so that they still share them on the other side."""

    names: tuple[str, ...]  # sorted
    digest: str  # content hash: the store's key
    bytes: int
    buffers: tuple[str, ...] = ()  # keys of the blobs that hold its large buffers
    kinds: tuple[str, ...] = ()  # the type of each name's value, for people
    needs: tuple[str, ...] = ()  # globals that functions and classes inside read when called


@frozen(kw_only=True)
class Recipe:
    """Source that makes a name again where it is needed: imports, and definitions that cannot be stored."""

    name: str
    code: str
    needs: tuple[str, ...] = ()
    late: bool = False  # run after the inputs are loaded, because it reads them


Version = Artifact | Recipe
