"""A closed loop of clients against one address: answers a second, and how long each took. All clients are one lean thread, as they share the server's cores."""

import asyncio
import gc
import itertools
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import uvloop

from tests.bench.client import Client
from tests.bench.servers import NotRunning

_MOST_SECONDS = 600  # for one answer
_RETRY_SECONDS = "0.1"  # where a refusal names no time


@dataclass(frozen=True)
class Load:
    """Each of `n_connections` sends its next request of `n_texts` when the last one is answered."""

    n_texts: int
    n_connections: int

    def __str__(self) -> str:
        return f"{self.n_texts} x {self.n_connections}"


@dataclass(frozen=True)
class Measured:
    """Only answers count; a request that was refused was sent again, after the `Retry-After` that came, and its time goes on.

    `client_share` is what the clients took of one core; were it near 1, they would be what is measured.
    """

    texts_a_second: float
    p50_seconds: float
    p99_seconds: float
    n_answers: int
    n_refused: int
    client_share: float


def bodies_of(texts: Sequence[str], n_texts: int, key: str) -> list[bytes]:
    """Requests of `n_texts` each, which hold all of `texts` at least once, over and over from the first."""
    source = itertools.cycle(texts)
    return [json.dumps({key: list(itertools.islice(source, n_texts))}).encode() for _ in range(-(-len(texts) // n_texts))]


def measure(url: str, bodies: Sequence[bytes], load: Load, seconds: float, *, least: int = 0) -> Measured:
    """Sends `bodies` in turn for `seconds`, or until there were `least` answers and one on each connection. Raises `NotRunning` where one is an error."""
    gc.freeze()  # the libraries that are loaded here are no garbage: looking through them took 10 ms, which stood in what is slowest of a hundred answers
    return uvloop.run(_measure(url, bodies, load, seconds, least))


async def _measure(url: str, bodies: Sequence[bytes], load: Load, seconds: float, least: int) -> Measured:
    spent: list[float] = []
    n_refused = 0
    next_bodies = itertools.cycle(bodies)
    client = Client(url)

    async def ask(body: bytes) -> None:
        nonlocal n_refused
        began = time.perf_counter()
        while True:
            async with asyncio.timeout(_MOST_SECONDS):
                answer = await client.post(body)
            if answer.status == 200:
                spent.append(time.perf_counter() - began)
                return
            if answer.status != 429:
                raise NotRunning(f"answered {load} with {answer.status}: {answer.body[:200].decode(errors='replace')}")
            n_refused += 1
            await asyncio.sleep(float(answer.retry_after or _RETRY_SECONDS))

    async def connection() -> None:
        await ask(next(next_bodies))
        while time.perf_counter() < end or len(spent) < least:
            await ask(next(next_bodies))

    began, cpu_began = time.perf_counter(), time.process_time()
    end = began + seconds
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(load.n_connections):
                group.create_task(connection())
    except ExceptionGroup as errors:
        first = errors.exceptions[0]
        if isinstance(first, NotRunning):
            raise first from None
        raise NotRunning(f"failed under {load}: {first!r}") from first
    finally:
        client.close()
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu_began
    return Measured(len(spent) * load.n_texts / wall, statistics.median(spent), percentile(spent, 0.99), len(spent), n_refused, cpu / wall)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of `values` are not above: the nearest there is."""
    return sorted(values)[round(share * (len(values) - 1))]
