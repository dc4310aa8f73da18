"""OpenAPI: the description of a service that machines read, with an example of everything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nb2prod.serving.columns import column
from nb2prod.serving.forms import ARROW, PARQUET
from nb2prod.serving.table import LARGE, MOST

Json = dict[str, Any]
KINDS = {"integer": "integer", "number": "number", "boolean": "boolean", "text": "string", "time": "string"}


def document(title: str, version: str, about: str, schema: Mapping[str, Any], answer: Mapping[str, Any]) -> Json:
    """Describe a service.

    Args:
        title: What it is called.
        version: Of the service.
        about: What it answers, for people.
        schema: What the service checks requests against.
        answer: What it answers to the example row.
    """
    example = {f["key"]: f["example"] for f in schema["fields"]}
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, "description": about},
        "servers": [{"url": "."}],
        "security": [{}, {"bearer": []}, {"key": []}],
        "tags": [{"name": "predict"}, {"name": "about"}, {"name": "health"}],
        "paths": {
            "/predict": {"post": _predict(example, answer)},
            "/card.json": {"get": _get("about", "card", "What the service is, and how good it was found.")},
            "/docs.json": {"get": _get("about", "describe", "This description.")},
            **{f"/{n}": {"get": _health(n, said)} for n, said in HEALTH.items()},
        },
        "components": {
            "schemas": {
                "Row": row(schema["fields"], schema["policy"]) | {"examples": [example]},
                "Request": _request(example),
                "Answer": _answered(schema, answer),
                "Refusal": REFUSAL,
            },
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
    }


HEALTH = {"livez": "Whether the process lives.", "readyz": "Whether it takes requests.", "healthz": "As `/livez`."}


def row(fields: Sequence[Mapping[str, Any]], policy: Mapping[str, str]) -> Json:
    """Describe a row as JSON Schema."""
    return {
        "type": "object",
        "description": "What a prediction is asked for.",
        "required": [f["key"] for f in fields],
        "additionalProperties": False,
        "properties": {f["key"]: _field(f, policy) for f in fields},
    }


def _field(field: Mapping[str, Any], policy: Mapping[str, str]) -> Json:
    rules = column(field, unknown=policy["unknown"], ranges=policy["ranges"])
    made: Json = {"type": [KINDS[field["kind"]], "null"] if field["nullable"] else KINDS[field["kind"]]}
    if rules.allowed is not None:
        made["enum"] = [*field["categories"], *([None] if field["nullable"] else [])]
    elif field["categories"]:
        made["description"] = "Seen in training: " + ", ".join(map(str, field["categories"][:100])) + "."
    elif field["kind"] in {"integer", "number"}:
        made |= {"minimum": rules.low, "maximum": rules.high}
        made["description"] = f"{field['low']:g} to {field['high']:g} in training."
    elif field["kind"] == "time":
        zone = "(Z|[+-][0-9]{2}:[0-9]{2})" if "," in field["dtype"] else ""
        made["pattern"] = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?" + zone + "$"
    return made | {"examples": [field["example"]]}


def _request(example: Json) -> Json:
    return {
        "type": "object",
        "required": ["rows"],
        "additionalProperties": False,
        "properties": {
            "rows": {
                "type": "array",
                "minItems": 1,
                "maxItems": MOST,
                "items": {"$ref": "#/components/schemas/Row"},
            }
        },
        "examples": [{"rows": [example]}],
    }


def _answered(schema: Mapping[str, Any], answer: Mapping[str, Any]) -> Json:
    """Describe the answer to one row."""
    said: Json = {"prediction": _typed(answer["prediction"])}
    if schema["classes"] and not isinstance(answer["prediction"], list | float):
        said["prediction"]["enum"] = schema["labels"]
    if schema["probabilities"]:
        chance = {"type": "number", "minimum": 0, "maximum": 1}
        said["probabilities"] = {
            "type": "object",
            "required": schema["classes"],
            "additionalProperties": False,
            "properties": dict.fromkeys(schema["classes"], chance),
        }
    warning = {"type": "object", "properties": {key: {"type": "string"} for key in ("field", "type", "msg")}}
    required = list(said)
    said["warnings"] = {"type": "array", "items": warning, "description": "What the model does not know of this row."}
    return {"type": "object", "required": required, "additionalProperties": False, "properties": said}


def _typed(value: Any) -> Json:
    if isinstance(value, list):
        return {"type": "array", "items": _typed(value[0]) if value else {}}
    # `True` is an integer to Python.
    names = ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"))
    return next(({"type": name} for kind, name in names if isinstance(value, kind)), {})


def _predict(example: Json, answer: Mapping[str, Any]) -> Json:
    shown = {"one row": {"value": {"rows": [example]}}, "two rows": {"value": {"rows": [example, example]}}}
    first = next(iter(example))
    fault = {"loc": ["rows", 0, first], "msg": "is missing", "type": "missing", "row": 0, "field": first}
    refusal = {"error": "The request has 1 fault; nothing was predicted.", "faults": 1, "detail": [fault]}
    refused = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}, "example": refusal}}
    answers = {"type": "array", "items": {"$ref": "#/components/schemas/Answer"}}
    return {
        "operationId": "predict",
        "tags": ["predict"],
        "summary": "Predict for each row, in order.",
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/Request"}, "examples": shown},
                **IN_BULK,
            },
        },
        "responses": {
            "200": {
                "description": "One answer a row.",
                "content": {"application/json": {"schema": answers, "example": [answer]}, **IN_BULK},
            },
            **{code: {"description": said, "content": refused} for code, said in REFUSALS.items()},
        },
    }


ABOUT_BULK = f"A table with the fields of a row as columns, up to {LARGE:,} rows; the answer is one, too."
BULK: Json = {"type": "string", "format": "binary", "description": ABOUT_BULK}
IN_BULK: Json = {kind.decode(): {"schema": BULK} for kind in (ARROW, PARQUET)}
REFUSALS = {
    "400": "The request is at fault; every fault is listed by row and field.",
    "401": "A key is needed.",
    "403": "No keys are set, so only the service's own machine is served.",
    "413": "The body is too large.",
    "415": "The body is of another type.",
    "422": "The model has no answer for some of the rows.",
}
REFUSAL: Json = {
    "type": "object",
    "required": ["error", "faults", "detail"],
    "properties": {
        "error": {"type": "string"},
        "faults": {"type": "integer", "description": "How many there are, listed or not."},
        "detail": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["loc", "msg", "type", "row", "field"],
                "properties": {
                    "loc": {"type": "array", "items": {"type": ["string", "integer"]}},
                    "msg": {"type": "string"},
                    "type": {"type": "string"},
                    "row": {"type": ["integer", "null"], "description": "From 0."},
                    "field": {"type": ["string", "null"]},
                },
            },
        },
    },
}


def _get(tag: str, name: str, about: str) -> Json:
    found = {"200": {"description": about, "content": {"application/json": {"schema": {"type": "object"}}}}}
    return {"operationId": name, "tags": [tag], "summary": about, "responses": found}


def _health(name: str, about: str) -> Json:
    found = {"200": {"description": "Yes."}}
    return {"operationId": name, "tags": ["health"], "summary": about, "security": [{}], "responses": found}
