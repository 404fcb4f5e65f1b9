"""Many callers' statements -> outputs, through one network a core: who is next, who is too many."""

import heapq
import itertools
import math
import os
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from service.cache import Cache, key_of
from service.errors import NotReady, Overloaded, TooLate
from service.network import Network, Output
from service.statements.statement import Statement

_GONE = "an inference thread has ended"
# What a character costs before any was measured, and what a statement costs beside its characters, in characters.
_FIRST_SECONDS_A_CHAR = 4e-5
_FIXED_CHARS = 40
_FADES_IN = 5.0  # seconds
_MEMORY = 0.05  # of the moving average of the cost of a character


@dataclass
class _Request:
    """One caller's statements. `outputs` fill up in any order; the last one, or the first failure, resolves `future`."""

    future: "Future[list[Output]]"
    outputs: list[Output | None]
    n_missing: int
    deadline: float


class _Job(NamedTuple):
    """Jobs are ordered by their first two fields; a tuple, since thousands are compared."""

    turn: float
    number: int
    request: _Request
    place: int
    statement: Statement
    cost: int
    key: bytes


class Pool:
    """A thread for each of `networks`, which may be one and the same, and one queue of single statements before them.

    Statements of a request take their turns one after another, at the pace of half of the pool: those of a small request that comes later go between
    them, so that it waits for a few statements and not for hundreds, and a large one is not put off for ever. A request that others would hold up for longer
    than `most_wait` seconds is refused. Work whose caller is gone or whose time is up is not done.
    """

    def __init__(self, networks: Sequence[Network], *, most_wait: float = math.inf, cache_bytes: int = 0) -> None:
        self._most_wait = most_wait
        self._cache = Cache(cache_bytes)
        self._condition = threading.Condition()
        self._due: deque[_Job] = deque()  # whose turn has come, in that order
        self._later: list[_Job] = []  # a heap
        self._numbers = itertools.count()
        self._due_cost = self._later_cost = 0
        self._seconds_a_char = _FIRST_SECONDS_A_CHAR
        self._refused = 0.0, 0.0  # cost, when
        self._why_closed: str | None = None
        self._is_closing = False
        self._threads = [
            threading.Thread(target=self._work, args=(network,), name=f"inference-{number}", daemon=True) for number, network in enumerate(networks)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, statements: Sequence[Statement], *, within: float = math.inf) -> "Future[list[Output]]":
        """Outputs in the order of the statements, once they are there; cancelling the future drops what is still to do.

        Raises `Overloaded` where too much is queued, `NotReady` where no thread would answer. The future raises `TooLate` when `within` seconds were not
        enough, and what the network raises.
        """
        now = time.monotonic()
        keys = [key_of(statement) for statement in statements]
        known = [self._cache.get(key) for key in keys]
        missing = [(place, statements[place], keys[place]) for place, output in enumerate(known) if output is None]
        request = _Request(Future(), known, len(missing), now + within)
        if not missing:
            self._check_open()
            request.future.set_result(list(filter(None, request.outputs)))
            return request.future
        costs = [_FIXED_CHARS + len(statement.text) + len(statement.frame or "") for _, statement, _ in missing]
        with self._condition:
            self._check_open()
            turns = [now + cost * self._pace() for cost in itertools.accumulate(costs[:-1], initial=0)]
            self._admit(turns[-1], sum(costs), min(self._most_wait, within))
            for (place, statement, key), turn, cost in zip(missing, turns, costs, strict=True):
                heapq.heappush(self._later, _Job(turn, next(self._numbers), request, place, statement, cost, key))
            self._later_cost += sum(costs)
            self._condition.notify(len(missing))
        return request.future

    def check_room(self, n_chars: int) -> None:
        """Raises `Overloaded` where a request of about so many characters would be refused whatever it holds; nothing is queued by it."""
        with self._condition:
            self._admit(time.monotonic(), n_chars, self._most_wait)

    def is_alive(self) -> bool:
        """Whether all threads are there and take statements."""
        return self._why_closed is None and not self._is_closing and all(thread.is_alive() for thread in self._threads)

    def close(self) -> None:
        """Ends the threads once all that is queued is answered; a later `submit` raises `NotReady`."""
        with self._condition:
            self._is_closing = True
            self._condition.notify_all()
        for thread in self._threads:
            thread.join()
        self._fail("the pool is closed")

    def _check_open(self) -> None:
        if not self.is_alive():
            raise NotReady(self._why_closed or "the inference threads are gone")

    def _admit(self, turn: float, cost: int, most_wait: float) -> None:
        """Raises `Overloaded` where others whose turn is not after `turn` would take longer than `most_wait` seconds."""
        now = time.monotonic()
        self._call_up(now)
        ahead = self._due_cost + self._later_cost
        if self._seconds_for(ahead) > most_wait:  # else there is no need to count
            ahead = self._due_cost + (sum([job.cost for job in self._later if job.turn <= turn]) if turn > now else 0)
        wait = self._seconds_for(ahead)
        if wait > most_wait:
            self._refused = self._refused_lately(now) + cost, now
            raise Overloaded(f"what is queued takes {wait:.1f} s already", retry_after=wait + self._seconds_for(self._refused[0]))

    def _call_up(self, now: float) -> None:
        """Jobs whose turn has come, to the others: what they cost is known without a count."""
        while self._later and self._later[0].turn <= now:
            job = heapq.heappop(self._later)
            self._due.append(job)
            self._due_cost += job.cost
            self._later_cost -= job.cost

    def _refused_lately(self, now: float) -> float:
        """What was refused in the last seconds and will be sent again, as a cost that fades."""
        cost, at = self._refused
        return cost * math.exp((at - now) / _FADES_IN)

    def _seconds_for(self, cost: float) -> float:
        return cost * self._seconds_a_char / len(self._threads)

    def _pace(self) -> float:
        """Seconds between the turns of one request, for each character."""
        return 2 * self._seconds_for(1)

    def _work(self, network: Network) -> None:
        try:
            while (job := self._next()) is not None:
                self._do(network, job)
        except BaseException:
            self._fail(_GONE)
            raise

    def _next(self) -> _Job | None:
        with self._condition:
            while not (self._due or self._later):
                if self._is_closing or self._why_closed:
                    return None
                self._condition.wait()
            if not self._due:
                self._call_up(self._later[0].turn)
            job = self._due.popleft()
            self._due_cost -= job.cost
            return job

    def _do(self, network: Network, job: _Job) -> None:
        request = job.request
        if request.future.done():  # its caller is gone, or another of its statements has failed
            return
        started = time.monotonic()
        if started > request.deadline:
            _resolve(request.future, error=TooLate("the time that was given for an answer is over"))
            return
        try:
            output = network.run(job.statement)
        except Exception as error:  # noqa: BLE001 - whatever it was, the caller gets it, and this thread goes on with the next statement
            _resolve(request.future, error=error)
            return
        except BaseException:
            _resolve(request.future, error=NotReady(_GONE))
            raise
        self._cache.put(job.key, output)
        with self._condition:
            self._seconds_a_char += _MEMORY * ((time.monotonic() - started) / job.cost - self._seconds_a_char)
            request.outputs[job.place] = output
            request.n_missing -= 1
            is_last = request.n_missing == 0
        if is_last:
            _resolve(request.future, list(filter(None, request.outputs)))

    def _fail(self, reason: str) -> None:
        """Tells all who wait, and all who come, that there is nobody to answer them."""
        with self._condition:
            self._why_closed = self._why_closed or reason
            waiting = [*self._due, *self._later]
            self._due.clear()
            self._later.clear()
            self._due_cost = self._later_cost = 0
            self._condition.notify_all()
        for job in waiting:
            _resolve(job.request.future, error=NotReady(reason))


def available_cores() -> int:
    """Cores that this process may use, at least 1; a container's CPU set counts."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _resolve(future: "Future[list[Output]]", outputs: list[Output] | None = None, *, error: Exception | None = None) -> None:
    """Once: later results, and those of a future that was cancelled, are dropped."""
    with suppress(InvalidStateError):
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(outputs or [])
