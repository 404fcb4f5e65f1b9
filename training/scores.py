"""Right labels and verdicts -> figures. Numbers in, numbers out: no files, no model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

from service.stance import STANCES

Columns = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

N_STANCES = len(STANCES)
N_RESAMPLES = 2_000
N_BINS = 15
_OTHER = N_STANCES - 1


@dataclass(frozen=True)
class Interval:
    """A figure in [0, 1] with its 95 % percentile-bootstrap interval (Efron 1979) over the examples."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f}-{self.high:.3f})"


@dataclass(frozen=True)
class LabelScore:
    """How one label fares; `support` counts the examples that have it."""

    precision: Interval
    recall: Interval
    f1: Interval
    support: int


def confusion(labels: Columns, chosen: Columns) -> npt.NDArray[np.int64]:
    """Counts (true label, chosen label) of two arrays (n_examples,) of columns."""
    return np.bincount(labels * N_STANCES + chosen, minlength=N_STANCES**2).reshape(N_STANCES, N_STANCES)


def resampled_confusions(labels: Columns, chosen: Columns, seed: int = 0) -> npt.NDArray[np.int64]:
    """Confusions (n_resamples, true label, chosen label) of examples drawn with replacement; the draws depend on n_examples and `seed` alone."""
    draws = np.random.default_rng(seed).integers(0, len(labels), (N_RESAMPLES, len(labels)))
    cells = (labels * N_STANCES + chosen)[draws] + np.arange(N_RESAMPLES)[:, None] * N_STANCES**2
    return np.bincount(cells.ravel(), minlength=N_RESAMPLES * N_STANCES**2).reshape(N_RESAMPLES, N_STANCES, N_STANCES)


def precision_recall_f1(counts: npt.NDArray[np.int64] | Floats) -> tuple[Floats, Floats, Floats]:
    """Three arrays (…, label) from confusions (…, true label, chosen label); 0 where a label has no examples or no verdicts."""
    right = np.diagonal(counts, axis1=-2, axis2=-1).astype(np.float64)
    precision = _ratio(right, counts.sum(axis=-2))
    recall = _ratio(right, counts.sum(axis=-1))
    return precision, recall, _ratio(2 * precision * recall, precision + recall)


def macro_f1(counts: npt.NDArray[np.int64]) -> Floats:
    """Mean F1 over the labels that occur, as true or as chosen ones, for confusions (…, true label, chosen label): scikit-learn's default."""
    occurs = (counts.sum(axis=-1) + counts.sum(axis=-2)) > 0
    return _ratio((precision_recall_f1(counts)[2] * occurs).sum(axis=-1), occurs.sum(axis=-1))


def macro_f1_interval(labels: Columns, chosen: Columns) -> Interval:
    """Macro-F1 of `chosen` against `labels`, with its interval."""
    return _interval(macro_f1(confusion(labels, chosen)), macro_f1(resampled_confusions(labels, chosen)))


def label_scores(labels: Columns, chosen: Columns) -> list[LabelScore]:
    """One score for each label, in the order of the columns."""
    counts = confusion(labels, chosen)
    figures = zip(precision_recall_f1(counts), precision_recall_f1(resampled_confusions(labels, chosen)), strict=True)
    precision, recall, f1 = ([_interval(point[column], samples[:, column]) for column in range(N_STANCES)] for point, samples in figures)
    return [LabelScore(precision[column], recall[column], f1[column], int(counts[column].sum())) for column in range(N_STANCES)]


def _bins(confidence: Floats) -> Columns:
    return (confidence * N_BINS).astype(int).clip(max=N_BINS - 1)


def calibration_error(confidence: Floats, is_right: npt.NDArray[np.bool_]) -> float:
    """Expected calibration error over 15 bins of equal width (Naeini et al. 2015); both arrays are (n_examples,)."""
    bins = _bins(confidence)
    gap = np.bincount(bins, weights=confidence - is_right, minlength=N_BINS)
    return float(np.abs(gap).sum() / len(confidence))


