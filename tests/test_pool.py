"""Many callers at one pool: each gets its own answers, small requests pass large ones, too much is refused, and nobody waits for a thread that is gone."""

import time
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from service.errors import NotReady, Overloaded, TooLate
from service.pool import Pool
from service.statements.statement import Statement
from tests.fakes import CUES, Turnstile, by_rule

STATEMENTS = [Statement(f"Number {number}: it is {cue}.") for number in range(30) for cue in CUES]
STEP = "It goes on, word by word."


@pytest.fixture
def pools() -> Iterator[Callable[..., Pool]]:
    made: list[Pool] = []

    def make(*networks: Turnstile, **limits: float) -> Pool:
        made.append(Pool(networks, **limits))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for pool in made:
        pool.close()


def texts(prefix: str, n: int) -> list[Statement]:
    return [Statement(f"{prefix}{number} {STEP}") for number in range(n)]


def test_callers_in_several_threads_each_get_their_own_answers_in_order(pools: Callable[..., Pool]) -> None:
    pool = pools(Turnstile(holds=False), Turnstile(holds=False))
    shares = [STATEMENTS[start::8] for start in range(8)] * 5
    with ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(lambda share: pool.submit(share).result(timeout=30), shares))
    for share, outputs in zip(shares, answers, strict=True):
        np.testing.assert_array_equal([output.logits for output in outputs], [by_rule(statement).logits for statement in share])
    assert pool.submit([]).result(timeout=1) == []


