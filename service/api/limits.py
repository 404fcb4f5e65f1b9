"""Bodies: a route that takes JSON, files, and what is too much. Other content types and bodies over the limit are refused, with the rest of the body unread."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.types import Message, Receive

from service.api.callers import gone_away
from service.api.problems import RefusedBody
from service.errors import Fault, shown

BODY_SECONDS = 60.0


class JsonRoute(APIRoute):
    """Looks at the headers before the body, and bounds that while it comes in; the limit is the app's `state.max_body_bytes`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        if not self.body_field:
            handle = super().get_route_handler()

            async def guarded(request: Request) -> Response:
                _check_origin(request.method, _headers(request))
                return await handle(request)

            return guarded
        answer = self.answering()

        async def limited(request: Request) -> Response:
            max_bytes: int = request.app.state.max_body_bytes
            headers = _headers(request)
            _check_origin(request.method, headers)
            _check_content_type(headers.get("content-type", ""))
            _check_encoding(headers.get("content-encoding", ""))
            length = headers.get("content-length", "")
            if length.isdecimal() and len(length) > 18:  # int() refuses thousands of digits with an error of its own
                raise _too_large(f"a Content-Length of {len(length)} digits", max_bytes)
            if length.isdecimal() and int(length) > max_bytes:
                raise _too_large(f"{length} bytes", max_bytes)
            return await answer(request, await _body(request.receive, max_bytes))

        return limited

    def answering(self) -> Callable[[Request, bytes], Coroutine[Any, Any, Response]]:
        """What answers a request that is let in, given its body: FastAPI's way to the endpoint and back."""
        handle = super().get_route_handler()

        async def answer(request: Request, body: bytes) -> Response:
            messages = iter([{"type": "http.request", "body": body, "more_body": False}])

            async def receive() -> Message:
                return next(messages, None) or await request.receive()

            return await handle(Request(request.scope, receive))

        return answer


def _headers(request: Request) -> dict[str, str]:
    """By name, the first of those that came twice. Starlette's own look through all of them each time that one is asked for."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(request.scope["headers"])}


def _check_origin(method: str, headers: Mapping[str, str]) -> None:
    """Refuses what a page of another site has a browser send: it would change labels and models in the name of whoever looks at that page."""
    if method in ("GET", "HEAD"):
        return
    origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
    is_ours = origin is None or origin.partition("://")[2] == headers.get("host", "")
    if not is_ours or site not in ("none", "same-origin"):
        raise RefusedBody(HTTPStatus.FORBIDDEN, Fault("header Origin", shown(origin or site), "a request from this service's own page, or from no page"))


async def whole_body(request: Request, max_bytes: int) -> bytes:
    """A body that is a file, of any content type. Raises `RefusedBody` where it is longer than `max_bytes`, or compressed."""
    _check_encoding(request.headers.get("content-encoding", ""))
    return await _body(request.receive, max_bytes)


def _check_content_type(content_type: str) -> None:
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type != "application/json" and not (media_type.startswith("application/") and media_type.endswith("+json")):
        came = shown(content_type) if content_type else "nothing"
        raise RefusedBody(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, Fault("header Content-Type", came, "application/json"))


def _check_encoding(encoding: str) -> None:
    if encoding.strip().lower() not in ("", "identity"):
        raise RefusedBody(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, Fault("header Content-Encoding", shown(encoding), "a body that is not compressed"))


async def _body(receive: Receive, max_bytes: int) -> bytes:
    """The whole of it, bounded in bytes and, until the last one is there, in seconds."""
    parts: list[bytes] = []
    n_bytes, is_whole = 0, False
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while not is_whole:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise gone_away()
                parts.append(message.get("body", b""))
                n_bytes += len(parts[-1])
                if n_bytes > max_bytes:
                    raise _too_large(f"more than {max_bytes} bytes", max_bytes)
                is_whole = not message.get("more_body", False)
    except TimeoutError:
        raise RefusedBody(HTTPStatus.REQUEST_TIMEOUT, Fault("body", f"a part of it in {BODY_SECONDS:g} s", "the whole of it")) from None
    return b"".join(parts)


def _too_large(came: str, max_bytes: int) -> RefusedBody:
    return RefusedBody(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, Fault("body", came, f"at most {max_bytes} bytes; send several requests"))
