"""A report or a card -> may the model serve? One sentence for each shortfall. Runs no model."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from service.errors import Fault, InvalidInput
from service.stance import STANCES
from training.behaviour import KINDS
from training.config import STRICT, ExportConfig, read_toml
from training.evaluate import DIMENSIONS
from training.report import PREDICTIONS, REPORT
from training.scores import Columns, difference_interval, most_rate

GATE_TOML = Path(__file__).with_name("gate.toml")
_FIGURES = ("macro_f1", "calibration_error", "certain_accuracy", "certain_share")
_TABLES = ("labels", "slices", "baselines", "behaviour")
Bar = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True, config=STRICT)
class SliceBars:
    """`least_size` counts examples; `least_macro_f1` maps a dimension of slices to its bar."""

    least_size: int
    least_macro_f1: dict[str, Bar]


@dataclass(frozen=True, config=STRICT)
class BehaviourBars:
    """Least share of the cases of each group that pass, by the kind of group (what stands before the first "-" of its name)."""

    least_rate: dict[str, Bar]


@dataclass(frozen=True, config=STRICT)
class Bars:
    """gate.toml. All bars are in [0, 1]."""

    least_macro_f1: Bar
    least_f1: dict[str, Bar]
    most_calibration_error: Bar
    least_certain_accuracy: Bar
    least_certain_share: Bar
    least_lead_over_baselines: Bar
    seed_noise: Bar
    slices: SliceBars
    behaviour: BehaviourBars


def read_bars(path: Path = GATE_TOML) -> Bars:
    """The bars at `path`. Raises `InvalidInput` for an unknown key, label, slice or kind of case, or a bar outside [0, 1]."""
    bars = read_toml(path, Bars)
    for where, given, known in (
        ("least_f1", bars.least_f1, STANCES),
        ("slices.least_macro_f1", bars.slices.least_macro_f1, DIMENSIONS),
        ("behaviour.least_rate", bars.behaviour.least_rate, KINDS),
    ):
        if unknown := set(given) - set(known):
            raise InvalidInput(Fault(f"{path} {where}", ", ".join(sorted(unknown)), f"keys among {', '.join(known)}"))
    return bars


def read_report(folder: Path) -> dict[str, Any]:
    """The figures in `folder`/report.json. Raises `InvalidInput` where one that the gate reads is missing or no number."""
    path = folder / REPORT
    try:
        report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
        for key in _FIGURES:
            report[key] = float(report[key])
        for key in _TABLES:
            report[key] = dict(report[key])
        for label in STANCES:
            float(report["labels"][label]["f1"]["value"])
        return report
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInput(Fault(str(path), str(error), "a report written by `python -m training evaluate`")) from None


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no figure")


def shortfalls(report: dict[str, Any], bars: Bars) -> list[str]:
    """A sentence for each bar that `report` misses; none where the model may serve."""
    found = [_under("Macro-F1", report["macro_f1"], bars.least_macro_f1)]
    found += [_under(f"F1 of {label}", report["labels"][label]["f1"]["value"], bar) for label, bar in bars.least_f1.items()]
    found.append(_over("The calibration error", report["calibration_error"], bars.most_calibration_error))
    found.append(_under("Accuracy among certain verdicts", report["certain_accuracy"], bars.least_certain_accuracy))
    found.append(_under("The share of certain verdicts", report["certain_share"], bars.least_certain_share))
    found += _slice_shortfalls(report["slices"], bars.slices)
    found += _behaviour_shortfalls(report["behaviour"], bars.behaviour)
    found += [
        _under(f"The lead in macro-F1 over {name}", report["macro_f1"] - score["value"], bars.least_lead_over_baselines)
        for name, score in report["baselines"].items()
    ]
    return [sentence for sentence in found if sentence]


def int8_shortfalls(results: Mapping[str, Any], bars: ExportConfig) -> list[str]:
    """A sentence where int8 is further from the torch weights than `bars` allow; `results` are those of a model's card, and one that has no say passes."""
    if "int8_agreement" not in results:
        return []
    share, difference = float(results["int8_agreement"]), float(results["int8_mean_difference"])
    if share >= bars.least_agreement and difference <= bars.most_mean_difference:
        return []
    return [
        f"int8 gives the label of the torch weights on {share:.3f} of validation (at least {bars.least_agreement} wanted), "
        f"with a mean difference of {difference:.4f} in probability (at most {bars.most_mean_difference})."
    ]


