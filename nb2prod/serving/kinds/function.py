"""Function: a notebook's own `predict`, called once a row, or once for all rows where it takes a frame."""

from __future__ import annotations

import asyncio
import inspect
import logging
import pickle
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import define, field
from pydantic_core import from_json, to_json

from .. import scalars
from ..content_types import JSON
from ..faults import Fault, Refused, short
from ..frame import framed
from ..signature import Signature, plain
from ..table import Rows, Table, refused, rows_of
from .base import Released

MOST = 1_000  # rows of a request: a function may take its time over each
LONG = 300  # characters of what a function says is wrong

log = logging.getLogger("bentoml.service")


class Calls(list[Any]):
    """What a function is called with, row by row, and the rows as they came: it may change what it is given."""

    def __init__(self, made: Sequence[Any], came: Sequence[Any]) -> None:
        super().__init__(made)
        self.came = came


@define(eq=False)
class Served:
    """Checks rows, calls the function, and writes what it returns."""

    schema: Mapping[str, Any]
    signature: Signature | None = field(init=False, default=None)
    table: Table | None = field(init=False, default=None)
    call: Callable[..., Any] = field(init=False, default=None, repr=False)

    def __attrs_post_init__(self) -> None:
        if self.schema["frame"]:
            self.table = Table.of(self.schema)

    def load(self, released: Released) -> None:
        """Load the function."""
        function = pickle.loads(released("model.pkl"))  # noqa: S301  it is the released one
        self.call = waited(function)
        if self.table is None:
            self.signature = Signature.of(function, self.schema["parameters"])

    def quick(self, size: int) -> bool:
        """Nobody knows how long a function takes."""
        return False

    def parse(self, body: bytes, form: bytes) -> Any:
        """Read `{"rows": [...]}`.

        Raises:
            Refused: The request is at fault.
        """
        if form != JSON:
            raise Refused(415, "A function takes JSON only: content-type must be application/json.")
        if self.table is not None:
            return self.table.parse(body)
        assert self.signature is not None
        rows = rows_of(body)
        if not 0 < len(rows) <= MOST:
            said = f"must hold 1 to {MOST:,} rows, not {len(rows):,}"
            raise refused([Fault(code="length", message=said, field="rows")])
        return Calls(self.signature.check(rows), rows)

    def columns(self, asked: Any, answer: Sequence[Any]) -> list[Any]:
        """Return the plain values of a request and its answer, as the profile has them."""
        watched = self.schema["watched"]
        said = [scalars.column(answer, tuple(one["path"]), one["kind"]) for one in watched["predictions"]]
        if isinstance(asked, Rows):
            return [*asked.arrays, *said]
        return [*(scalars.column(asked.came, tuple(one["path"]), one["kind"]) for one in watched["features"]), *said]

    def ask(self, asked: Any) -> list[Any]:
        """Call the function.

        Raises:
            Refused: It raises, or what it returns is no answer.
        """
        if self.table is not None:
            return self._framed(asked)
        assert self.signature is not None
        answers, faults = [], []
        for number, row in enumerate(asked):
            try:
                answers.append(self._called(row))
            except OSError as wrong:  # what it relies on cannot be reached; the client may ask again
                raise unreachable(wrong) from wrong
            except (Exception, SystemExit) as wrong:  # noqa: BLE001  the function is the user's
                faults.append(self._fault(number, wrong))
        if faults:
            raise Refused(422, f"The function has no answer for {len(faults):,} of the rows.", faults)
        return answers

    def write(self, asked: Any, answer: Sequence[Any], form: bytes) -> bytes:
        """Write one answer a row."""
        made: list[dict[str, Any]] = [{"prediction": value} for value in answer]
        for number, faults in (asked.warnings if isinstance(asked, Rows) else {}).items():
            made[number]["warnings"] = [{"field": f.field, "type": f.code, "msg": f.message} for f in faults]
        return to_json(made)

    def _called(self, row: Mapping[str, Any]) -> Any:
        assert self.signature is not None
        positional, named = self.signature.arguments(row)
        return finite(self.call(*positional, **named))

    def _framed(self, rows: Rows) -> list[Any]:
        try:
            return each(self.call(framed(rows, self.schema)), rows.count)
        except OSError as wrong:
            raise unreachable(wrong) from wrong
        except (Exception, SystemExit) as wrong:
            bad = [self._fault(0, wrong)] if rows.count == 1 else list(self._alone(rows))
            bad = bad or [self._fault(number, wrong) for number in range(rows.count)]
            raise Refused(422, f"The function has no answer for {len(bad):,} of the rows.", bad) from wrong

    def _alone(self, rows: Rows) -> Any:
        """Yield the faults of those rows that are at fault by themselves."""
        for number in range(min(rows.count, 100)):
            try:
                each(self.call(framed(rows.only([number]), self.schema)), 1)
            except (Exception, SystemExit) as wrong:  # noqa: BLE001  likewise
                yield self._fault(number, wrong)

    def _fault(self, row: int, wrong: BaseException) -> Fault:
        """Say what a row did to the function; its own words only where it meant them for whoever asks.

        Raises:
            Refused: The function does not even answer the example, so it is not the row's fault.
        """
        if isinstance(wrong, ValueError) and str(wrong):
            return Fault(code="value", message=short(str(wrong), LONG), row=row)
        try:
            self._example()
        except (Exception, SystemExit):
            log.exception("The function fails, even on the example.")
            said = "The function fails, whatever it is given; the service's log says why."
            fault = Fault(code="failed", message=f"the function failed ({type(wrong).__name__})", row=row)
            raise Refused(500, said, [fault]) from wrong
        return Fault(code="no_answer", message=f"the function cannot answer it ({type(wrong).__name__})", row=row)

    def _example(self) -> None:
        if self.table is not None:
            each(self.call(framed(self.table.check([self.schema["example"]], most=1), self.schema)), 1)
        elif self.signature is not None:
            self._called(self.signature.check([self.schema["example"]])[0])


def waited(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that gives the answer itself, also where the user's is to be awaited."""
    if not inspect.iscoroutinefunction(function):
        return function
    return lambda *given, **named: asyncio.run(function(*given, **named))


def each(answer: Any, count: int) -> list[Any]:
    """Split an answer to all rows into one for each."""
    made = finite(answer)
    if not isinstance(made, list) or len(made) != count:
        raise TypeError(f"the function answered {type(answer).__name__}, not one value for each of {count} rows")
    return made


def finite(answer: Any) -> Any:
    """Return an answer as JSON has it; a number that is not finite is none.

    Raises:
        ValueError: It holds such a number.
    """
    try:
        return from_json(to_json(answer, inf_nan_mode="constants", fallback=plain), allow_inf_nan=False)
    except ValueError as wrong:
        if any(said in str(wrong) for said in ("NaN", "expected value", "invalid number")):
            raise ValueError("the function's answer is not a finite number") from None
        raise TypeError(f"the function's answer is no JSON: {wrong}") from wrong


def unreachable(wrong: OSError) -> Refused:
    """Say that something outside failed."""
    log.warning("The function could not reach what it needs: %s: %s", type(wrong).__name__, wrong)
    said = "Something that the function needs cannot be reached or read; the service's log says what."
    fault = Fault(code="unavailable", message=f"the function failed ({type(wrong).__name__})")
    return Refused(503, said, [fault], headers={"retry-after": "5"})
