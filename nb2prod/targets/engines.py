"""Engine: the program that builds images here: docker, podman or buildah, whichever answers."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from attrs import frozen

from nb2prod.errors.deliveries import EngineMissing, ImageNotBuilt
from nb2prod.targets.context import FILE, Context

ENGINES = ("docker", "podman", "buildah")
UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


@frozen(kw_only=True)
class Built:
    """An image that an engine has."""

    image: str
    engine: str
    bytes: int


def find(name: str | None, context: Context) -> str:
    """Return the engine to build with: the one that is asked for, or the first that answers.

    Raises:
        EngineMissing: None does.
    """
    silent: dict[str, str] = {}
    for engine in (name,) if name else ENGINES:
        said = _answers(engine)
        if said is None:
            return engine
        silent[engine] = said
    raise EngineMissing(silent, str(context.folder), context.image)


def build(context: Context, engine: str) -> Built:
    """Build an image.

    Raises:
        ImageNotBuilt: The engine refused; its log is in the context's folder.
    """
    # Health checks are no part of OCI's format, so those that would leave them out are told to use Docker's.
    form = [] if engine == "docker" else ["--format", "docker"]
    command = [engine, "build", *form, *_secrets(), "-f", str(context.folder / FILE), "-t", context.image]
    log = context.folder.with_name(f"{context.folder.name}.log")
    with log.open("wb") as said:
        status = subprocess.run(
            [*command, str(context.folder)], stdout=said, stderr=said, check=False, env=_environment()
        ).returncode
    if status:
        raise ImageNotBuilt(engine, str(log), log.read_text(encoding="utf-8", errors="replace")[-4000:])
    return Built(image=context.image, engine=engine, bytes=_size(engine, context.image))


def _answers(engine: str) -> str | None:
    """Return None when an engine can be used, else why not."""
    if shutil.which(engine) is None:
        return "not installed"
    try:
        # A client may be there without a server.
        done = subprocess.run([engine, "info"], capture_output=True, text=True, check=False, timeout=30)
    except subprocess.TimeoutExpired:
        return "it does not answer"
    if done.returncode == 0 and "Cannot connect" not in done.stderr:
        return None
    return (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]


def _environment() -> dict[str, str]:
    return {**os.environ, "DOCKER_BUILDKIT": "1"}


def _secrets() -> list[str]:
    """Hand on how pip finds its index here, in a way that leaves nothing of it in the image."""
    found = {"pip": os.environ.get("PIP_CONFIG_FILE"), "ca": os.environ.get("PIP_CERT")}
    return [f"--secret=id={name},src={path}" for name, path in found.items() if path and Path(path).is_file()]


def _size(engine: str, image: str) -> int:
    if engine == "buildah":
        said = _said([engine, "images", "--format", "{{.Size}}", image]).split("\n")[0]
        match = re.fullmatch(r"([\d.]+)\s*([KMGT]?B)", said.strip().upper())
        return int(float(match[1]) * UNITS[match[2]]) if match else 0
    said = _said([engine, "image", "inspect", "--format", "{{.Size}}", image]).strip()
    return int(said) if said.isdigit() else 0


def _said(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout
