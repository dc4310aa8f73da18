"""OpenAPI of a forecaster: so many steps, or a row for each, and what is said of every step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nb2prod.openapi import service
from nb2prod.serving.kinds.forecast import MOST

Json = dict[str, Any]
SAID = {
    "step": {"type": "integer", "minimum": 1, "description": "Steps from the end of what the model learnt from."},
    "time": {"type": "string", "format": "date-time"},
    "prediction": {"type": "number"},
    "low": {"type": "number", "description": "95 % of what may come lies from here"},
    "high": {"type": "number", "description": "to here."},
}


def document(info: Mapping[str, str], schema: Mapping[str, Any], request: Json, answer: Sequence[Json]) -> Json:
    """Describe a service.

    Args:
        info: Title, version and description.
        schema: What the service checks requests against.
        request: An example.
        answer: The answer to it.
    """
    step = {"type": "object", "required": list(answer[0]), "properties": {k: SAID[k] for k in answer[0]}}
    horizon = {"type": "integer", "minimum": 1, "maximum": MOST}
    asked: Json = {"type": "object", "required": ["horizon"], "properties": {"horizon": horizon}}
    schemas: Json = {"Request": asked | {"additionalProperties": False, "examples": [request]}, "Answer": step}
    if schema["fields"]:
        example = request["rows"][0]
        schemas = {
            "Row": service.row(schema["fields"], schema["policy"]) | {"examples": [example]},
            "Request": service.request(example, MOST),
            "Answer": step,
        }
        path = service.predict(example, answer[0], {})
    else:
        path = service.predict({}, answer[0], {})
        asked = {"schema": {"$ref": "#/components/schemas/Request"}, "example": request}
        path["requestBody"]["content"]["application/json"] = asked
    return service.service(info, {"/predict": {"post": path}}, schemas)
