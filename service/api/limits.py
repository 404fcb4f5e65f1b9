"""Bodies: a route that takes JSON, files, and what is too much. Other content types and bodies over the limit are refused, with the rest of the body unread."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.problems import RefusedBody, response_to
from service.errors import Fault, Overloaded, shown

BODY_SECONDS = 60.0


class JsonRoute(APIRoute):
    """Looks at the headers before the body, and counts the body while it comes in; the limit is the app's `state.max_body_bytes`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = self.answering()
        if not self.body_field:

            async def guarded(request: Request) -> Response:
                _check_origin(request)
                return await handle(request)

            return guarded

        async def limited(request: Request) -> Response:
            max_bytes: int = request.app.state.max_body_bytes
            _check_origin(request)
            _check_content_type(request.headers.get("content-type", ""))
            _check_encoding(request.headers.get("content-encoding", ""))
            length = request.headers.get("content-length", "")
            if length.isdecimal() and len(length) > 18:  # int() refuses thousands of digits with an error of its own
                raise _too_large(f"a Content-Length of {len(length)} digits", max_bytes)
            if length.isdecimal() and int(length) > max_bytes:
                raise _too_large(f"{length} bytes", max_bytes)
            return await handle(Request(request.scope, _counted(request.receive, max_bytes)))

        return limited

    def answering(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What answers a request that is let in: FastAPI's way from a body to the endpoint and back."""
        return super().get_route_handler()


class Admission:
    """ASGI middleware: refuses, before it reads the body, what the model would be asked too late. The length of the body says about how much that is.

    Before all routes, since under an overload most requests are refused, and what that costs is lost to the others.
    """

    def __init__(self, app: ASGIApp, check_room: Callable[[int], None], routes: Sequence[APIRoute]) -> None:
        self._app = app
        self._check_room = check_room
        self._routes = {route.path: route for route in routes}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST" and (route := self._routes.get(scope["path"])) is not None:
            length = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
            try:
                self._check_room(int(length) if length.isdigit() and len(length) <= 18 else 0)
            except Overloaded as error:
                scope["route"] = route  # it is counted there
                await response_to(error)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _check_origin(request: Request) -> None:
    """Refuses what a page of another site has a browser send: it would change labels and models in the name of whoever looks at that page."""
    if request.method in ("GET", "HEAD"):
        return
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site", "none")
    is_ours = origin is None or origin.partition("://")[2] == request.headers.get("host", "")
    if not is_ours or site not in ("none", "same-origin"):
        raise RefusedBody(HTTPStatus.FORBIDDEN, Fault("header Origin", shown(origin or site), "a request from this service's own page, or from no page"))


async def whole_body(request: Request, max_bytes: int) -> bytes:
    """A body that is a file, of any content type. Raises `RefusedBody` where it is longer than `max_bytes`, or compressed."""
    _check_encoding(request.headers.get("content-encoding", ""))
    return await Request(request.scope, _counted(request.receive, max_bytes)).body()


def _check_content_type(content_type: str) -> None:
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type != "application/json" and not (media_type.startswith("application/") and media_type.endswith("+json")):
        came = shown(content_type) if content_type else "nothing"
        raise RefusedBody(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, Fault("header Content-Type", came, "application/json"))


def _check_encoding(encoding: str) -> None:
    if encoding.strip().lower() not in ("", "identity"):
        raise RefusedBody(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, Fault("header Content-Encoding", shown(encoding), "a body that is not compressed"))


def _counted(receive: Receive, max_bytes: int) -> Receive:
    """Bounds a body in bytes and, until its last one is there, in seconds."""
    n_bytes, until, is_whole = 0, time.monotonic() + BODY_SECONDS, False

    async def counted() -> Message:
        nonlocal n_bytes, is_whole
        if is_whole:  # whoever asks now wants to know when the caller goes away
            return await receive()
        try:
            async with asyncio.timeout(until - time.monotonic()):
                message = await receive()
        except TimeoutError:
            raise RefusedBody(HTTPStatus.REQUEST_TIMEOUT, Fault("body", f"a part of it in {BODY_SECONDS:g} s", "the whole of it")) from None
        is_whole = not message.get("more_body", False)
        n_bytes += len(message.get("body", b""))
        if n_bytes > max_bytes:
            raise _too_large(f"more than {max_bytes} bytes", max_bytes)
        return message

    return counted


def _too_large(came: str, max_bytes: int) -> RefusedBody:
    return RefusedBody(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, Fault("body", came, f"at most {max_bytes} bytes; send several requests"))
