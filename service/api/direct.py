"""Routes that are asked all the time: from a request to their endpoint and back by the shortest way.

FastAPI knows them for its API docs; its own layers (routing, dependencies, errors, telemetry) are not gone through.
"""

import json
from collections.abc import Callable, Coroutine, Sequence
from http import HTTPStatus
from typing import Any, get_type_hints

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter, ValidationError
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from service.api.callers import TIMEOUT, TimeoutHeader, seconds_of
from service.api.limits import JsonRoute
from service.api.problems import is_foreseen, response_to

_HEADER = TypeAdapter[Any](TimeoutHeader)
_NO_BODY = {"type": "missing", "loc": ("body",), "msg": "Field required", "input": None}


class DirectRoute(JsonRoute):
    """In the API docs and to a caller a route like others. Its endpoint is a coroutine that takes `body`, `request` and `within`, each by its name.

    What that returns is of the route's response model, or a response.
    """

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            await super().handle(scope, receive, send)  # which says what is allowed
            return
        request = Request(scope, receive, send)
        try:
            response = await self._answer(request)
        except Exception as error:
            await response_to(error, request)(scope, receive, send)
            if not is_foreseen(error):
                raise  # the server writes it into its log
            return
        await response(scope, receive, send)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        self._answer = super().get_route_handler()
        return self._answer

    def answering(self) -> Callable[[Request, bytes], Coroutine[Any, Any, Response]]:
        taken = TypeAdapter[Any](get_type_hints(self.endpoint)["body"])
        given = TypeAdapter[Any](self.response_model)

        async def answer(request: Request, content: bytes) -> Response:
            faults: list[Any] = []
            header = _valid(_HEADER, request.headers.get(TIMEOUT), ("header", TIMEOUT), faults)
            if content:
                body = _valid(taken, _json(content), ("body",), faults)
            else:
                faults.append(_NO_BODY)
            if faults:
                raise RequestValidationError(faults)
            answered = await self.endpoint(body=body, request=request, within=seconds_of(header))
            return answered if isinstance(answered, Response) else json_response(given.dump_json(answered))

        return answer


def json_response(content: bytes, headers: dict[str, str] | None = None) -> Response:
    """A response that is JSON already."""
    return Response(content, headers=headers, media_type="application/json")


def _json(content: bytes) -> Any:
    """The value of a body. Raises what FastAPI raises for one that is not JSON."""
    try:
        return json.loads(content)
    except json.JSONDecodeError as error:
        row = {"type": "json_invalid", "loc": ("body", error.pos), "msg": "JSON decode error", "input": {}, "ctx": {"error": error.msg}}
        raise RequestValidationError([row]) from None
    except (ValueError, RecursionError):  # not UTF-8, a number of thousands of digits, a thousand lists in one another
        raise HTTPException(HTTPStatus.BAD_REQUEST, "the body cannot be parsed") from None


def _valid(kind: TypeAdapter[Any], value: Any, place: Sequence[str], faults: list[Any]) -> Any:
    """`value` as one of `kind`; where it is none, `faults` are told why."""
    try:
        return kind.validate_python(value)
    except ValidationError as error:
        faults += [{**row, "loc": (*place, *row["loc"])} for row in error.errors(include_url=False)]
