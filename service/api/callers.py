"""How long a caller waits: work whose caller has gone or whose time is up is dropped."""

import asyncio
from collections.abc import Awaitable
from typing import Annotated, TypeVar

from fastapi import Header, Request
from starlette.exceptions import HTTPException
from starlette.types import Receive

from service.api.problems import CLIENT_CLOSED_REQUEST
from service.errors import TooLate

TIMEOUT = "X-Request-Timeout"
_WITHIN = "Seconds for which you wait: what is not done by then is dropped (504), and what would not be is refused at once (429)."
T = TypeVar("T")

# How long the caller waits for an answer, in seconds; None where the header is not there.
Within = Annotated[float | None, Header(alias=TIMEOUT, gt=0, allow_inf_nan=False, description=_WITHIN)]


async def answered(request: Request, work: Awaitable[T], seconds: float | None) -> T:
    """What `work` gives, unless the caller goes away or `seconds` go by before that: then it is cancelled. Raises `TooLate`, or `HTTPException` 499."""
    gone = asyncio.ensure_future(_until_gone(request.receive))
    try:
        async with asyncio.timeout(seconds) as limit:

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
            raise HTTPException(CLIENT_CLOSED_REQUEST, "the caller has gone") from None
        raise TooLate(f"{seconds:g} s were not enough; nothing more is done about it") from None
    finally:
        gone.cancel()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
