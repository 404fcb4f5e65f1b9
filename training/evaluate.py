"""A classifier and held-out examples -> report. What is measured is what serves: verdicts come from `service.classifier`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from service.classifier import Classifier
from service.stance import STANCES, Verdict
from service.statements.statement import Statement
from training.behaviour import PassRate
from training.examples import Example, labels_of
from training.scores import (
    Columns,
    Interval,
    LabelScore,
    calibration_error,
    confusion,
    label_scores,
    length_slice,
    macro_f1_interval,
    precision_at,
    reliability,
    rows_of,
)

SHARES_OF_OTHER = (0.65, 0.94)  # in statements, and in sentences with an attribution, of 2016 campaign news
DIMENSIONS = ("form", "length", "context", "rule", "topic")
_CHUNK = 64


@dataclass(frozen=True)
class SliceScore:
    """How a part of the examples fares; macro-F1 over the labels that occur in it."""

    n: int
    macro_f1: Interval
    accuracy: float


@dataclass(frozen=True)
class Report:
    """Everything measured on one file of examples.

    `verdicts` are in the order of `examples`. `reliability` has a mean probability, the share that is right and a count for each bin of verdicts.
    `calibration_error`, `certain_share` and `certain_accuracy` are in [0, 1]; the last is 0 if none is certain. `slices` maps dimension -> value -> score,
    `precision_at` share of `other` -> label -> precision, `baselines` name -> macro-F1, `behaviour` group of cases -> pass rate; the last two are empty until
    they are filled in.
    """

    model: str
    examples: Sequence[Example]
    verdicts: Sequence[Verdict]
    macro_f1: Interval
    accuracy: float
    labels: dict[str, LabelScore]
    calibration_error: float
    reliability: Sequence[tuple[float, float, int]]
    certain_share: float
    certain_accuracy: float
    confusion: list[list[int]]
    precision_at: dict[str, dict[str, float]]
    slices: dict[str, dict[str, SliceScore]]
    baselines: dict[str, Interval] = field(default_factory=dict)
    behaviour: dict[str, PassRate] = field(default_factory=dict)

    def headline(self) -> dict[str, Any]:
        """The few figures that a model card carries."""
        return {
            "n": len(self.examples),
            "macro_f1": round(self.macro_f1.value, 4),
            "macro_f1_interval": [round(self.macro_f1.low, 4), round(self.macro_f1.high, 4)],
            **{name: {label: round(getattr(score, name).value, 4) for label, score in self.labels.items()} for name in ("f1", "precision", "recall")},
            "confusion": self.confusion,
            "reliability": [[round(confidence, 4), round(share, 4), n] for confidence, share, n in self.reliability],
            "calibration_error": round(self.calibration_error, 4),
            "certain_share": round(self.certain_share, 4),
            "certain_accuracy": round(self.certain_accuracy, 4),
        }


def evaluate(classifier: Classifier, examples: Sequence[Example]) -> Report:
    """Verdicts for all `examples` (at least one), and every figure that rests on them alone. Shows a progress bar on a terminal."""
    verdicts = verdicts_of(classifier, [example.statement for example in examples])
    labels = np.array(labels_of(examples))
    chosen = columns_of(verdicts)
    is_right = labels == chosen
    certain = np.array([verdict.certain for verdict in verdicts])
    confidence = np.array([verdict.probability for verdict in verdicts])
    counts = confusion(labels, chosen)
    return Report(
        model=classifier.name,
        examples=examples,
        verdicts=verdicts,
        macro_f1=macro_f1_interval(labels, chosen),
        accuracy=float(is_right.mean()),
        labels=dict(zip(map(str, STANCES), label_scores(labels, chosen), strict=True)),
        calibration_error=calibration_error(confidence, is_right),
        reliability=reliability(confidence, is_right),
        certain_share=float(certain.mean()),
        certain_accuracy=float(is_right[certain].mean()) if certain.any() else 0.0,
        confusion=counts.tolist(),
        precision_at={str(share): _by_label(precision_at(counts, share)) for share in SHARES_OF_OTHER},
        slices=_slices(examples, labels, chosen),
    )


def verdicts_of(classifier: Classifier, statements: Sequence[Statement]) -> list[Verdict]:
    """A verdict for each, in order. Shows a progress bar on a terminal."""
    starts = tqdm(range(0, len(statements), _CHUNK), desc="evaluating", unit="batch", disable=None, leave=False)
    return [verdict for start in starts for verdict in classifier.classify(statements[start : start + _CHUNK])]


def last_verdicts_of(classifier: Classifier, statements: Sequence[Statement]) -> list[Verdict]:
    """The same, of a classifier that nobody asks anything more: it is closed."""
    try:
        return verdicts_of(classifier, statements)
    finally:
        classifier.close()


def columns_of(verdicts: Sequence[Verdict]) -> Columns:
    """The column of each verdict's stance."""
    return np.array([STANCES.index(verdict.stance) for verdict in verdicts])


def slice_values(examples: Sequence[Example]) -> dict[str, Sequence[str | None]]:
    """Dimension of slices -> the value of each example, None where it has none."""
    return {
        "form": [example.form for example in examples],
        "length": [length_slice(len(example.statement.text.split())) for example in examples],
        "context": ["without context" if example.statement.frame is None else "with context" for example in examples],
        "rule": [None if example.rule is None else f"rule {example.rule}" for example in examples],
        "topic": [example.topic for example in examples],
    }


def _slices(examples: Sequence[Example], labels: Columns, chosen: Columns) -> dict[str, dict[str, SliceScore]]:
    return {
        dimension: {
            value: SliceScore(len(rows), macro_f1_interval(labels[rows], chosen[rows]), float((labels[rows] == chosen[rows]).mean()))
            for value, rows in rows_of(column).items()
        }
        for dimension, column in slice_values(examples).items()
    }


def _by_label(figures: Iterable[float]) -> dict[str, float]:
    return {str(stance): float(figure) for stance, figure in zip(STANCES, figures, strict=True)}
