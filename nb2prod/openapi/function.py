"""OpenAPI of a function: its row as pydantic describes what it takes, its answer by what it says it returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import TypeAdapter
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError
from pydantic_core import PydanticSerializationError

from nb2prod.openapi.service import predict, request, service
from nb2prod.serving.kinds.function import MOST
from nb2prod.serving.signature import hints_of

Json = dict[str, Any]


def document(info: Mapping[str, str], row: Json, example: Json, answer: Any, function: Callable[..., Any]) -> Json:
    """Describe the service of a function.

    Args:
        info: Title, version and description.
        row: What a row must be, as JSON Schema.
        example: A row.
        answer: What the function returns for it, as JSON.
        function: The notebook's own.
    """
    prediction = _returned(function, answer)
    answered = {"type": "object", "required": ["prediction"], "properties": {"prediction": prediction}}
    schemas = {"Row": row | {"examples": [example]}, "Request": request(example, MOST), "Answer": answered}
    paths = {"/predict": {"post": predict(example, {"prediction": answer}, {})}}
    return service(info, paths, schemas)


def _returned(function: Callable[..., Any], answer: Any) -> Json:
    """Describe what a function returns: as it is annotated, if what it really returned is of that type."""
    said = hints_of(function).get("return")
    if said is not None:
        try:
            adapter: TypeAdapter[Any] = TypeAdapter(said)
            adapter.validate_python(answer)
            return adapter.json_schema(
                mode="serialization", ref_template="#/components/schemas/Answer/properties/prediction/$defs/{model}"
            )
        except (PydanticSchemaGenerationError, PydanticUserError, PydanticSerializationError, ValueError, TypeError):
            pass
    names = ((bool, "boolean"), (int, "number"), (float, "number"), (str, "string"), (list, "array"), (dict, "object"))
    return next(({"type": name} for kind, name in names if isinstance(answer, kind)), {})