def test_a_small_request_passes_a_large_one_and_does_not_stop_it(pools: Callable[..., Pool], monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("service.pool.time", SimpleNamespace(monotonic=lambda: now))  # stands still, however long a thread waits for a core
    network = Turnstile()
    pool = pools(network)
    large = pool.submit(texts("large", 40))
    network.wait_for()
    small = pool.submit(texts("small", 1))
    now += 0.5  # by then the large one has been waited for long enough
    late = [pool.submit(texts(f"late{number}-", 1)) for number in range(20)]
    network.let(61)
    assert all(future.result(timeout=30) for future in (large, small, *late))
    assert network.seen.index(f"small0 {STEP}") <= 2
    assert network.seen.index(f"large39 {STEP}") == 40


def test_what_would_wait_too_long_is_refused_with_a_time_to_come_back(pools: Callable[..., Pool]) -> None:
    network = Turnstile()
    pool = pools(network, most_wait=0.02)
    held = [pool.submit(texts("first", 1))]
    network.wait_for()
    pool.check_room(10)

    def fill() -> None:
        held.extend(pool.submit(texts(f"{number}-", 1)) for number in range(100))

    with pytest.raises(Overloaded, match="what is queued takes") as refused:
        fill()
    assert 1 < len(held) < 100
    assert refused.value.retry_after > 0.02
    with pytest.raises(Overloaded):
        pool.check_room(10)
    with pytest.raises(Overloaded) as again:
        pool.submit(texts("once more", 50))
    assert again.value.retry_after > refused.value.retry_after  # the more are turned away, the later they should come back
    network.let(len(held))
    for future in held:
        future.result(timeout=30)
    pool.check_room(10)
    network.let()
    assert pool.submit(texts("last", 1)).result(timeout=30)


def test_a_large_request_does_not_keep_small_ones_out(pools: Callable[..., Pool]) -> None:
    network = Turnstile()
    pool = pools(network, most_wait=0.02)
    large = pool.submit(texts("large", 200))
    network.wait_for()
    small = pool.submit(texts("small", 1))
    network.let(201)
    assert small.result(timeout=30)
    assert large.result(timeout=30)


def test_work_whose_caller_is_gone_is_not_done(pools: Callable[..., Pool]) -> None:
    network = Turnstile()
    pool = pools(network)
    gone = pool.submit(texts("gone", 50))
    network.wait_for()
    assert gone.cancel()
    network.let()
    other = pool.submit(texts("other", 1))
    network.let()
    assert other.result(timeout=30)
    assert network.seen == [f"gone0 {STEP}", f"other0 {STEP}"]
    with pytest.raises(CancelledError):
        gone.result()


def test_work_whose_time_is_up_is_not_done(pools: Callable[..., Pool]) -> None:
    network = Turnstile()
    pool = pools(network)
    late = pool.submit(texts("late", 2), within=0.05)
    network.wait_for()
    time.sleep(0.06)
    network.let()
    with pytest.raises(TooLate, match="is over"):
        late.result(timeout=30)
    assert network.seen == [f"late0 {STEP}"]


def test_what_cannot_be_done_in_the_time_given_is_refused_at_once(pools: Callable[..., Pool]) -> None:
    network = Turnstile()
    pool = pools(network)
    held = pool.submit(texts("held", 100))
    with pytest.raises(Overloaded):
        pool.submit(texts("hasty", 100), within=0.001)
    network.let(100)
    held.result(timeout=30)


def test_a_statement_that_was_answered_is_not_asked_again(pools: Callable[..., Pool]) -> None:
    network = Turnstile(holds=False)
    pool = pools(network, cache_bytes=100_000)
    asked = [Statement("any role", "He denied any role."), Statement("any role"), Statement("any role", "He urged any role.")]
    first = pool.submit(asked).result(timeout=30)
    again = pool.submit([Statement("any role", "He denied any role.", "somebody"), *asked]).result(timeout=30)
    assert len(network.seen) == 3
    np.testing.assert_array_equal([output.logits for output in again], [first[place].logits for place in (0, 0, 1, 2)])


def test_no_text_is_taken_for_another_that_is_cut_elsewhere(pools: Callable[..., Pool]) -> None:
    network = Turnstile(holds=False)
    pool = pools(network, cache_bytes=100_000)
    pool.submit([Statement("a", "a|b"), Statement("a|", "a|ab"), Statement("b", "a"), Statement("a"), Statement("1 a")]).result(timeout=30)
    assert len(network.seen) == 5


def test_the_cache_holds_as_many_bytes_as_it_may_and_forgets_what_was_not_asked_for(pools: Callable[..., Pool]) -> None:
    network = Turnstile(holds=False, does=lambda statement: None)
    network.seen = _Nothing()  # type: ignore[assignment]
    pool = pools(network, cache_bytes=400_000)
    pool.submit([Statement("kept")]).result(timeout=30)
    tracemalloc.start()
    try:
        for number in range(60):
            pool.submit([Statement("kept"), *texts(f"{number}-", 100)]).result(timeout=30)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 200_000 < taken < 500_000  # the interpreter's own share of it is another each time
    assert network.seen.n == 6_001


class _Nothing(list[str]):
    n = 0

    def append(self, text: str) -> None:
        self.n += 1


def test_a_statement_that_fails_fails_alone(pools: Callable[..., Pool]) -> None:
    def refuse(statement: Statement) -> None:
        if "poison" in statement.text:
            raise ValueError("out of bounds")

    pool = pools(Turnstile(holds=False, does=refuse))
    with pytest.raises(ValueError, match="out of bounds"):
        pool.submit([Statement("fine"), Statement("poison")]).result(timeout=30)
    assert pool.is_alive()
    assert pool.submit([Statement("fine too")]).result(timeout=30)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_ends_tells_its_caller_and_everybody_else(pools: Callable[..., Pool]) -> None:
    def end(statement: Statement) -> None:
        if "end" in statement.text:
            raise SystemExit

    network = Turnstile(does=end)
    pool = pools(network)
    waiting = [pool.submit([Statement("end")]), pool.submit(texts("queued", 2))]
    network.let()
    for future in waiting:
        with pytest.raises(NotReady, match="thread has ended"):
            future.result(timeout=30)
    assert not pool.is_alive()
    with pytest.raises(NotReady, match="an inference thread has ended"):
        pool.submit(STATEMENTS[:1])


def test_a_closed_pool_has_answered_what_was_queued_and_takes_nothing_more() -> None:
    network = Turnstile()
    pool = Pool([network])
    assert pool.is_alive()
    queued = pool.submit(texts("queued", 3))
    network.let(3)
    pool.close()
    assert len(queued.result(timeout=1)) == 3
    assert not pool.is_alive()
    with pytest.raises(NotReady):
        pool.submit(STATEMENTS[:1])
