"""Delivering: a release handed over, as files, to what shall run it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from attrs import asdict

from nb2prod import plugins
from nb2prod.errors.deliveries import FolderTaken, TargetTakesNot
from nb2prod.releases import trust
from nb2prod.targets.base import Taking
from nb2prod.targets.delivery import Wanted

MARK = ".nb2prod-delivery"  # in a folder that is ours to empty


def deploy(home: Path, name: str, *, target: str, folder: Path | None = None, **wanted: Any) -> dict[str, Any]:
    """Hand a release over to a target, and return the delivery's JSON.

    Args:
        home: The folder of records.
        name: The release.
        target: Who takes it.
        folder: What to write; a folder of the records' own when None.
        wanted: Fields of `Wanted`.

    Raises:
        RunUnknown: There is no such release.
        ReleaseChanged, ReleaseForeign: It is not what was released, or by nobody who is trusted.
        ShipError: It cannot be had here; what was written stays.
    """
    place = plugins.find("nb2prod.targets", target)(home)
    if not isinstance(place, Taking):
        raise TargetTakesNot(target)
    made = trust.trusted(home, name)
    folder = (folder or home / "delivered" / made.id / target).resolve()
    emptied(folder)
    return asdict(place.deliver(made, folder, Wanted(**wanted)))


def takes(target: str) -> bool:
    """Say whether a target takes files, without asking it to."""
    return hasattr(plugins.find("nb2prod.targets", target), "deliver")


def emptied(folder: Path) -> None:
    """Make a folder, or take out of it what was delivered before; nothing else is ever removed.

    Raises:
        FolderTaken: It holds something else.
    """
    mark = folder / MARK
    if folder.exists() and not mark.is_file() and any(folder.iterdir()):
        raise FolderTaken(str(folder))
    folder.mkdir(parents=True, exist_ok=True)
    mark.touch()
    for one in folder.iterdir():
        if one.is_dir() and not one.is_symlink():
            shutil.rmtree(one)
        elif one != mark:
            one.unlink()
