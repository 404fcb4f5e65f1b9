"""Statements -> verdicts in one process, each text once: the service's own classifier, before its pool and what the node knows already.

No order is made among the statements: the network reads one at a time, without padding, so that sorting by length would save nothing.
"""

import math
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

from service.archive.known import Known
from service.cache import key_of
from service.classifier import Classifier, pool_of
from service.model_folder import ModelFolder
from service.network import Output
from service.pool import Pool
from service.statements.statement import Statement


class KnownFirst:
    """Fulfils `service.classifier.Answering` for callers in several threads. `n_run` counts what the pool had to read."""

    def __init__(self, pool: Pool, known: Known, n_threads: int) -> None:
        self._pool = pool
        self._known = known
        self._counting = threading.Lock()
        self.n_threads = n_threads
        self.n_run = 0

    def submit(self, statements: Sequence[Statement], *, within: float = math.inf) -> "Future[list[Output]]":
        """Done when it returns. Two callers who come with a text at the same moment may both have it read."""
        keys = [key_of(statement) for statement in statements]
        unique = dict(zip(keys, statements, strict=True))
        outputs = self._known.look_up(list(unique))
        missing = [key for key in unique if key not in outputs]
        new = dict(zip(missing, self._pool.submit([unique[key] for key in missing]).result(), strict=True))
        self._known.remember(new)
        with self._counting:
            self.n_run += len(new)
        outputs |= new
        future: Future[list[Output]] = Future()
        future.set_result([outputs[key] for key in keys])
        return future

    def check_room(self, n_chars: int) -> None:
        """Who comes here waits."""

    def is_alive(self) -> bool:
        """As the pool is."""
        return self._pool.is_alive()

    def close(self) -> None:
        """Ends the pool, and lets go of what is known."""
        self._pool.close()
        self._known.close()


def judge_of(folder: ModelFolder, known: Path, n_threads: int = 1) -> tuple[Classifier, KnownFirst]:
    """The folder's classifier on `n_threads` cores, and what it asks. Takes about half a second."""
    first = KnownFirst(pool_of(folder, n_threads), Known(known), n_threads)
    return Classifier(first, folder.card.temperature, folder.card.thresholds, folder.card.name), first
