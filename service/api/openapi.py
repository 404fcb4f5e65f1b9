"""The OpenAPI document: what FastAPI says of the routes, with the media type of errors and with who may ask."""

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
_PROBLEM = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
_RETRY_AFTER = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
_TOO_OFTEN = "The key has been used more often than it may be a minute; `Retry-After` says when to ask again."


def document(app: FastAPI) -> dict[str, Any]:
    """The whole document. FastAPI would give errors the media type of a good answer, and knows nothing of what stands before its routes."""
    found = FastAPI.openapi(app)
    found["components"].setdefault("securitySchemes", {_KEY: _SCHEME})
    for path, operations in found["paths"].items():
        for method, operation in operations.items():
            _guard(operation, method.upper(), path)
            for status, response in operation["responses"].items():
                if int(status) >= HTTPStatus.BAD_REQUEST and response.get("content"):
                    response["content"] = {MEDIA_TYPE: next(iter(response["content"].values()))}
    return found


def _guard(operation: dict[str, Any], method: str, path: str) -> None:
    """Adds that a key is needed, and how the lack of it is answered."""
    wanted = wanted_role(method, path)
    if wanted is None:
        return
    operation["security"] = [{_KEY: []}]
    responses = operation["responses"]
    headers = {"WWW-Authenticate": {"description": "`Bearer`", "schema": {"type": "string"}}}
    responses.setdefault("401", {"description": "No key, or none of this service.", "headers": headers, "content": _PROBLEM})
    responses.setdefault("403", {"description": f"The key's role is too low: the role `{wanted}` is wanted.", "content": _PROBLEM})
    responses.setdefault("429", {"description": _TOO_OFTEN, "content": _PROBLEM})["headers"] = _RETRY_AFTER
    responses.setdefault("503", {"description": "The service's file of keys cannot be understood.", "content": _PROBLEM})
