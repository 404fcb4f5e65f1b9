"""The OpenAPI document that FastAPI makes -> one that says of every answer what it may be: what routes share stands in no route."""

from collections.abc import Iterator
from typing import Any

_JSON = "application/json"
_OF_WRITING = {403: "A browser sends it from a page of another site."}
_OF_BODIES = {
    408: "The body does not come in time.",
    413: "The body is too large.",
    415: "The content type is not JSON, or the body is compressed.",
}
_OF_JSON = {400: "The body is no JSON."}
_OF_WORK = {503: "What it works with (a database, a disk, a model) cannot be used now."}


def complete(document: dict[str, Any], media_type: str) -> None:
    """Adds the refusals, of `media_type`, that come before a route is asked, and lets no parameter be null, which has no form in an address or a header."""
    for path, method, operation in _operations(document):
        for parameter in operation.get("parameters", ()):
            parameter["schema"] = _without_null(parameter["schema"])
        content = operation.get("requestBody", {}).get("content", {})
        refusals = (_OF_WRITING if method != "get" else {}) | (_OF_BODIES if content else {}) | (_OF_JSON if _JSON in content else {})
        refusals |= _OF_WORK if path.startswith("/v1/") else {}
        for status, description in refusals.items():
            schema = {"$ref": "#/components/schemas/Problem"}
            operation["responses"].setdefault(str(status), {"description": description, "content": {media_type: {"schema": schema}}})


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    return ((path, method, operation) for path, operations in document["paths"].items() for method, operation in operations.items())


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """What may stand there, where it is not left out."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind.get("type") != "null"]
    return {name: value for name, value in schema.items() if name != "anyOf"} | kinds[0] if len(kinds) == 1 else schema
