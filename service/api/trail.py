"""What each request leaves behind: counts, a line in the log by which it can be found again, and the headers that every answer has. No text is logged."""

import logging
import random
import re
import time
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.guard import KEY_NAME
from service.api.metrics import Metrics
from service.logs import REQUESTS

ID = b"x-request-id"
_FIT = re.compile(rb"[A-Za-z0-9._-]{1,64}")
# What a browser is not to do with an answer, whoever has it fetch one.
_HEADERS = ((b"x-content-type-options", b"nosniff"), (b"x-frame-options", b"DENY"), (b"referrer-policy", b"no-referrer"))
_PROBES = ("/healthz", "/readyz", "/metrics")  # asked every few seconds by whoever watches over it
_numbers = random.Random()  # noqa: S311 - a request's number is no secret, and the system's own randomness costs a call into it
_log = logging.getLogger(REQUESTS)


class Trail:
    """ASGI middleware: the caller's X-Request-Id, or one of ours, stands in the answer and in the log; a query does not, since it may hold names.

    Beside it the log has the name of the key that the request came with, never the key.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == ID), b"")
        request_id = given if _FIT.fullmatch(given) else b"%016x" % _numbers.getrandbits(64)
        started = time.perf_counter()
        status = 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                there = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], (ID, request_id), *(header for header in _HEADERS if header[0] not in there)]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            seconds = time.perf_counter() - started
            self._metrics.count_request(scope, status, seconds)
            facts = {"id": request_id.decode(), "method": scope["method"], "path": scope["path"], "status": status, "ms": round(1e3 * seconds, 1)}
            if KEY_NAME in scope:
                facts["key"] = scope[KEY_NAME]
            level = logging.DEBUG if scope["path"] in _PROBES else logging.WARNING if status >= HTTPStatus.INTERNAL_SERVER_ERROR else logging.INFO
            _log.log(level, "request", extra={"facts": facts})
