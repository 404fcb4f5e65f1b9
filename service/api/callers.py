"""How long a caller waits: work whose caller has gone or whose time is up is dropped."""

import asyncio
import math
from collections.abc import Awaitable
from typing import Annotated, TypeVar

from fastapi import Depends, Header, Request
from starlette.exceptions import HTTPException
from starlette.types import Receive

from service.api.problems import CLIENT_CLOSED_REQUEST
from service.errors import TooLate

TIMEOUT = "X-Request-Timeout"
_WITHIN = "Seconds for which you wait: what is not done by then is dropped (504), and what would not be is refused at once (429)."
T = TypeVar("T")

TimeoutHeader = Annotated[float | None, Header(alias=TIMEOUT, gt=0, allow_inf_nan=False, description=_WITHIN)]


def seconds_of(header: TimeoutHeader = None) -> float:
    """How long the caller waits for an answer, in seconds; infinite where the header is not there."""
    return math.inf if header is None else header


Within = Annotated[float, Depends(seconds_of)]


def gone_away() -> HTTPException:
    """For the count of requests: nobody reads the answer."""
    return HTTPException(CLIENT_CLOSED_REQUEST, "the caller has gone")


async def answered(request: Request, work: Awaitable[T], seconds: float) -> T:
    """What `work` gives, unless the caller goes away or `seconds` go by before that: then it is cancelled. Raises `TooLate`, or `HTTPException` 499."""
    gone = asyncio.ensure_future(_until_gone(request.receive))
    try:
        async with asyncio.timeout(None if math.isinf(seconds) else seconds) as limit:

            def give_up(_: object) -> None:
                if not limit.expired():
                    limit.reschedule(0)

            gone.add_done_callback(give_up)
            try:
                return await work
            finally:
                gone.remove_done_callback(give_up)
    except TimeoutError:
        if not limit.expired():  # something in `work` was too slow for its own liking
            raise
        if gone.done():
            raise gone_away() from None
        raise TooLate(f"{seconds:g} s were not enough; nothing more is done about it") from None
    finally:
        gone.cancel()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
