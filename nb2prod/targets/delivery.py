"""Delivery: a release as files, for something else than us to run."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class Wanted:
    """How a release shall be handed over; a target heeds what concerns it."""

    image: str | None = None  # what the image is called; as the Bento when None
    base: str | None = None  # image to build on; Python's slim one, of the same version, when None
    engine: str | None = None  # that builds it: docker, podman or buildah; the first that answers when None
    build: bool = True  # else only what to build from is written
    replicas: int = 2
    most: int = 6  # replicas under load
    namespace: str | None = None
    secret: str | None = None  # that holds the service's keys


@frozen(kw_only=True)
class Delivery:
    """What was handed over."""

    release: str
    target: str
    folder: str
    files: tuple[str, ...]  # in it
    image: str | None = None
    built: str | None = None  # the engine that did
    bytes: int | None = None  # of the image, where it was built
    risk: str | None = None  # the risk sheet, where it says more than that of the release
    next: tuple[str, ...] = ()  # commands to go on with
