"""What every request goes through before the application: its trail begins, its key is looked at, and whether there is room for it."""

import logging
from collections.abc import Callable, Sequence

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.direct import DirectRoute
from service.api.guard import Guard
from service.api.metrics import Metrics
from service.api.problems import fault_of_ours, problem_of
from service.api.trail import Trail
from service.errors import Overloaded

_TRAIL = "onrecord.trail"  # in the scope of a request that was let in
_log = logging.getLogger("onrecord")


class Entrance:
    """An ASGI application around `app`. What it does not let in, it answers without waiting for anything, so that a protocol may ask it first.

    Under an overload most requests are refused, and what that costs is lost to the others: nothing is done for them that need not be. The body is not
    read; its length says about how much the model would be asked. `routes` are answered by themselves, `app` is asked for everything else.
    """

    def __init__(self, app: ASGIApp, guard: Guard, check_room: Callable[[int], None], routes: Sequence[DirectRoute], metrics: Metrics) -> None:
        self._app = app
        self._guard = guard
        self._check_room = check_room
        self._routes = {route.path: route for route in routes}
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self.refusal(scope) if _TRAIL not in scope else None
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        trail: Trail = scope[_TRAIL]

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"]]
                trail.mark(message["status"], message["headers"])
            await send(message)

        route = self._direct(scope)
        try:
            await (self._app if route is None else route.handle)(scope, receive, marked)
        finally:
            trail.end(scope, self._metrics)

    def refusal(self, scope: Scope) -> Response | None:
        """The whole answer to a request that is not let in, logged and counted; None where it is: this is asked once for each request."""
        trail = Trail(scope)
        try:
            response = self._guard.refusal(scope) or self._no_room(scope)
        except Exception:  # noqa: BLE001 - whatever it was, nobody is let in by it
            _log.exception("a request was not let in, as looking at it failed")
            response = fault_of_ours()
        if response is None:
            scope[_TRAIL] = trail
            return None
        trail.mark(response.status_code, response.raw_headers)
        trail.end(scope, self._metrics)
        return response

    def _no_room(self, scope: Scope) -> Response | None:
        route = self._direct(scope)
        if route is None:
            return None
        scope["route"] = route  # it is counted there
        length = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
        try:
            self._check_room(int(length) if length.isdigit() and len(length) <= 18 else 0)
        except Overloaded as error:
            return problem_of(error)
        return None

    def _direct(self, scope: Scope) -> DirectRoute | None:
        return self._routes.get(scope["path"]) if scope["method"] == "POST" else None
