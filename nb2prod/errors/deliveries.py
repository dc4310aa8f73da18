"""Undelivered: why a release could not be handed over to what shall run it.

ShipError
├── EngineMissing   NB460  no container engine answers
├── ImageNotBuilt   NB461  the engine refused
├── TargetTakesNot  NB462  the target serves, and takes no files
└── FolderTaken     NB463  the folder to write holds something else
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field

from nb2prod.errors.base import ShipError, define


@define
class EngineMissing(ShipError):
    """No container engine answers."""

    silent: Mapping[str, str]  # engine → why
    folder: str  # of the build context, which is kept
    image: str

    code = "NB460"

    @property
    def message(self) -> str:
        told = "; ".join(f"{name}: {why}" for name, why in self.silent.items())
        return f"No engine that builds images answers here ({told}). What to build from is in {self.folder}."

    @property
    def cure(self) -> str:
        return (
            "Install docker, podman or buildah (`apt-get install buildah` needs no daemon) or start it, or take the "
            f"folder to where one is: `docker build -f {self.folder}/Containerfile -t {self.image} {self.folder}`. "
            "`--no-build` asks for the folder only."
        )


@define
class ImageNotBuilt(ShipError):
    """The engine refused to build."""

    engine: str
    log_file: str
    log: str = field(repr=False)

    code = "NB461"

    @property
    def message(self) -> str:
        lines = [line for line in self.log.splitlines() if line.strip()]
        return f"{self.engine} did not build the image: {lines[-1] if lines else 'it said nothing'}."

    @property
    def cure(self) -> str:
        return (
            f"All it said is in {self.log_file}. Where packages come from an index of your own, name its pip.conf in "
            "PIP_CONFIG_FILE and its certificate in PIP_CERT: they are handed on as build secrets."
        )

    @property
    def detail(self) -> str:
        return self.log


@define
class TargetTakesNot(ShipError):
    """The target serves releases itself, and takes no files."""

    target: str

    code = "NB462"

    @property
    def message(self) -> str:
        return f"The target '{self.target}' serves releases itself: there is nothing to hand over."

    @property
    def cure(self) -> str:
        return "`nb2prod serve` or `nb2prod promote` starts it there; container, kubernetes and bentocloud take files."


@define
class FolderTaken(ShipError):
    """The folder to write holds something that we did not write."""

    folder: str

    code = "NB463"

    @property
    def message(self) -> str:
        return f"{self.folder} holds files of somebody else, which would be lost."

    @property
    def cure(self) -> str:
        return "Name a folder that is new or empty, or one that was written by the same command before."
