"""Statements -> verdicts. The only place with a decision rule: serving and evaluation both go through it."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from service.errors import InvalidModelFolder
from service.model_folder import ModelFolder, open_model_folder
from service.network import Logits, OnnxNetwork, Output
from service.pool import Pool, available_cores
from service.stance import STANCES, Verdict
from service.statements.statement import Statement

_PROBE = Statement("The ministry said nothing of the kind.")


class Answering(Protocol):
    """What a classifier asks, `service.pool.Pool` in earnest; it may be called from several threads at once."""

    def submit(self, statements: Sequence[Statement], *, within: float = math.inf) -> Future[list[Output]]:
        """Outputs in order, when they are there."""

    def check_room(self, n_chars: int) -> None:
        """Raises `Overloaded` where a request of so many characters would be refused."""

    def is_alive(self) -> bool:
        """Whether a `submit` would be answered."""

    def close(self) -> None:
        """Ends it; a later `submit` raises `NotReady`."""


class Classifier:
    """A pool of networks with the temperature and thresholds that were fitted on their own logits."""

    def __init__(self, pool: Answering, temperature: float, thresholds: Mapping[str, float], name: str) -> None:
        self._pool = pool
        self._temperature = temperature
        self._thresholds = tuple(thresholds[stance] for stance in STANCES)
        self.name = name

    def classify(self, statements: Sequence[Statement]) -> list[Verdict]:
        """A verdict for each statement, in order; it depends on that statement alone. Empty for none. Raises `NotReady`, `Overloaded`."""
        return [self._verdict(output) for output in self._pool.submit(statements).result()]

    async def classify_within(self, statements: Sequence[Statement], seconds: float) -> list[Verdict]:
        """The same, while nobody else is held up; what is still to do is dropped when it is cancelled. Raises `TooLate` too."""
        outputs: list[Output] = await asyncio.wrap_future(self._pool.submit(statements, within=seconds))
        return [self._verdict(output) for output in outputs]

    def check_room(self, n_chars: int) -> None:
        """Raises `Overloaded` where a request of about so many characters would be refused."""
        self._pool.check_room(n_chars)

    def is_alive(self) -> bool:
        """Whether `classify` would be answered."""
        return self._pool.is_alive()

    def close(self) -> None:
        """Ends the pool once all that was asked is answered; a later `classify` raises `NotReady`."""
        self._pool.close()

    def _verdict(self, output: Output) -> Verdict:
        shares = _shares(output.logits.tolist(), self._temperature)
        probability = max(shares)
        likeliest = shares.index(probability)
        return Verdict(STANCES[likeliest], probability, shares, probability >= self._thresholds[likeliest], output.truncated)


def open_classifier(path: Path, n_threads: int | None = None) -> Classifier:
    """The classifier of the model folder at `path`. Raises `InvalidModelFolder`."""
    return classifier_of(open_model_folder(path), n_threads)


def classifier_of(folder: ModelFolder, n_threads: int | None = None, **limits: Any) -> Classifier:
    """The classifier of a folder already checked; takes half a second, most of it for opening the ONNX file. `limits` are those of `Pool`."""
    card = folder.card
    return Classifier(pool_of(folder, n_threads, **limits), card.temperature, card.thresholds, card.name)


def pool_of(folder: ModelFolder, n_threads: int | None = None, **limits: Any) -> Pool:
    """A pool of the folder's network with a thread a core, unless `n_threads` says otherwise."""
    return Pool([OnnxNetwork(folder)] * (n_threads or available_cores()), **limits)


def try_out(folder: ModelFolder) -> None:
    """Raises `InvalidModelFolder` where the model of a folder that was found whole cannot answer a statement all the same."""
    try:
        tried(classifier_of(folder, 1)).close()
    except InvalidModelFolder:
        raise
    except Exception as error:  # whatever a broken graph makes ONNX Runtime or numpy say
        raise InvalidModelFolder(f"{folder.path}: its network cannot be run ({error})") from error


def tried(classifier: Classifier) -> Classifier:
    """The classifier, once it has answered; one that cannot is closed, and whatever it raises is raised."""
    try:
        classifier.classify([_PROBE])
    except BaseException:
        classifier.close()
        raise
    return classifier


def softmax(logits: Logits, temperature: float) -> npt.NDArray[np.float64]:
    """Probabilities (n_statements, n_stances) of `logits` of that shape, divided by `temperature` (> 0); rows sum to 1. To the last bit those of a verdict."""
    return np.array([_shares(row, temperature) for row in logits.tolist()], dtype=np.float64).reshape(logits.shape)


def _shares(logits: Sequence[float], temperature: float) -> tuple[float, ...]:
    """In plain Python: for the five numbers of a statement, which mostly come alone, a call of numpy's costs as much as all of this."""
    largest = max(logits)
    exponentials = [math.exp((logit - largest) / temperature) for logit in logits]
    total = sum(exponentials)
    return tuple([exponential / total for exponential in exponentials])
