"""Temperature and thresholds make probabilities mean what they say."""

import numpy as np
import pytest

from service.classifier import softmax
from training.calibrate import calibrate, fit_temperature, fit_threshold
from training.config import CalibrationConfig
from training.scores import calibration_error

CONFIG = CalibrationConfig(certain_accuracy=0.9, least_support=5, fallback_threshold=0.95)


def drawn(n: int, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Logits whose softmax is the truth, times `scale`, and labels drawn from that truth."""
    generator = np.random.default_rng(3)
    logits = generator.normal(0, 2, (n, 5))
    labels = np.array([generator.choice(5, p=row) for row in softmax(logits.astype(np.float32), 1.0)])
    return (logits * scale).astype(np.float32), labels


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_what_made_a_network_too_sure_or_unsure(scale: float) -> None:
    logits, labels = drawn(4_000, scale)
    assert fit_temperature(logits, labels) == pytest.approx(scale, rel=0.1)


def test_calibrated_probabilities_have_a_small_calibration_error() -> None:
    logits, labels = drawn(4_000, 3.0)
    errors = []
    for temperature in (1.0, calibrate(logits, labels, CONFIG).temperature):
        probabilities = softmax(logits, temperature)
        errors.append(calibration_error(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels))
    assert errors[1] < 0.03 < errors[0]


def test_from_its_threshold_on_a_verdict_is_right_often_enough() -> None:
    logits, labels = drawn(4_000, 1.0)
    found = calibrate(logits, labels, CONFIG)
    probabilities = softmax(logits, found.temperature)
    chosen = probabilities.argmax(axis=1)
    for column, threshold in enumerate(found.thresholds.values()):
        certain = (chosen == column) & (probabilities[:, column] >= threshold)
        assert certain.sum() >= CONFIG.least_support
        assert (labels[certain] == column).mean() >= CONFIG.certain_accuracy


def test_too_few_verdicts_give_the_fallback_threshold() -> None:
    probabilities = np.array([[0.99, 0.01, 0, 0, 0]] * 4)
    assert fit_threshold(probabilities, np.zeros(4, dtype=int), 0, CONFIG) == 0.95
    assert fit_threshold(probabilities, np.zeros(4, dtype=int), 1, CONFIG) == 0.95


def test_verdicts_that_are_never_right_enough_give_the_fallback_threshold() -> None:
    probabilities = np.array([[0.8, 0.2, 0, 0, 0]] * 20)
    assert fit_threshold(probabilities, np.array([0, 1] * 10), 0, CONFIG) == 0.95
