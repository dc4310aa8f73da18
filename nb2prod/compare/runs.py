"""Comparison: what tells the outputs of two runs of one notebook apart, cell by cell."""

from __future__ import annotations

import base64
import io
import json
from typing import TYPE_CHECKING, Any, Literal

from attrs import evolve, frozen

from nb2prod.compare.texts import same_text, visible
from nb2prod.compare.values import contrast

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import date

    Output = Mapping[str, Any]  # of nbformat

Kind = Literal["printed", "result", "error", "value", "warned"]
CODES: Mapping[Kind, str] = {
    "printed": "NB211",
    "result": "NB212",
    "error": "NB213",
    "value": "NB214",
    "warned": "NB215",
}
_LONGEST = 300  # characters of a text that are shown


@frozen(kw_only=True)
class Difference:
    """What a cell showed, or a name held, in a straight run and not in the staged one."""

    kind: Kind
    cell: int | None = None  # index in the document
    cell_id: str | None = None
    stage: str | None = None
    name: str | None = None  # of a value that the stage, or the end of the notebook, is given
    straight: str = ""
    staged: str = ""
    message: str = ""

    @property
    def place(self) -> tuple[Any, ...]:
        """Where it is: two straight runs that differ in the same place tell that it is not ours."""
        return (self.stage, self.name) if self.kind == "value" else (self.kind == "warned", self.cell)

    @property
    def code(self) -> str:
        """The stable name of this kind of difference, such as `NB214`."""
        return CODES[self.kind]

    @property
    def harmless(self) -> bool:
        """True for what a process says once for itself: warnings and progress on stderr."""
        return self.kind == "warned"


@frozen(kw_only=True)
class Verdict:
    """What was found when a notebook was run straight through beside its stages."""

    cells: int  # whose outputs were compared
    names: int = 0  # whose values were
    differences: tuple[Difference, ...] = ()
    unstable: tuple[Difference, ...] = ()  # where two straight runs differ as well
    notes: tuple[Difference, ...] = ()  # harmless ones
    seconds: float = 0.0  # of the straight runs

    @property
    def equal(self) -> bool:
        """True when nothing differs but what differs between any two runs of the notebook."""
        return not self.differences


def judged(found: Iterable[Difference], shaky: Iterable[Difference], verdict: Verdict) -> Verdict:
    """Tell differences apart: ours, and those of straight runs (`shaky`)."""
    places = {item.place for item in shaky}
    found = tuple(found)
    return evolve(
        verdict,
        differences=tuple(d for d in found if not d.harmless and d.place not in places),
        unstable=tuple(d for d in found if not d.harmless and d.place in places),
        notes=tuple(d for d in found if d.harmless),
    )


def outputs(straight: Sequence[Output], staged: Sequence[Output], *, today: date) -> Iterator[Difference]:
    """Compare what one cell showed; yields at most one difference of each kind."""
    for kind, stream in (("printed", "stdout"), ("warned", "stderr")):
        printed = _stream(straight, stream), _stream(staged, stream)
        if not same_text(*printed, today=today):
            yield _difference(kind, *_around(*printed, today))
    errors = _errors(straight), _errors(staged)
    if not same_text(*errors, today=today):
        yield _difference("error", *errors)
    shown, others = _shown(straight), _shown(staged)
    if len(shown) != len(others):
        yield _difference("result", f"{len(shown)} results", f"{len(others)} results")
        return
    for mine, theirs in zip(shown, others, strict=True):
        found = _bundle(mine, theirs, today)
        if found is not None:
            yield found
            return


def _stream(found: Sequence[Output], name: str) -> str:
    return "".join(_text(o.get("text")) for o in found if o.get("output_type") == "stream" and o.get("name") == name)


def _errors(found: Sequence[Output]) -> str:
    return "\n".join(f"{o.get('ename')}: {o.get('evalue')}" for o in found if o.get("output_type") == "error")


def _shown(found: Sequence[Output]) -> list[Mapping[str, Any]]:
    return [o.get("data") or {} for o in found if o.get("output_type") in {"execute_result", "display_data"}]


def _text(value: Any) -> str:
    return "".join(value) if isinstance(value, list) else str(value or "")


def _bundle(mine: Mapping[str, Any], theirs: Mapping[str, Any], today: date) -> Difference | None:
    """Compare one result in every form it has."""
    if set(mine) != set(theirs):
        return _difference("result", ", ".join(sorted(mine)), ", ".join(sorted(theirs)))
    for form in sorted(mine):
        a, b = mine[form], theirs[form]
        if form == "text/html":
            a, b = visible(_text(a)), visible(_text(b))
        if form == "application/javascript" or "widget" in form:
            continue  # it names the process that it talks to
        if form in {"image/png", "image/jpeg"}:
            if not _same_image(_text(a), _text(b)):
                return _difference("result", form, f"another {form}")
        elif isinstance(a, dict):
            found = contrast(a, b, form)
            if found is not None:
                return _difference("result", form, f"another {form}", found)
        elif not same_text(_text(a), _text(b), today=today):
            return _difference("result", *_around(_text(a), _text(b), today))
    return None


def _same_image(mine: str, theirs: str) -> bool:
    """Say whether two images have the same pixels; without Pillow, the same bytes."""
    a, b = base64.b64decode(mine), base64.b64decode(theirs)
    if a == b:
        return True
    try:
        from PIL import Image, ImageChops
    except ImportError:
        return False
    with Image.open(io.BytesIO(a)) as first, Image.open(io.BytesIO(b)) as second:
        if first.size != second.size:
            return False
        return ImageChops.difference(first.convert("RGBA"), second.convert("RGBA")).getbbox(alpha_only=False) is None


def _around(mine: str, theirs: str, today: date) -> tuple[str, str]:
    """Return the first lines that differ, with what follows them."""
    a, b = mine.splitlines(), theirs.splitlines()
    pairs = enumerate(zip(a, b, strict=False))
    first = next((i for i, (x, y) in pairs if not same_text(x, y, today=today)), min(len(a), len(b)))
    return "\n".join(a[first : first + 5]), "\n".join(b[first : first + 5])


def _difference(kind: Any, straight: str, staged: str, message: str = "") -> Difference:
    a, b = straight[:_LONGEST], staged[:_LONGEST]
    return Difference(kind=kind, straight=a, staged=b, message=message or f"{_quoted(a)} straight, {_quoted(b)} staged")


def _quoted(text: str) -> str:
    line = text.strip().partition("\n")[0]
    return json.dumps(line, ensure_ascii=False) if line else "nothing"
