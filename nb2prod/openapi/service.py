"""OpenAPI: the description of a service that machines read, with an example of everything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nb2prod.serving.columns import column
from nb2prod.serving.content_types import ARROW, PARQUET
from nb2prod.serving.explain import WORDS
from nb2prod.serving.feedback import LENGTHS
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
    schemas = {
        "Row": row(schema["fields"], schema["policy"]) | {"examples": [example]},
        "Request": request(example),
        "Answer": _answered(schema, answer),
    }
    paths = {"/predict": {"post": predict(example, answer, IN_BULK)}}
    if schema.get("explain"):
        paths["/explain"] = {"post": _explain(example)}
        schemas["Explanation"] = EXPLANATION
    return service({"title": title, "version": version, "description": about}, paths, schemas)


def service(info: Mapping[str, Any], paths: Mapping[str, Any], schemas: Mapping[str, Any]) -> Json:
    """Describe a service of any kind: its own paths, and those that all of them have."""
    return {
        "openapi": "3.1.0",
        "info": dict(info),
        "servers": [{"url": "."}],
        "security": [{}, {"bearer": []}, {"key": []}],
        "tags": [{"name": name} for name in dict.fromkeys([*_tags(paths), "watch", "about", "health"])],
        "paths": {
            **paths,
            "/feedback": {"post": _feedback()},
            "/drift.json": {"get": _get("watch", "drift", "Traffic, and how far requests lie from the training rows.")},
            "/card.json": {"get": _get("about", "card", "What the service is, and how good it was found.")},
            "/docs.json": {"get": _get("about", "describe", "This description.")},
            **{f"/{n}": {"get": _health(n, said)} for n, said in HEALTH.items()},
        },
        "components": {
            "schemas": {**schemas, "Refusal": REFUSAL},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
    }


HEALTH = {"livez": "Whether the process lives.", "readyz": "Whether it takes requests.", "healthz": "As `/livez`."}


def _tags(paths: Mapping[str, Any]) -> list[str]:
    return [tag for verbs in paths.values() for one in verbs.values() for tag in one["tags"]]


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
    if field["kind"] == "array":
        return _nested(field, rules.low, rules.high) | {"examples": [field["example"]]}
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


def _nested(field: Mapping[str, Any], low: float, high: float) -> Json:
    whole = "int" in field["dtype"]
    made: Json = {"type": "integer" if whole else "number", "minimum": low, "maximum": high}
    for size in reversed(field["shape"]):
        made = {"type": "array", "items": made, "minItems": size, "maxItems": size}
    return made | {"description": f"{field['low']:g} to {field['high']:g} in training."}


def request(example: Json, most: int = MOST) -> Json:
    """Describe a request: rows, and nothing else."""
    return {
        "type": "object",
        "required": ["rows"],
        "additionalProperties": False,
        "properties": {
            "rows": {
                "type": "array",
                "minItems": 1,
                "maxItems": most,
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


def predict(example: Json, answer: Mapping[str, Any], more: Mapping[str, Any]) -> Json:
    """Describe how predictions are asked for, in JSON and in `more` formats."""
    shown = {"one row": {"value": {"rows": [example]}}, "two rows": {"value": {"rows": [example, example]}}}
    first = next(iter(example), "rows")
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
                **more,
            },
        },
        "responses": {
            "200": {
                "description": "One answer a row.",
                "content": {"application/json": {"schema": answers, "example": [answer]}, **more},
            },
            **{code: {"description": said, "content": refused} for code, said in REFUSALS.items()},
        },
    }


def _explain(example: Json) -> Json:
    explained = {"type": "array", "items": {"$ref": "#/components/schemas/Explanation"}}
    return predict(example, {}, {}) | {
        "operationId": "explain",
        "summary": "Say which fields moved the answer to each row, and by how much.",
        "responses": {
            "200": {"description": "One explanation a row.", "content": {"application/json": {"schema": explained}}},
            **refusals(),
        },
    }


def refusals(codes: Iterable[str] = ()) -> Json:
    """Describe what is answered instead of an answer: by some codes, or by all."""
    refused = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
    return {code: {"description": REFUSALS[code], "content": refused} for code in codes or REFUSALS}


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
FOUND = {"404": "There is nothing of this name.", "406": "It is not given in this format."}
EXPLANATION: Json = {
    "type": "object",
    "required": ["prediction", "explains", "base", "sum", "contributions"],
    "properties": {
        "prediction": {},
        "explains": {"enum": list(WORDS), "description": "; ".join(f"{k}: {said}" for k, said in WORDS.items())},
        "base": {"type": "number", "description": "What every row begins with."},
        "sum": {"type": "number", "description": "The base and all contributions: what is explained."},
        "contributions": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["fields", "contribution"],
                "properties": {
                    "fields": {"type": "array", "items": {"type": "string"}, "description": "That act together."},
                    "contribution": {"type": "number"},
                },
            },
        },
        "terms": {"type": "array", "items": {"type": "object"}, "description": "Of a text, its words."},
    },
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


def _feedback() -> Json:
    more = {"expected": ["number", "boolean"]}
    kinds = {key: ["string", *more.get(key, ()), "null"] for key in LENGTHS}
    text = {key: {"type": kinds[key], "maxLength": most} for key, most in LENGTHS.items()}
    said = {"right": {"type": "boolean"}, **text}
    example = {"right": False, "expected": "no", "comment": "She stayed.", "request": "606b27b5-1e"}
    schema = {"type": "object", "required": ["right"], "properties": said, "additionalProperties": False}
    about = "Say whether an answer was right; `request` is its header `x-request-id`."
    return {
        "operationId": "feedback",
        "tags": ["watch"],
        "summary": about,
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema, "example": example}}},
        "responses": {"201": {"description": "It is kept."}, **refusals(code for code in REFUSALS if code != "422")},
    }


def _health(name: str, about: str) -> Json:
    found = {"200": {"description": "Yes."}}
    return {"operationId": name, "tags": ["health"], "summary": about, "security": [{}], "responses": found}
