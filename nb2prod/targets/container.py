"""ContainerTarget: a release as an image, built by whichever engine is here, from a folder that any other could use."""

from __future__ import annotations

from pathlib import Path

from attrs import evolve

from nb2prod.releases import release
from nb2prod.releases.release import Release
from nb2prod.risk import page
from nb2prod.targets import engines
from nb2prod.targets.context import FILE, write
from nb2prod.targets.delivery import Delivery, Wanted


class ContainerTarget:
    """Writes a build context, and builds it."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def deliver(self, made: Release, folder: Path, wanted: Wanted) -> Delivery:
        """Write the context; build the image unless that is not wanted."""
        kept = release.folder_of(self.home, made.id)
        context = write(made, kept / release.SERVICE, folder, wanted)
        image = context.image
        written = Delivery(
            release=made.id,
            target="container",
            folder=str(folder),
            files=tuple(sorted(path.name for path in folder.iterdir() if path.name[0] != ".")),
            image=image,
            next=(f"docker build -f {folder / FILE} -t {image} {folder}",),
        )
        if not wanted.build:
            return written
        built = engines.build(context, engines.find(wanted.engine, context))
        run = f"--read-only --tmpfs /tmp -p 127.0.0.1:3000:3000 -e SERVICE_API_KEYS=KEY {image}"
        engine = built.engine if built.engine != "buildah" else "podman"
        sheet = page.weighed(kept, folder, built.bytes)
        return evolve(
            written,
            built=built.engine,
            bytes=built.bytes,
            risk=sheet,
            next=(f"{engine} run {run}", f"{built.engine} push {image} REGISTRY/{image}"),
        )
