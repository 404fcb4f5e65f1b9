"""uvicorn's protocol, for strangers: heads of requests are bounded in bytes and seconds, which uvicorn leaves to a proxy in front of it."""

import asyncio
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.api.problems import problem
from service.errors import Fault

HEAD_SECONDS = 10.0
READ_SECONDS = 60.0  # in which a client has to take some of what is sent to it
HEAD_BYTES = 65_536
_FAULT = Fault("head", "more", f"at most {HEAD_BYTES} bytes")
_TOO_LARGE = bytes(problem(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, str(_FAULT), [_FAULT]).body)


class GuardedProtocol(HttpToolsProtocol):
    """Closes a connection whose head does not come in time (a slow loris), or that does not take its answer, and answers 431 to a head without end.

    Bodies are bounded where they are read, idle connections by uvicorn.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._n_bytes: int | None = 0  # of the head that comes in; None while there is none
        self._timer: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._take_up()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        # An answer that nobody takes would keep its thread, and its place among the connections to the database.
        self._stalled = self.loop.call_later(READ_SECONDS, self.transport.abort)
        super().pause_writing()

    def resume_writing(self) -> None:
        self._take_up()
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._n_bytes is None:
            return
        self._n_bytes += len(data)
        if self._n_bytes > HEAD_BYTES and not self.transport.is_closing():
            head = b"HTTP/1.1 431 \r\ncontent-type: application/problem+json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(_TOO_LARGE)
            self.transport.write(head + _TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        self._await_head()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._stop_waiting()
        super().on_headers_complete()

    def _await_head(self) -> None:
        self._stop_waiting()
        self._n_bytes = 0
        self._timer = self.loop.call_later(HEAD_SECONDS, self.timeout_keep_alive_handler)

    def _take_up(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _stop_waiting(self) -> None:
        self._n_bytes = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
