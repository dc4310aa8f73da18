"""Build context: what an engine builds the image of a service from: a folder that needs nothing else."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path
from string import Template

from attrs import frozen
from uv import find_uv_bin

from nb2prod.releases.release import Release
from nb2prod.targets.delivery import Wanted

FILE = "Containerfile"
SLOWER = 5  # how much slower than this machine the one that serves may be


@frozen(kw_only=True)
class Context:
    """A build context."""

    folder: Path
    image: str  # what it makes is called
    hashed: bool  # whether the packages' hashes are in it


def write(made: Release, service: Path, folder: Path, wanted: Wanted) -> Context:
    """Write the build context of a release.

    Args:
        made: The release.
        service: The folder of its service.
        folder: Where to; it is empty.
        wanted: What the image is called, and built on.
    """
    shutil.copytree(service, folder / "service", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(service.parent / "release.json", folder / "service")
    pinned = (service / "requirements.txt").read_text(encoding="utf-8")
    with_hashes = hashed(service / "requirements.txt")
    (folder / "requirements.txt").write_text(with_hashes or pinned, encoding="utf-8")
    (folder / FILE).write_text(containerfile(made, wanted, hashed=bool(with_hashes)), encoding="utf-8")
    return Context(folder=folder, image=wanted.image or made.bento, hashed=bool(with_hashes))


def containerfile(made: Release, wanted: Wanted, *, hashed: bool) -> str:
    """Write the instructions."""
    name, _, version = made.bento.partition(":")
    labels = {
        "org.opencontainers.image.title": name,
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.created": made.created,
        "org.opencontainers.image.description": f"Answers with the model of {made.notebook}.",
        "nb2prod.release": made.id,
    }
    return Template(files("nb2prod.targets").joinpath("Containerfile.txt").read_text(encoding="utf-8")).substitute(
        image=wanted.image or made.bento,
        release=made.id,
        base=wanted.base or f"python:{made.python}-slim",
        hashed="--require-hashes " if hashed else "",
        labels="LABEL " + " \\\n      ".join(f"{key}={_quoted(value)}" for key, value in labels.items()),
        patience=math.ceil(max(30, SLOWER * made.rehearsal.get("cold_start_seconds", 0))),
    )


def hashed(requirements: Path) -> str:
    """Return pins with the hashes of their files, or nothing where the index cannot be asked."""
    command = [find_uv_bin(), "pip", "compile", "--quiet", "--no-deps", "--generate-hashes"]
    command += ["--no-header", "--no-annotate", str(requirements)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode else done.stdout


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("$", "\\$")