def drift(folder: Path, reference: Path, seed_noise: float) -> list[str]:
    """A sentence where two reports on the same examples differ in macro-F1 by more than chance explains, in either direction.

    Chance is which examples were drawn (the 95 % interval of a paired bootstrap) and what another seed or processor does to a training (`seed_noise`).
    """
    labels, chosen = _predictions(folder)
    reference_labels, reference_chosen = _predictions(reference)
    if set(labels) != set(reference_labels):
        raise InvalidInput(Fault(str(reference), "other examples", f"the examples of {folder}"))
    ids = sorted(labels)
    if any(labels[identity] != reference_labels[identity] for identity in ids):
        raise InvalidInput(Fault(str(reference), "other labels", f"the labels of {folder}"))
    truth, ours, theirs = (_columns(rows, ids) for rows in (labels, chosen, reference_chosen))
    interval = difference_interval(truth, ours, theirs)
    if interval.low - seed_noise <= 0 <= interval.high + seed_noise:
        return []
    return [
        f"Macro-F1 differs from that of {reference} by {interval.value:+.3f}, with {interval.low:+.3f} to {interval.high:+.3f} "
        f"(95 %) for other examples and {seed_noise:.3f} more for another seed: the two models are not alike."
    ]


def _slice_shortfalls(slices: dict[str, Any], bars: SliceBars) -> list[str | None]:
    return [
        _under(f"Macro-F1 on the slice {dimension} = {value} ({score['n']} examples)", score["macro_f1"]["value"], bar)
        for dimension, bar in bars.least_macro_f1.items()
        for value, score in slices.get(dimension, {}).items()
        if score["n"] >= bars.least_size
    ]


def group_level(n_groups: int) -> float:
    """Of the interval of one of `n_groups` rates, so that all of them hold what is true in 95 of 100 models (Bonferroni)."""
    return 1 - 0.05 / max(n_groups, 1)


def _behaviour_shortfalls(behaviour: dict[str, Any], bars: BehaviourBars) -> list[str | None]:
    """A dozen cases are few, and groups are many.

    One falls short where even the upper end of its rate's interval is under the bar, at a level by which one model in twenty misses any of them by chance.
    """
    found: list[str | None] = []
    level = group_level(len(behaviour))
    for group, score in behaviour.items():
        bar = bars.least_rate.get(group.partition("-")[0], 0.0)
        n, n_passed = int(score["n"]), round(score["rate"] * score["n"])
        most = most_rate(score["rate"], n, level)
        seen = f"{n_passed} of {n}, by which it is at most {most:.3f} ({level:.1%})"
        sentence = f"The share of behaviour cases that pass in {group} is {seen}, under the bar of {bar:.3f}."
        found.append(sentence if most < bar else None)
    return found


def _predictions(folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    path = folder / PREDICTIONS
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return {row["id"]: row["label"] for row in rows}, {row["id"]: row["stance"] for row in rows}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInput(Fault(str(path), str(error), "predictions written by `python -m training evaluate`")) from None


def _columns(stances: dict[str, str], ids: list[str]) -> Columns:
    return np.array([STANCES.index(stances[identity]) for identity in ids])


def _under(what: str, figure: float, bar: float) -> str | None:
    return f"{what} is {figure:.3f}, {bar - figure:.3f} under the bar of {bar:.3f}." if figure < bar else None


def _over(what: str, figure: float, bar: float) -> str | None:
    return f"{what} is {figure:.3f}, {figure - bar:.3f} over the bar of {bar:.3f}." if figure > bar else None
