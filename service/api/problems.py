"""Errors -> `application/problem+json` (RFC 9457). The one table from error to status code."""

import json
import logging
import math
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from service.api.schemas import UNFIT
from service.errors import (
    Conflict,
    Fault,
    GateRefused,
    InvalidInput,
    InvalidModelFolder,
    NotFound,
    NotReady,
    OnRecordError,
    Overloaded,
    StoreUnavailable,
    TooLate,
    shown,
)

MEDIA_TYPE = "application/problem+json"
_STATUS: tuple[tuple[type[OnRecordError], HTTPStatus], ...] = (
    (InvalidInput, HTTPStatus.UNPROCESSABLE_ENTITY),
    (NotFound, HTTPStatus.NOT_FOUND),
    (GateRefused, HTTPStatus.CONFLICT),
    (Conflict, HTTPStatus.CONFLICT),
    (Overloaded, HTTPStatus.TOO_MANY_REQUESTS),
    (TooLate, HTTPStatus.GATEWAY_TIMEOUT),
    (NotReady, HTTPStatus.SERVICE_UNAVAILABLE),
    (InvalidModelFolder, HTTPStatus.SERVICE_UNAVAILABLE),
    (StoreUnavailable, HTTPStatus.SERVICE_UNAVAILABLE),
)
CLIENT_CLOSED_REQUEST = 499  # nginx's code for it; nobody reads the answer, but the counts of requests show it
_log = logging.getLogger("onrecord")
_RETRY_SECONDS = "2"  # about what loading a model takes
_MOST_FAULTS = 20
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode  # `json.dumps` makes such an encoder each time
# What pydantic calls a fault -> what would have been right, where its own sentence does not say so plainly.
_WANTED = {
    "missing": "this field",
    "extra_forbidden": "no such field",
    "string_unicode": "Unicode text",
    "string_type": "a string",
    "list_type": "a list",
    "model_attributes_type": "a JSON object",
    "model_type": "a JSON object",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "float_parsing": "a number",
    "greater_than_equal": "{ge} at least",
    "too_short": "{min_length} at least",
    "too_long": "{max_length} at most",
    "string_too_long": "at most {max_length} characters",
}
# The tags that schemas.py sets on its unions -> what may stand there.
_CHOICES = {
    "as-quote": "a quote",
    "as-quotes": "`quotes`",
    "as-object": "a string, or an object with `text`",
    "as-list": "a string, or a list of strings",
    "as-string": "a string",
}


class RefusedBody(HTTPException):
    """A request that is refused before its body is parsed: too large, or not JSON by its content type."""

    def __init__(self, status: HTTPStatus, fault: Fault) -> None:
        super().__init__(status, str(fault))
        self.fault = fault


def problem(status: int, detail: str, faults: Sequence[Fault] = (), headers: dict[str, str] | None = None) -> Response:
    """A problem response; `errors` lists each fault with where, what came and what was wanted."""
    title = "Client Closed Request" if status == CLIENT_CLOSED_REQUEST else HTTPStatus(status).phrase
    body: dict[str, Any] = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    if faults:
        body["errors"] = [{"where": fault.where, "came": fault.came, "wanted": fault.wanted} for fault in faults[:_MOST_FAULTS]]
    return Response(_encode(body).encode(), status, headers, MEDIA_TYPE)


def add_handlers(app: FastAPI) -> None:
    """Makes every error that leaves `app` a problem response."""

    async def handler(request: Request, error: Exception) -> Response:
        return response_to(error, request)

    for kind in (*_RESPONSES, Exception):
        app.exception_handler(kind)(handler)


def response_to(error: Exception, request: Request) -> Response:
    """The problem response that a caller gets for it."""
    respond = next((_RESPONSES[kind] for kind in type(error).__mro__ if kind in _RESPONSES), None)
    return respond(request, error) if respond else fault_of_ours()


def fault_of_ours() -> Response:
    """For an error that nobody has thought of: the caller sees nothing of it."""
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "the service failed at this request; its log says why")


def is_foreseen(error: Exception) -> bool:
    """Whether `response_to` says all there is to say; another one belongs into the log."""
    return isinstance(error, tuple(_RESPONSES))


def _on_validation(request: Request, error: RequestValidationError) -> Response:
    rows = error.errors()
    broken = next((row for row in rows if row["type"] == "json_invalid"), None)
    if broken is not None:
        position = broken["loc"][-1] if broken["loc"] else 0
        fault = Fault(f"body, character {position}", "broken JSON", f"JSON ({broken.get('ctx', {}).get('error', 'cannot be parsed')})")
        return problem(HTTPStatus.BAD_REQUEST, str(fault), [fault])
    faults = [_fault(row) for row in rows]
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, _told(faults), faults)


