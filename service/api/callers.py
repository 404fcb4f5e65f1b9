"""How long a caller waits: work whose caller has gone or whose time is up is dropped."""

import asyncio
import math
from collections.abc import Coroutine
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Header, Request
from starlette.exceptions import HTTPException
from starlette.types import Receive

from service.api.problems import CLIENT_CLOSED_REQUEST
from service.errors import TooLate

TIMEOUT = "X-Request-Timeout"
_WITHIN = "Seconds for which you wait: what is not done by then is dropped (504), and what would not be is refused at once (429)."
T = TypeVar("T")


async def _seconds(  # not in a thread, as plain functions are
    seconds: Annotated[float | None, Header(alias=TIMEOUT, gt=0, allow_inf_nan=False, description=_WITHIN)] = None,
) -> float:
    return math.inf if seconds is None else seconds


# How long the caller waits for an answer, in seconds; infinite where the header is not there.
Within = Annotated[float, Depends(_seconds)]


async def answered(request: Request, work: Coroutine[Any, Any, T], seconds: float) -> T:
    """What `work` gives, unless the caller goes away or `seconds` go by before that: then it is cancelled. Raises `TooLate`, or `HTTPException` 499."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_until_gone(request.receive))
    try:
        await asyncio.wait({task, gone}, timeout=None if math.isinf(seconds) else seconds, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        if gone.done():
            raise HTTPException(CLIENT_CLOSED_REQUEST, "the caller has gone")
        raise TooLate(f"{seconds:g} s were not enough; nothing more is done about it")
    finally:
        task.cancel()
        gone.cancel()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
