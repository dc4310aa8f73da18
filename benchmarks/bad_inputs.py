"""Bad inputs: requests that no prediction service should answer, each with one thing wrong."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from attrs import frozen

Row = dict[str, Any]
Wrap = Callable[[list[Any]], Any]  # rows → the body that a service takes


@frozen(kw_only=True)
class Bad:
    """One bad request."""

    name: str
    body: bytes
    headers: Mapping[str, str]
    method: str = "POST"


def every(example: Row, wrap: Wrap, *, number: str, integer: str, text: str, category: str) -> Iterator[Bad]:
    """Yield the bad requests to a service.

    Args:
        example: A good row, without nulls.
        wrap: Puts rows into the body that the service takes.
        number: A field of floating point numbers.
        integer: A field of integers.
        text: A field of texts.
        category: A field of which all values are known.
    """
    yield from _values(example, wrap, number=number, integer=integer, text=text, category=category)
    yield from _rows(example, wrap, number)
    yield from _bodies(example, wrap, number)
    yield from _headers(json.dumps(wrap([example])).encode())


def around(row: Row, wrap: Wrap, field: str) -> Iterator[Bad]:
    """Yield what is wrong around the values of a row, of whatever kind the service is; `field` must be given."""
    yield from _rows(row, wrap, field)
    yield from _bodies(row, wrap, field)
    yield from _headers(json.dumps(wrap([row])).encode())


def calls(row: Row, changes: Mapping[str, tuple[str, str]]) -> Iterator[Bad]:
    """Yield bad requests to a function.

    Args:
        row: A good one.
        changes: By name, a parameter and what it is given, as JSON has it.
    """
    for name, (key, text) in changes.items():
        marked = json.dumps({"rows": [{**row, key: "MARK"}]})
        yield _bad(name, marked.replace('"MARK"', text).encode())


def horizons() -> Iterator[Bad]:
    """Yield bad requests to a forecaster that is asked for so many steps."""
    for text in (
        "0", "-1", "1.0", "1.5", "1e2", "1e400", "NaN", "Infinity", "true", "null", '"12"', "[12]", "{}", "1001",
        str(2**63), "1" + "0" * 400, "0x0c", "+12", "012",
    ):  # fmt: skip
        yield _bad(f"horizon {text[:20]}", b'{"horizon": %s}' % text.encode())
    yield _bad("no horizon", {})
    yield _bad("horizon twice", b'{"horizon": 1, "horizon": 2}')
    yield _bad("horizon twice, once as NaN", b'{"horizon": NaN, "horizon": 2}')
    yield _bad("horizon and more", {"horizon": 1, "alpha": 0.1})
    yield _bad("rows where steps are asked for", {"rows": [{}]})
    yield _bad("horizon in other case", {"Horizon": 1})


def queries(integer: str, number: str, time: str, text: str) -> Iterator[tuple[str, str]]:
    """Yield bad queries of a table, each with a name, by columns of four kinds."""
    for column, value in (
        *((integer, v) for v in ("1.5", "abc", "", "1e3", "99999", "-99999", "1" * 30, "0x1", "true", "%D9%A3", "1_0")),
        *((number, v) for v in ("abc", "", "nan", "inf", "1e400", "0x1p3", "%EF%BC%91", "1;5")),
        *((time, v) for v in ("yesterday", "2026-13-01T00:00:00Z", "2026-01-01T00:00:00", "1700000000", "", "2026")),
    ):
        for operation in ("", "__lt", "__in"):
            yield f"{column}{operation} is {value}", f"{column}{operation}={value}"
    for query in (
        "gone=1", f"{text}__lt=a", f"{text}__like=a", f"{number}__contains=1", f"{integer}__=1", f"{integer}[]=1",
        f"{integer}=1&{integer}=2", f"{integer}__null=maybe", "limit=0", "limit=-1", "limit=10001", "limit=1e3",
        "limit=",
        "limit=%D9%A3", "limit=1&limit=2", "offset=-1", "offset=x", f"offset={2**63}", "sort=gone",
        f"sort={text},{text}",
        "sort=--x", "columns=gone", f"columns={text},{text}", "%FF=1", f"{text}=%FF", "&".join(["a=1"] * 2000),
    ):  # fmt: skip
        yield query[:40], query


def _bad(name: str, body: Any, **headers: str) -> Bad:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Bad(name=name, body=data, headers={"content-type": "application/json", **headers})


def _values(row: Row, wrap: Wrap, *, number: str, integer: str, text: str, category: str) -> Iterator[Bad]:
    for name, field, value in (
        ("text in a number", number, "abc"),
        ("number as text", number, "1.5"),
        ("empty text in a number", number, ""),
        ("true in a number", number, True),
        ("null in a number", number, None),
        ("array in a number", number, [1.5]),
        ("object in a number", number, {"value": 1.5}),
        ("fraction in an integer", integer, 1.5),
        ("integer as text", integer, "3"),
        ("false in an integer", integer, False),
        ("null in an integer", integer, None),
        ("integer of 64 bits and one", integer, 2**63),
        ("integer of 400 digits", integer, 10**400),
        ("number in a text", text, 5),
        ("null in a text", text, None),
        ("array in a text", text, ["a"]),
        ("unknown category", category, "no such thing"),
        ("category in other case", category, str(row[category]).swapcase()),
        ("category with a space", category, f"{row[category]} "),
        ("number for a category", category, 0),
        ("empty category", category, ""),
    ):
        yield _bad(name, wrap([{**row, field: value}]))
    for literal in ("NaN", "Infinity", "-Infinity", "1e400", "-1e400", "01", "+1", "0x10", "1_000", ".5", "1."):
        marked = json.dumps(wrap([{**row, number: "MARK"}]))
        yield _bad(f"{literal} as a number", marked.replace('"MARK"', literal).encode())


def _rows(row: Row, wrap: Wrap, field: str) -> Iterator[Bad]:
    less = {k: v for k, v in row.items() if k != field}
    yield _bad("a field missing", wrap([less]))
    yield _bad("a field missing in one of two rows", wrap([row, less]))
    yield _bad("a field misspelt", wrap([{**less, f"{field}_": row[field]}]))
    yield _bad("a field in other case", wrap([{**less, field.upper(): row[field]}]))
    yield _bad("an unknown field", wrap([{**row, "unheard_of": 1}]))
    yield _bad("a bad value in the last of a hundred rows", wrap([row] * 99 + [{**row, field: ["abc"]}]))
    yield _bad("no rows", wrap([]))
    yield _bad("an empty row", wrap([{}]))
    yield _bad("a row that is null", wrap([None]))
    yield _bad("a row that is an array", wrap([list(row.values())]))
    yield _bad("rows in rows", wrap([[row]]))
    yield _bad("20,000 rows of nothing", wrap([{}] * 20_000))
    text = json.dumps(wrap([row]))
    mark = json.dumps({field: row[field]})[1:-1]
    yield _bad("a field given twice, once as NaN", text.replace(mark, f'{mark}, "{field}": NaN', 1).encode())
    yield _bad("a field given twice", text.replace(mark, f'{mark}, "{field}": 0.0', 1).encode())


def _bodies(row: Row, wrap: Wrap, field: str) -> Iterator[Bad]:
    good = json.dumps(wrap([row])).encode()
    yield _bad("nothing", b"")
    yield _bad("null", b"null")
    yield _bad("a number", b"42")
    yield _bad("an empty object", b"{}")
    yield _bad("a bare array", b"[]")
    yield _bad("cut off", good[:-3])
    yield _bad("something after the end", good + b" x")
    yield _bad("a comma too many", good[:-1] + b",}")
    yield _bad("single quotes", good.replace(b'"', b"'"))
    yield _bad("a comment", b"/* row */" + good)
    yield _bad("a byte order mark", b"\xef\xbb\xbf" + good)
    yield _bad("UTF-16", good.decode().encode("utf-16"))
    yield _bad("bytes that are no text", good.replace(field.encode(), b"\xff\xfe"))
    yield _bad("half a surrogate", good.replace(field.encode(), b"\\ud800"))
    yield _bad("100,000 brackets", b"[" * 100_000)
    yield _bad("rows as text", json.dumps({"rows": json.dumps([row])}).encode())


def _headers(good: bytes) -> Iterator[Bad]:
    for kind in (
        "text/plain",
        "text/csv",
        "application/xml",
        "application/x-www-form-urlencoded",
        "application/x-pickle",
    ):
        yield _bad(f"content-type {kind}", good, **{"content-type": kind})
    yield _bad("multipart", good, **{"content-type": "multipart/form-data; boundary=b"})
    yield _bad("charset utf-16", good, **{"content-type": "application/json; charset=utf-16"})
    yield _bad("charset latin-1", good, **{"content-type": "application/json; charset=iso-8859-1"})
    yield _bad("gzip", gzip.compress(good), **{"content-encoding": "gzip"})
    yield _bad("17 MB", b" " * (17 * 2**20) + good)
    yield Bad(name="GET", body=b"", headers={}, method="GET")
    yield Bad(name="PUT", body=good, headers={"content-type": "application/json"}, method="PUT")
