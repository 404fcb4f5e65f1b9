"""uvicorn's protocol, for strangers: heads of requests are bounded in bytes and seconds, which uvicorn leaves to a proxy in front of it."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from starlette.responses import Response
from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.api.problems import problem
from service.errors import Fault

HEAD_SECONDS = 10.0
READ_SECONDS = 60.0  # in which a client has to take some of what is sent to it, all of it where the connection then closes, or to send what nobody waits for
HEAD_BYTES = 65_536
_FAULT = Fault("head", "more", f"at most {HEAD_BYTES} bytes")
_TOO_LARGE = bytes(problem(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, str(_FAULT), [_FAULT]).body)


class GuardedProtocol(HttpToolsProtocol):
    """Closes a connection whose head does not come in time (a slow loris), or that does not take its answer, and answers 431 to a head without end.

    What is not let in is answered before there is a task for it. Bodies are bounded where they are read, and here where nobody reads them; idle connections
    by uvicorn.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        application: Any = self.config.app
        self._refusal: Callable[[Scope], Response | None] = application.state.refusal
        self._n_bytes: int | None = 0  # of the head that comes in; None while there is none
        self._is_behind_another = False
        self._timer: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._close_after(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._take_up()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        self._abort_later()  # an answer that nobody takes would keep its thread, and its place among the connections to the database
        super().pause_writing()

    def resume_writing(self) -> None:
        if not self.transport.is_closing():
            self._take_up()
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._abort_later()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._abort_later()

    def data_received(self, data: bytes) -> None:
        self._is_behind_another = False
        super().data_received(data)
        if self._n_bytes is None:
            # A part of a body that nobody reads, as its request is answered, or blank lines: they have ended uvicorn's own waiting.
            if self._timer is None and self._is_unwatched():
                self._close_after(READ_SECONDS)
            return
        if self._timer is None:  # most heads come whole, and need none
            self._close_after(HEAD_SECONDS)
        if not self._is_behind_another:  # else how much of what came is this head's cannot be told: it is counted from the next bytes on
            self._n_bytes += len(data)
        if self._n_bytes > HEAD_BYTES and not self.transport.is_closing():
            head = b"HTTP/1.1 431 \r\ncontent-type: application/problem+json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(_TOO_LARGE)
            self.transport.write(head + _TOO_LARGE)
            self.transport.close()
            self._abort_later()

    def on_message_begin(self) -> None:
        self._stop_waiting()
        self._n_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._stop_waiting()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._is_behind_another = True
        super().on_message_complete()
        if self._is_unwatched() and not self.transport.is_closing():
            self._stop_waiting()  # the rest of a body came behind its answer, and ended uvicorn's waiting for the next request
            self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        """Answers what is not let in here and now: a task of its own, and what lies between it and the answer, cost as much as the answer.

        One at a time: of many that come at once the others wait for their turn, as nobody else would get one meanwhile. Nor one that would have to wait
        until others are sent.
        """
        if self.transport.is_closing():  # the answer before it was the last one
            return
        self._unset_keepalive_if_required()  # set by an answer that was given since the last bytes came
        is_alone = app is self.app and not (self.pipeline or self._is_behind_another or self.transport.get_write_buffer_size())
        refusal = self._refusal(cycle.scope) if is_alone else None
        if refusal is None:
            super()._start_asgi_task(cycle, app)
            return
        try:
            cycle.run_asgi(refusal).send(None)
        except StopIteration:
            return
        raise RuntimeError("a refusal waits for something")

    def _is_unwatched(self) -> bool:
        """Whether all is answered that was asked, and uvicorn does not wait for what comes next."""
        return self.timeout_keep_alive_task is None and self.cycle is not None and self.cycle.response_complete

    def _close_after(self, seconds: float) -> None:
        self._timer = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def _abort_later(self) -> None:
        """What is still to be sent is thrown away, and the connection with it, unless it is taken in time."""
        if self._stalled is None:
            self._stalled = self.loop.call_later(READ_SECONDS, self.transport.abort)

    def _take_up(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _stop_waiting(self) -> None:
        self._n_bytes = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