def _on_http(request: Request, error: HTTPException) -> Response:
    status, headers = error.status_code, dict(error.headers or {})
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers = {"Allow": _allowed(request)}
    faults: dict[int, Fault] = {
        HTTPStatus.NOT_FOUND: Fault("path", shown(request.url.path), "a path listed at /docs"),
        HTTPStatus.METHOD_NOT_ALLOWED: Fault("method", shown(request.method), f"{headers.get('Allow', 'another method')} for this path"),
        HTTPStatus.BAD_REQUEST: Fault("body", "bytes that cannot be parsed", "JSON in UTF-8, not nested beyond reason"),
    }
    fault = faults.get(status)
    return problem(status, str(fault or error), [fault] if fault else [], headers)


def _allowed(request: Request) -> str:
    """The methods of all routes of a path, of which Starlette names those of the first; what is not in the API docs is a page or a file."""
    path = getattr(request.scope.get("route"), "path", None)
    return ", ".join(sorted(method.upper() for method in request.app.openapi()["paths"].get(path, ("get",))))


def _on_ours(request: Request, error: OnRecordError) -> Response:
    return problem_of(error)


def problem_of(error: OnRecordError) -> Response:
    """The same for an error of ours, for which the request need not be known."""
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)
    headers = {"Retry-After": _RETRY_SECONDS} if status == HTTPStatus.SERVICE_UNAVAILABLE else None
    if isinstance(error, Overloaded):
        headers = {"Retry-After": str(math.ceil(error.retry_after))}
    if isinstance(error, InvalidInput):
        return problem(status, _told(error.faults), error.faults, headers)
    return problem(status, str(error), (), headers)


def _on_refused(request: Request, error: RefusedBody) -> Response:
    """The response to a body that was not read to its end; the connection closes, since what is left of it cannot be told from a next request."""
    return problem(error.status_code, str(error.fault), [error.fault], {"Connection": "close"})


def _on_disk(request: Request, error: OSError) -> Response:
    """A full disk, or a folder that is gone: sending it again helps once somebody has made room, or brought it back."""
    _log.error("%s", error, exc_info=error)
    detail = f"the service cannot use a file or folder of its own: {error.strerror or type(error).__name__}; its log says which"
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, (), {"Retry-After": _RETRY_SECONDS})


_RESPONSES: dict[type[Exception], Callable[[Request, Any], Response]] = {
    RequestValidationError: _on_validation,
    HTTPException: _on_http,
    OnRecordError: _on_ours,
    RefusedBody: _on_refused,
    OSError: _on_disk,
}


def _told(faults: Sequence[Fault]) -> str:
    """The first of many faults, and how many more there are."""
    more = f"; and {len(faults) - 3} more" if len(faults) > 3 else ""
    return "; ".join(map(str, faults[:3])) + more


def _fault(row: dict[str, Any]) -> Fault:
    kind, where, ctx = row["type"], _place(row["loc"]), row.get("ctx", {})
    if kind == UNFIT:
        return Fault(where, ctx["came"], ctx["wanted"])
    if kind == "missing":
        return Fault(where, "nothing", _WANTED["model_type" if where == "body" else kind])
    if kind in ("too_short", "too_long"):
        return Fault(where, f"{ctx['actual_length']} items", _WANTED[kind].format(**ctx))
    if kind == "string_too_long":
        return Fault(where, f"{len(row['input'])} characters", _WANTED[kind].format(**ctx))
    if row["loc"][-1] in _CHOICES and kind != "string_unicode":
        return Fault(where, shown(row["input"]), _CHOICES[row["loc"][-1]])
    wanted = _WANTED[kind].format(**ctx) if kind in _WANTED else row["msg"].removeprefix("Input should be ")
    return Fault(where, shown(row["input"]), wanted)


def _place(loc: Sequence[str | int]) -> str:
    """("body", "statements", 3, "as-object", "text") -> "statements[3].text"; a tag of ours between them is no place."""
    if loc[0] == "header":
        return f"header {loc[-1]}"
    parts = [part for part in loc if part != "body" and part not in _CHOICES]
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).lstrip(".") or "body"
    return text if len(text) <= 100 else f"{text[:97]}..."  # a field that we do not know may have a name of any length
