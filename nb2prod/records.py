"""Records: what runs and releases have left behind, looked at again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nb2prod import changes, document, journal, notebook, page
from nb2prod.changes import Ran
from nb2prod.deploying import services
from nb2prod.errors.base import RunUnknown
from nb2prod.releases import release

if TYPE_CHECKING:
    from pathlib import Path


def report_page(home: Path, name: str) -> Path:
    """Return the page in HTML of a run that has ended, drawn now if nobody asked for it before.

    Raises:
        RunUnknown: There is no such run, or it has not ended.
    """
    found = journal.result(home, name)
    if found is None:
        raise RunUnknown(name)
    there = journal.folder_of(home, name) / "report.html"
    return there if there.is_file() else page.write(home, found)


def show(home: Path, name: str) -> dict[str, Any]:
    """Return the result of a run, or a release.

    Raises:
        RunUnknown: There is neither of that name, or the run has not ended.
    """
    if release.ID.fullmatch(name):
        return services.show_release(home, name)
    found = journal.result(home, name)
    if found is None:
        raise RunUnknown(name)
    return found


def compare(home: Path, one: str, other: str) -> dict[str, Any]:
    """Return what differs between two runs that have ended.

    Raises:
        RunUnknown: There is no such run, or it has not ended, or it ran nothing.
    """
    return changes.between(_ran(home, one), _ran(home, other))


def _ran(home: Path, run: str) -> Ran:
    found, executed = journal.result(home, run), journal.folder_of(home, run) / "executed.ipynb"
    if found is None or not executed.is_file():
        raise RunUnknown(run)
    return Ran(result=found, book=notebook.parse(document.read(executed), executed.name))
