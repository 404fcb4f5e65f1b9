"""The OpenAPI document: what FastAPI says of the routes, with who may ask, and with every answer that comes before a route is asked."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI

from service.api.guard import wanted_role
from service.api.problems import MEDIA_TYPE

_KEY = "key"
_SCHEME = {
    "type": "http",
    "scheme": "bearer",
    "description": "A key of this service (`python -m service keys add NAME --role ROLE`), of role `predict`, `label` or `admin`; each may do what those "
    "before it may. Where a service on the loopback address has no keys, none is needed.",
}
_JSON = "application/json"
_PROBLEM = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
_AUTHENTICATE = {"WWW-Authenticate": {"description": "`Bearer`", "schema": {"type": "string"}}}
_RETRY_AFTER = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
_OTHER_SITE = "A browser sends it from a page of another site."
_OF_BODIES = {
    408: "The body does not come in time.",
    413: "The body is too large.",
    415: "The content type is not JSON, or the body is compressed.",
}
_NO_JSON = "The body is no JSON."
_UNUSABLE = "What it works with (a database, a disk, a model, the file of keys) cannot be used now."


def document(app: FastAPI) -> dict[str, Any]:
    """The whole document. FastAPI would give errors the media type of a good answer, and knows nothing of what stands before its routes.

    No parameter is null: that has no form in an address or a header.
    """
    found = FastAPI.openapi(app)
    found["components"].setdefault("securitySchemes", {_KEY: _SCHEME})
    for path, operations in found["paths"].items():
        for method, operation in operations.items():
            for parameter in operation.get("parameters", ()):
                parameter["schema"] = _without_null(parameter["schema"])
            if wanted_role(method.upper(), path):
                operation["security"] = [{_KEY: []}]
            responses = operation["responses"]
            for status, response in responses.items():
                if int(status) >= HTTPStatus.BAD_REQUEST and response.get("content"):
                    response["content"] = {MEDIA_TYPE: next(iter(response["content"].values()))}
            for refusal, description in _refusals(path, method.upper(), operation).items():
                responses.setdefault(str(refusal), {"description": description, "content": _PROBLEM})
            for refusal, headers in ((HTTPStatus.UNAUTHORIZED, _AUTHENTICATE), (HTTPStatus.TOO_MANY_REQUESTS, _RETRY_AFTER)):
                if str(int(refusal)) in responses:
                    responses[str(int(refusal))]["headers"] = headers
    return found


def _refusals(path: str, method: str, operation: dict[str, Any]) -> dict[int, str]:
    """Status -> when it is answered, of what comes before a route is asked."""
    found: dict[int, str] = {}
    content = operation.get("requestBody", {}).get("content", {})
    forbidden = [_OTHER_SITE] if method != "GET" else []
    if wanted := wanted_role(method, path):
        found[401] = "No key, or none of this service."
        found[429] = "The key has been used more often than it may be a minute; `Retry-After` says when to ask again."
        forbidden.append(f"The key's role is too low: the role `{wanted}` is wanted.")
    if forbidden:
        found[403] = " ".join(forbidden)
    if content:
        found |= _OF_BODIES
    if _JSON in content:
        found[400] = _NO_JSON
    if wanted or path.startswith("/v1/"):
        found[503] = _UNUSABLE
    return found


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """What may stand there, where it is not left out."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind.get("type") != "null"]
    return {name: value for name, value in schema.items() if name != "anyOf"} | kinds[0] if len(kinds) == 1 else schema
