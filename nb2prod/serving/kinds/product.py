"""Product: a notebook's tables and figures, given out as they were released."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from attrs import define, field
from pyarrow import parquet

from ..content_types import JSON, PICTURES, TABLES
from ..faults import Fault, Refused
from ..filters import Reader
from ..selection import select, written
from .base import Released, Reply

MANIFEST = "product.json"  # what there is, and in which files
# A picture that is opened by itself must not run what may be in it.
ALONE = [(b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox")]


@define(eq=False)
class Served:
    """Tables to select from, and figures; there is nothing to predict."""

    schema: Mapping[str, Any]
    roots: tuple[str, ...] = ("tables", "figures")
    about: Mapping[str, Any] = field(init=False, factory=dict)
    files: dict[str, bytes] = field(init=False, factory=dict, repr=False)
    tables: dict[str, Any] = field(init=False, factory=dict, repr=False)
    fields: dict[str, dict[str, Mapping[str, Any]]] = field(init=False, factory=dict, repr=False)
    figures: dict[str, dict[str, bytes]] = field(init=False, factory=dict, repr=False)

    def load(self, released: Released) -> None:
        """Load everything: it is not much more than what a request may ask for at once."""
        self.about = json.loads(released(MANIFEST))
        for name, table in self.about["tables"].items():
            self.files[name] = released(table["file"])
            self.tables[name] = parquet.read_table(pa.BufferReader(self.files[name]))
            self.fields[name] = {column["key"]: column for column in table["columns"]}
        for name, figure in self.about["figures"].items():
            self.figures[name] = {form: released(one["file"]) for form, one in figure["forms"].items()}

    def quick(self, size: int) -> bool:
        """A table may be long."""
        return False

    def parse(self, body: bytes, form: bytes) -> Any:
        """Refuse: nothing is predicted.

        Raises:
            Refused: Always.
        """
        raise Refused(404, "There is no model here: ask for /tables and /figures.")

    def ask(self, asked: Any) -> Any:
        """Do nothing, as nothing was asked."""

    def write(self, asked: Any, answer: Any, form: bytes) -> bytes:
        """Write nothing."""
        return b""

    def get(self, path: str, query: str, accept: str) -> Reply:
        """Give a table's rows, a figure, or a list of either.

        Raises:
            Refused: There is no such table or figure, or the query is at fault.
        """
        kind, _, rest = path.strip("/").partition("/")
        if kind == "tables":
            return self.table(rest, query, accept) if rest else self.listed("tables")
        return self.figure(rest, accept) if rest else self.listed("figures")

    def listed(self, what: str) -> Reply:
        """List tables or figures, with all that a client needs to ask for one."""
        found = [{"name": name, "path": f"/{what}/{name}", **one} for name, one in self.about[what].items()]
        return Reply(body=json.dumps({what: found}, ensure_ascii=False).encode(), form=JSON)

    def table(self, asked: str, query: str, accept: str) -> Reply:
        """Answer with rows of a table."""
        name, kind = self._asked("table", self.tables, asked, TABLES, accept)
        columns = self.fields[name]
        if kind == "parquet" and not query:  # the file itself, whose hash everybody can take
            body, total = self.files[name], self.tables[name].num_rows
        else:
            found = select(self.tables[name], columns, Reader(columns).read(query), whole=kind != "json")
            body, total = written(found, columns, name, kind), found.total
        headers = [
            (b"x-total-count", str(total).encode()),
            (b"x-content-sha256", self.about["tables"][name]["sha256"].encode()),
            (b"vary", b"accept"),
        ]
        if kind != "json":
            headers.append((b"content-disposition", f'attachment; filename="{name}.{kind}"'.encode()))
        return Reply(body=body, form=TABLES[kind], headers=tuple(headers))

    def figure(self, asked: str, accept: str) -> Reply:
        """Answer with a figure."""
        plain = asked.rpartition(".")[0] or asked
        forms = {f: PICTURES[f] for f in self.figures.get(plain, self.figures.get(asked, {}))}
        name, form = self._asked("figure", self.figures, asked, forms or PICTURES, accept)
        return Reply(body=self.figures[name][form], form=PICTURES[form], headers=((b"vary", b"accept"), *ALONE))

    def _asked(
        self, what: str, known: Mapping[str, Any], asked: str, forms: Mapping[str, bytes], accept: str
    ) -> tuple[str, str]:
        """Tell the name and the format of what is asked for.

        Raises:
            Refused: There is no such thing, or not in this format.
        """
        name, _, ending = asked.partition(".")
        if name not in known or "/" in ending:
            said = f"There is no {what} {asked[:80]!r}; there is {', '.join(known) or 'none'}."
            raise Refused(404, said, [Fault(code="unknown", message=f"is no {what} of this service", field=asked[:80])])
        if ending and ending not in forms:
            raise Refused(404, f"{name} is not given as {ending[:20]!r}; it is given as {', '.join(forms)}.")
        return name, ending or wanted(accept, forms)


def wanted(accept: str, forms: Mapping[str, bytes]) -> str:
    """Choose the format that a request's `Accept` likes best, the first of `forms` where it does not care.

    Raises:
        Refused: It takes none of them.
    """
    kinds = {kind.decode().partition(";")[0]: form for form, kind in reversed(list(forms.items()))}
    best, first = 0.0, next(iter(forms))
    chosen = first if not accept.strip() else None
    for part in accept.split(","):
        kind, *more = (word.strip().lower() for word in part.split(";"))
        weight = next((_weight(word[2:]) for word in more if word.startswith("q=")), 1.0)
        family = kind.removesuffix("/*") if kind.endswith("/*") else None
        form = kinds.get(kind) or (
            next((f for k, f in reversed(kinds.items()) if family in {"*", k.partition("/")[0]}), None)
            if family
            else None
        )
        if form is not None and weight > best:
            best, chosen = weight, form
    if chosen is None and "text/html" in accept:  # a browser, which shows whatever it gets
        return first
    if chosen is None:
        raise Refused(406, f"accept must be one of {', '.join(k.decode() for k in forms.values())}.")
    return chosen


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
