"""What each request leaves behind: counts, a line in the log by which it can be found again, and the headers that every answer has. No text is logged."""

import logging
import random
import re
import time
from http import HTTPStatus

from starlette.types import Scope

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
    """Of one request: the caller's X-Request-Id, or one of ours, stands in the answer and in the log; a query does not, since it may hold names.

    Beside it the log has the name of the key that the request came with, never the key.
    """

    __slots__ = ("_began", "_id", "_status")

    def __init__(self, scope: Scope) -> None:
        given = next((value for name, value in scope["headers"] if name == ID), b"")
        self._id = given if _FIT.fullmatch(given) else b"%016x" % _numbers.getrandbits(64)
        self._began = time.perf_counter()
        self._status = int(HTTPStatus.INTERNAL_SERVER_ERROR)

    def mark(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        """For an answer of that status: adds to its `headers` those that every answer has."""
        self._status = status
        there = [name for name, _ in headers]
        headers.append((ID, self._id))
        headers += [header for header in _HEADERS if header[0] not in there]

    def end(self, scope: Scope, metrics: Metrics) -> None:
        """Logs and counts the request: its answer is sent or about to be, or there will be none."""
        seconds, status = time.perf_counter() - self._began, self._status
        metrics.count_request(scope, status, seconds)
        level = logging.DEBUG if scope["path"] in _PROBES else logging.WARNING if status >= HTTPStatus.INTERNAL_SERVER_ERROR else logging.INFO
        if not _log.isEnabledFor(level):
            return
        facts = {"id": self._id.decode(), "method": scope["method"], "path": scope["path"], "status": status, "ms": round(1e3 * seconds, 1)}
        if KEY_NAME in scope:
            facts["key"] = scope[KEY_NAME]
        # As `_log.log` does, which would look through the stack for who calls it.
        _log.handle(logging.makeLogRecord({"name": REQUESTS, "levelno": level, "levelname": logging.getLevelName(level), "msg": "request", "facts": facts}))