def reliability(confidence: Floats, is_right: npt.NDArray[np.bool_]) -> list[tuple[float, float, int]]:
    """Of each of those bins that is not empty: mean confidence, share that is right, and how many examples it has."""
    bins = _bins(confidence)
    return [(float(confidence[bins == number].mean()), float(is_right[bins == number].mean()), int((bins == number).sum())) for number in np.unique(bins)]


def precision_at(counts: npt.NDArray[np.int64], share_of_other: float) -> Floats:
    """Precision (label,) if `other` made up `share_of_other` of the examples, the acts keeping their proportions and each label its recall and errors."""
    truth = counts.sum(axis=1).astype(np.float64)
    wanted = truth.copy()
    wanted[:_OTHER] *= (1 - share_of_other) / max(truth[:_OTHER].sum(), 1.0)
    wanted[_OTHER] = share_of_other
    weighted = counts * _ratio(wanted, truth)[:, None]
    return precision_recall_f1(weighted)[0]


def difference_interval(labels: Columns, chosen: Columns, other_chosen: Columns, level: float = 0.95) -> Interval:
    """Macro-F1 of `chosen` minus that of `other_chosen` on the same examples, by a paired bootstrap: both see the same draws."""
    ours, theirs = (macro_f1(resampled_confusions(labels, columns)) for columns in (chosen, other_chosen))
    return _interval(macro_f1(confusion(labels, chosen)) - macro_f1(confusion(labels, other_chosen)), ours - theirs, level)


def f1_difference_intervals(labels: Columns, chosen: Columns, other_chosen: Columns, level: float = 0.95) -> list[Interval]:
    """The same for the F1 of each label, in the order of the columns."""
    point = precision_recall_f1(confusion(labels, chosen))[2] - precision_recall_f1(confusion(labels, other_chosen))[2]
    ours, theirs = (precision_recall_f1(resampled_confusions(labels, columns))[2] for columns in (chosen, other_chosen))
    return [_interval(point[column], (ours - theirs)[:, column], level) for column in range(N_STANCES)]


def length_slice(n_words: int) -> str:
    """The length class of a statement of so many words."""
    for most, name in ((8, "1-8 words"), (20, "9-20 words"), (40, "21-40 words")):
        if n_words <= most:
            return name
    return "over 40 words"


def rows_of(values: Sequence[str | None]) -> dict[str, Columns]:
    """The row numbers of each value, most frequent value first; None is no value."""
    rows: dict[str, list[int]] = {}
    for row, value in enumerate(values):
        if value is not None:
            rows.setdefault(value, []).append(row)
    return {value: np.array(rows[value]) for value in sorted(rows, key=lambda value: (-len(rows[value]), value))}


def _interval(value: npt.ArrayLike, samples: Floats, level: float = 0.95) -> Interval:
    low, high = np.percentile(samples, (50 - 50 * level, 50 + 50 * level))
    return Interval(float(np.asarray(value)), float(low), float(high))


def _ratio(upper: npt.NDArray[np.number], lower: npt.NDArray[np.number]) -> Floats:
    below = np.asarray(lower, dtype=np.float64)
    ratio: Floats = np.divide(upper, below, out=np.zeros(np.broadcast(upper, below).shape), where=below > 0)
    return ratio


def most_rate(rate: float, n: int, level: float = 0.95, method: Literal["wilson", "exact"] = "wilson") -> float:
    """The upper end of the interval of a rate seen on `n` > 0 cases: Wilson's, or the exact one (Clopper and Pearson's), which holds for a single case."""
    return float(binomtest(round(rate * n), n).proportion_ci(level, method=method).high)


def chance_of(n_heads: int, n: int) -> float:
    """The probability of so many heads or more among `n` > 0 throws of a coin."""
    return float(binomtest(n_heads, n, alternative="greater").pvalue)
