"""Statements -> verdicts. The only place with a decision rule: serving and evaluation both go through it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from service.errors import InvalidModelFolder
from service.model_folder import ModelFolder, open_model_folder
from service.network import Logits, Network, OnnxNetwork
from service.stance import STANCES, Verdict
from service.statements.statement import Statement

_PROBE = Statement("The ministry said nothing of the kind.")


class Classifier:
    """A network with the temperature and thresholds that were fitted on its own logits."""

    def __init__(self, network: Network, temperature: float, thresholds: Mapping[str, float], name: str) -> None:
        self._network = network
        self._temperature = temperature
        self._thresholds = tuple(thresholds[stance] for stance in STANCES)
        self.name = name

    def classify(self, statements: Sequence[Statement]) -> list[Verdict]:
        """A verdict for each statement, in order; it depends on that statement alone. Empty for none. Raises `NotReady`."""
        output = self._network.run(statements)
        rows = softmax(output.logits, self._temperature)
        return [self._verdict(row, bool(truncated)) for row, truncated in zip(rows, output.truncated, strict=True)]

    def is_alive(self) -> bool:
        """Whether `classify` would be answered."""
        return self._network.is_alive()

    def close(self) -> None:
        """Ends the network once all that was asked is answered; a later `classify` raises `NotReady`."""
        self._network.close()

    def _verdict(self, row: npt.NDArray[np.float64], truncated: bool) -> Verdict:
        likeliest = int(np.argmax(row))
        probabilities = tuple(float(probability) for probability in row)
        probability = probabilities[likeliest]
        return Verdict(STANCES[likeliest], probability, probabilities, probability >= self._thresholds[likeliest], truncated)


def open_classifier(path: Path, n_threads: int | None = None) -> Classifier:
    """The classifier of the model folder at `path`. Raises `InvalidModelFolder`."""
    return classifier_of(open_model_folder(path), n_threads)


def classifier_of(folder: ModelFolder, n_threads: int | None = None) -> Classifier:
    """The classifier of a folder already checked; takes about a second, most of it for opening the ONNX file once a core."""
    card = folder.card
    return Classifier(OnnxNetwork(folder, n_threads), card.temperature, card.thresholds, card.name)


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
    """Probabilities (n_statements, n_stances) of `logits` of that shape, divided by `temperature` (> 0); rows sum to 1."""
    scaled = logits.astype(np.float64) / temperature
    exponentials = np.exp(scaled - scaled.max(axis=1, keepdims=True, initial=-np.inf))
    total: npt.NDArray[np.float64] = exponentials / exponentials.sum(axis=1, keepdims=True)
    return total
