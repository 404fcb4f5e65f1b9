"""Statements -> verdicts on one core, each text once: the service's own classifier, before one session and what the node knows already.

No order is made among the statements: the network reads one at a time, without padding, so that sorting by length would save nothing.
"""

import math
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

from service.archive.known import Known
from service.classifier import Classifier
from service.model_folder import ModelFolder
from service.network import Network, OnnxNetwork, Output
from service.pool import key_of
from service.statements.statement import Statement


class OneCore:
    """Fulfils `service.classifier.Answering` in the caller's own thread. `n_run` counts what the network had to read."""

    def __init__(self, network: Network, known: Known) -> None:
        self._network = network
        self._known = known
        self.n_run = 0

    def submit(self, statements: Sequence[Statement], *, within: float = math.inf) -> "Future[list[Output]]":
        """Done when it returns."""
        keys = [key_of(statement) for statement in statements]
        unique = dict(zip(keys, statements, strict=True))
        outputs = self._known.look_up(list(unique))
        new = {key: self._network.run(statement) for key, statement in unique.items() if key not in outputs}
        self._known.remember(new)
        self.n_run += len(new)
        outputs |= new
        future: Future[list[Output]] = Future()
        future.set_result([outputs[key] for key in keys])
        return future

    def check_room(self, n_chars: int) -> None:
        """There is one caller, who waits."""

    def is_alive(self) -> bool:
        """As long as the process."""
        return True

    def close(self) -> None:
        """Lets go of what is known."""
        self._known.close()


def judge_of(folder: ModelFolder, known: Path) -> tuple[Classifier, OneCore]:
    """The folder's classifier on this core, and what it asks. Takes about half a second."""
    core = OneCore(OnnxNetwork(folder), Known(known))
    return Classifier(core, folder.card.temperature, folder.card.thresholds, folder.card.name), core
