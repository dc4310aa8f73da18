"""OpenAPI of a product: each table with the filters that its columns have, and each figure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nb2prod.openapi.service import FOUND, refusals, service
from nb2prod.serving.content_types import PICTURES, TABLES
from nb2prod.serving.filters import FEW, MOST, OPERATIONS

Json = dict[str, Any]
KINDS: Mapping[str, Json] = {
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "text": {"type": "string"},
    "time": {"type": "string"},
    "date": {"type": "string", "format": "date"},
    "other": {},
}
MEANINGS = {
    "eq": "is",
    "ne": "is another than",
    "lt": "is less than",
    "lte": "is at most",
    "gt": "is more than",
    "gte": "is at least",
    "in": "is one of, between commas",
    "contains": "has in it",
    "null": "is missing, or is not",
}
DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
HOUR = r"T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
ZONE = "(Z|[+-][0-9]{2}:[0-9]{2})"
LISTS: Json = {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "object"}}}


def document(info: Mapping[str, str], product: Mapping[str, Any]) -> Json:
    """Describe the service of a product, whose description is `product`."""
    schemas: Json = {}
    paths: Json = {"/tables": _listed("tables"), "/figures": _listed("figures")}
    for name, table in product["tables"].items():
        schemas[f"{name}_row"] = row(table["columns"])
        schemas[f"{name}_page"] = _page(name)
        paths[f"/tables/{name}"] = {"get": _table(name, table)}
        paths |= {f"/tables/{name}.{kind}": {"get": _table(name, table, kind)} for kind in TABLES}
    for name, figure in product["figures"].items():
        paths[f"/figures/{name}"] = {"get": _figure(name, figure)}
        paths |= {f"/figures/{name}.{form}": {"get": _figure(name, figure, form)} for form in figure["forms"]}
    return service(info, paths, schemas)


def row(columns: list[Mapping[str, Any]]) -> Json:
    """Describe a row of a table as JSON Schema."""
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {column["key"]: _value(column) for column in columns},
    }


def _value(column: Mapping[str, Any]) -> Json:
    """Describe a value as it is given out: infinities are texts, as JSON has no number for them."""
    kind = KINDS[column["kind"]]
    about = {"description": f"As {column['dtype']}."}
    if not kind:
        return about
    types = [kind["type"], *(["string"] if column["kind"] == "number" else []), *(["null"] if column["nulls"] else [])]
    return {**kind, "type": types if len(types) > 1 else types[0], **about}


def _page(name: str) -> Json:
    rows = {"type": "array", "items": {"$ref": f"#/components/schemas/{name}_row"}}
    whole = {"type": "integer", "minimum": 0}
    return {
        "type": "object",
        "required": ["table", "total", "offset", "rows"],
        "properties": {"table": {"const": name}, "total": whole, "offset": whole, "rows": rows},
    }


def _table(name: str, table: Mapping[str, Any], kind: str | None = None) -> Json:
    binary = {"schema": {"type": "string", "format": "binary"}}
    forms = {
        TABLES[k].decode().partition(";")[0]: {"schema": {"$ref": f"#/components/schemas/{name}_page"}}
        if k == "json"
        else binary
        for k in ([kind] if kind else TABLES)
    }
    return {
        "operationId": f"table_{name}{f'_{kind}' if kind else ''}",
        "tags": ["tables"],
        "summary": f"Rows of {name}{f', as {kind}' if kind else ''}.",
        "parameters": [*_parameters(table["columns"])],
        "responses": {
            "200": {
                "description": "The rows that all filters hold for.",
                "headers": {
                    "x-total-count": {"schema": {"type": "integer"}, "description": "Rows, on this page or not."},
                    "x-content-sha256": {"schema": {"type": "string"}, "description": "Of the whole table as Parquet."},
                },
                "content": forms,
            },
            **_refusals(),
        },
    }


def _parameters(columns: list[Mapping[str, Any]]) -> Iterator[Json]:
    for column in columns:
        key, kind = column["key"], column["kind"]
        for operation in OPERATIONS[kind]:
            plain = {"type": "boolean"} if operation == "null" else _asked(column)
            schema = _several(column) if operation == "in" else plain
            if operation == "eq" and column.get("values") and kind == "text":
                schema = {**schema, "examples": column["values"][:5]}
            name = key if operation == "eq" else f"{key}__{operation}"
            yield _parameter(name, f"{key} {MEANINGS[operation]} this.", schema)
    keys = [column["key"] for column in columns if column["kind"] != "other"]
    yield _parameter("sort", f"Columns between commas, `-` before one for the largest first: {', '.join(keys)}.")
    yield _parameter("columns", "Columns between commas; all without it.")
    count = {"type": "integer", "minimum": 1, "maximum": MOST}
    yield _parameter("limit", f"Rows at most; without it {FEW} in JSON, and all in other formats.", count)
    yield _parameter("offset", "Rows to leave out at the start.", {"type": "integer", "minimum": 0})


def _asked(column: Mapping[str, Any]) -> Json:
    """Describe a value that a filter takes."""
    if column["kind"] == "integer":
        return {"type": "integer", "minimum": column["least"], "maximum": column["most"]}
    text = _text(column)
    return {"type": "string", "pattern": f"^{text}$"} if column["kind"] in {"date", "time"} else KINDS[column["kind"]]


def _several(column: Mapping[str, Any]) -> Json:
    """Describe values between commas."""
    text = _text(column)
    return {"type": "string", "pattern": f"^{text}(,{text})*$"} if text else {"type": "string"}


def _text(column: Mapping[str, Any]) -> str | None:
    """Write as a pattern what values of a column look like in an address."""
    time = f"{DAY}{HOUR}{ZONE}" if column.get("zoned") else f"{DAY}({HOUR})?"
    number = r"[+-]?[0-9]{1,15}(\.[0-9]{1,15})?"
    return {"date": DAY, "time": time, "integer": "[+-]?[0-9]{1,20}", "number": number}.get(column["kind"])


def _parameter(name: str, about: str, schema: Json | None = None) -> Json:
    return {"name": name, "in": "query", "description": about, "schema": schema or {"type": "string"}}


def _figure(name: str, figure: Mapping[str, Any], form: str | None = None) -> Json:
    kinds: Json = {PICTURES[one].decode(): {} for one in ([form] if form else figure["forms"])}
    return {
        "operationId": f"figure_{name}{f'_{form}' if form else ''}",
        "tags": ["figures"],
        "summary": figure["title"],
        "responses": {"200": {"description": figure["title"], "content": kinds}, **_refusals()},
    }


def _listed(what: str) -> Json:
    content = {"application/json": {"schema": LISTS}}
    said = f"All {what}, with what is in them."
    responses = {"200": {"description": said, "content": content}}
    return {"get": {"operationId": what, "tags": [what], "summary": said, "responses": responses}}


def _refusals() -> Json:
    refused = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
    found = {code: {"description": said, "content": refused} for code, said in FOUND.items()}
    return {**refusals(("400", "401", "403")), **found}
