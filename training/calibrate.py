"""Logits of the file that will serve, and the right labels -> temperature and thresholds."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from service.classifier import softmax
from service.network import Logits
from service.stance import STANCES
from training.config import CalibrationConfig

Columns = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Calibration:
    """`temperature` (> 0) divides the logits; `thresholds[stance]`, in [0, 1], is where a verdict becomes certain."""

    temperature: float
    thresholds: dict[str, float]


def calibrate(logits: Logits, labels: Columns, config: CalibrationConfig) -> Calibration:
    """Fits both on `logits` (n_examples, n_stances) and the columns of the right labels (n_examples,)."""
    temperature = fit_temperature(logits, labels)
    probabilities = softmax(logits, temperature)
    thresholds = {str(stance): fit_threshold(probabilities, labels, column, config) for column, stance in enumerate(STANCES)}
    return Calibration(temperature, thresholds)


def fit_temperature(logits: Logits, labels: Columns) -> float:
    """The temperature with the least negative log-likelihood (Guo et al. 2017, "On Calibration of Modern Neural Networks"), between 0.05 and 20."""

    def loss(log_temperature: float) -> float:
        right = softmax(logits, float(np.exp(log_temperature)))[np.arange(len(labels)), labels]
        return float(-np.log(right.clip(min=1e-12)).mean())

    fitted = minimize_scalar(loss, bounds=(np.log(0.05), np.log(20.0)), method="bounded")
    return float(np.exp(fitted.x))


def fit_threshold(probabilities: npt.NDArray[np.float64], labels: Columns, column: int, config: CalibrationConfig) -> float:
    """The least probability from which the verdicts for `column` are right often enough, by at least `least_support` of them."""
    chosen = probabilities.argmax(axis=1) == column
    order = np.argsort(-probabilities[chosen, column])
    confidence = probabilities[chosen, column][order]
    accuracy = (labels[chosen][order] == column).cumsum() / np.arange(1, len(order) + 1)
    good = (accuracy >= config.certain_accuracy) & (np.arange(1, len(order) + 1) >= config.least_support)
    if not good.any():
        return config.fallback_threshold
    return float(confidence[np.flatnonzero(good)[-1]])
