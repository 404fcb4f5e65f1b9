"""A report -> pictures: confusion matrix, reliability diagram, precision-recall curves, F1 by slice. A comparison -> one."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import average_precision_score, precision_recall_curve

from service.stance import STANCES
from training.comparison import Comparison
from training.evaluate import Report
from training.examples import labels_of

# Okabe and Ito's palette: the five can be told apart with every common kind of colour vision.
_COLOURS = ("#009E73", "#0072B2", "#D55E00", "#E69F00", "#666666")
_SLICES_SHOWN = ("form", "length", "context")
_LEAST_SLICE = 10


def draw_pictures(report: Report, folder: Path) -> list[Path]:
    """Writes four PNG files into `folder`; returns their paths."""
    mpl.use("Agg")  # no screen needed
    drawn = {
        "confusion.png": _confusion(report),
        "reliability.png": _reliability(report),
        "precision_recall.png": _precision_recall(report),
        "slices.png": _slices(report),
    }
    paths = [folder / name for name in drawn]
    for path, figure in zip(paths, drawn.values(), strict=True):
        figure.savefig(path, dpi=110)
    return paths


def draw_comparison(comparison: Comparison, path: Path) -> None:
    """Two panels: each way's macro-F1 with its interval, and ours over the number of quotes, as a PNG file at `path`."""
    mpl.use("Agg")
    figure = Figure(figsize=(10.5, 4.2), layout="constrained")
    bars, curve = figure.subplots(1, 2, width_ratios=(3, 2))
    for place, way in enumerate(comparison.ways):
        colour = _COLOURS[0] if way.name.startswith("ours") else _COLOURS[4]
        bars.barh(place, way.macro_f1.value, color=colour, alpha=0.85)
        bars.plot([way.macro_f1.low, way.macro_f1.high], [place, place], color="black", linewidth=1)
        bars.text(0.01, place, f"{way.macro_f1.value:.3f}", va="center", color="white", fontsize=9)
    bars.set_yticks(range(len(comparison.ways)), [way.name for way in comparison.ways])
    bars.invert_yaxis()
    bars.set_xlim(0, 1)
    bars.set_title(f"Macro-F1 on {comparison.n} statements, with 95 % intervals", loc="left", fontsize=10)
    n_quotes = [way.n_quotes for way in comparison.curve]
    curve.fill_between(n_quotes, [way.macro_f1.low for way in comparison.curve], [way.macro_f1.high for way in comparison.curve], color=_COLOURS[0], alpha=0.2)
    curve.plot(n_quotes, [way.macro_f1.value for way in comparison.curve], "o-", color=_COLOURS[0])
    curve.set_xlabel("quotes to learn from")
    curve.set_title("Ours, from ever more quotes", loc="left", fontsize=10)
    for axes in (bars, curve):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


def _figure(title: str, width: float = 6.4, height: float = 5.2) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _confusion(report: Report) -> Figure:
    figure, axes = _figure(f"Right label and verdict, {len(report.examples)} examples")
    counts = np.array(report.confusion)
    shares = counts / counts.sum(axis=1, keepdims=True).clip(min=1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(counts.shape):
        axes.text(
            column, row, f"{counts[row, column]}\n{shares[row, column]:.0%}", ha="center", va="center", color="white" if shares[row, column] > 0.5 else "black"
        )
    axes.set_xticks(range(len(STANCES)), STANCES)
    axes.set_yticks(range(len(STANCES)), STANCES)
    axes.set_xlabel("verdict")
    axes.set_ylabel("right label")
    return figure


def _reliability(report: Report) -> Figure:
    figure, axes = _figure(f"Reliability: calibration error {report.calibration_error:.3f}")
    axes.plot([0, 1], [0, 1], color="#999999", linestyle="--", linewidth=1)
    for confidence, share_right, n in report.reliability:
        axes.scatter(confidence, share_right, s=12 + 300 * n / len(report.examples), color=_COLOURS[1], alpha=0.7)
        axes.annotate(str(n), (confidence, share_right), textcoords="offset points", xytext=(7, -9), fontsize=7)
    axes.set_xlim(0, 1.03)
    axes.set_ylim(0, 1.05)
    axes.set_xlabel("probability of the verdict (dot size and number: examples)")
    axes.set_ylabel("share that is right")
    return figure


def _precision_recall(report: Report) -> Figure:
    figure, axes = _figure("Precision and recall as the probability asked for rises")
    labels = np.array(labels_of(report.examples))
    probabilities = np.array([verdict.probabilities for verdict in report.verdicts])
    for column, (stance, colour) in enumerate(zip(STANCES, _COLOURS, strict=True)):
        if (labels == column).any():
            precision, recall, _ = precision_recall_curve(labels == column, probabilities[:, column])
            area = average_precision_score(labels == column, probabilities[:, column])
            axes.plot(recall, precision, color=colour, label=f"{stance} ({area:.3f})")
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("recall")
    axes.set_ylabel("precision")
    axes.legend(title="average precision", loc="lower left", frameon=False)
    return figure


def _slices(report: Report) -> Figure:
    rows = [
        (f"{value} (n={score.n})", score.macro_f1)
        for dimension in _SLICES_SHOWN
        for value, score in report.slices.get(dimension, {}).items()
        if score.n >= _LEAST_SLICE
    ]
    figure, axes = _figure("Macro-F1 by slice, with 95 % intervals", height=1.2 + 0.42 * max(len(rows), 2))
    for place, (_, interval) in enumerate(rows):
        axes.plot([interval.low, interval.high], [place, place], color=_COLOURS[1], linewidth=2, alpha=0.5)
        axes.plot(interval.value, place, "o", color=_COLOURS[1])
    axes.axvline(report.macro_f1.value, color="#999999", linestyle="--", linewidth=1)
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.invert_yaxis()
    axes.set_xlim(0, 1.02)
    axes.set_xlabel("macro-F1 (dashed: all examples)")
    return figure
