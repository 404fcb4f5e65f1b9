"""The gate says which bar is missed, by how much, and lets nothing else through."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from service.errors import InvalidInput
from service.stance import STANCES
from training.__main__ import main
from training.config import ANY_INT8, ExportConfig
from training.gate import GATE_TOML, Bars, BehaviourBars, SliceBars, drift, int8_shortfalls, read_bars, read_report, shortfalls

BARS = Bars(
    least_macro_f1=0.8,
    least_f1={"deny": 0.7},
    most_calibration_error=0.05,
    least_certain_accuracy=0.95,
    least_certain_share=0.5,
    least_lead_over_baselines=0.1,
    seed_noise=0.01,
    slices=SliceBars(least_size=30, least_macro_f1={"form": 0.6}),
    behaviour=BehaviourBars(least_rate={"rule": 0.5}),
)


def score(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.02, "high": value + 0.02}


GOOD: dict[str, Any] = {
    "model": "m",
    "n": 400,
    "macro_f1": 0.9,
    "labels": {str(stance): {"f1": score(0.9)} for stance in STANCES},
    "calibration_error": 0.02,
    "certain_share": 0.8,
    "certain_accuracy": 0.99,
    "slices": {"form": {"bare": {"n": 100, "macro_f1": score(0.85)}, "fragment": {"n": 29, "macro_f1": score(0.1)}}},
    "baselines": {"cue words": score(0.5)},
    "behaviour": {"rule-01": {"n": 12, "rate": 0.75}, "same-names": {"n": 10, "rate": 0.9}},
}


def changed(**changes: Any) -> dict[str, Any]:
    report = deepcopy(GOOD)
    report.update(changes)
    return report


def test_a_few_cases_that_fail_by_chance_refuse_no_model() -> None:
    assert shortfalls(changed(behaviour={"rule-07": {"n": 12, "rate": 4 / 12}}), BARS) == []
    assert len(shortfalls(changed(behaviour={"rule-07": {"n": 120, "rate": 40 / 120}}), BARS)) == 1


def test_int8_that_is_far_from_the_torch_weights_is_told() -> None:
    bars = ExportConfig(least_agreement=0.97, most_mean_difference=0.02)
    assert int8_shortfalls({"int8_agreement": 0.98, "int8_mean_difference": 0.01}, bars) == []
    (sentence,) = int8_shortfalls({"int8_agreement": 0.91, "int8_mean_difference": 0.01}, bars)
    assert "0.910 of validation (at least 0.97 wanted)" in sentence
    assert len(int8_shortfalls({"int8_agreement": 0.98, "int8_mean_difference": 0.03}, bars)) == 1
    assert int8_shortfalls({"int8_agreement": 0.0, "int8_mean_difference": 1.0}, ANY_INT8) == []
    assert int8_shortfalls({}, bars) == []  # a card that has no say


def test_a_model_that_reaches_every_bar_may_serve() -> None:
    assert shortfalls(GOOD, BARS) == []


@pytest.mark.parametrize(
    ("report", "sentence"),
    [
        (changed(macro_f1=0.75), "Macro-F1 is 0.750, 0.050 under the bar of 0.800."),
        (changed(labels=GOOD["labels"] | {"deny": {"f1": score(0.65)}}), "F1 of deny is 0.650, 0.050 under the bar of 0.700."),
        (changed(calibration_error=0.08), "The calibration error is 0.080, 0.030 over the bar of 0.050."),
        (changed(certain_accuracy=0.9), "Accuracy among certain verdicts is 0.900, 0.050 under the bar of 0.950."),
        (changed(certain_share=0.4), "The share of certain verdicts is 0.400, 0.100 under the bar of 0.500."),
        (changed(baselines={"cue words": score(0.85)}), "The lead in macro-F1 over cue words is 0.050, 0.050 under the bar of 0.100."),
        (
            changed(slices={"form": {"bare": {"n": 30, "macro_f1": score(0.5)}}}),
            "Macro-F1 on the slice form = bare (30 examples) is 0.500, 0.100 under the bar of 0.600.",
        ),
        (
            changed(behaviour={"rule-07": {"n": 12, "rate": 1 / 12}}),
            "The share of behaviour cases that pass in rule-07 is 1 of 12, by which it is at most 0.354 (95.0%), under the bar of 0.500.",
        ),
    ],
)
def test_each_bar_that_is_missed_gets_one_sentence(report: dict[str, Any], sentence: str) -> None:
    assert shortfalls(report, BARS) == [sentence]


def test_every_label_of_the_shipped_bars_has_one() -> None:
    assert set(read_bars().least_f1) == set(STANCES)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("least_macro_f1 = 0.87", "least_macro_f1 = 87", "less than or equal to 1"),
        ("{ form = 0.70", "{ forms = 0.70", "keys among form"),
        ("{ rule = 0.9", "{ rules = 0.9", "keys among rule"),
        ("{ confirm = 0.82", "{ confirms = 0.82", "keys among confirm"),
    ],
)
def test_a_bar_that_would_hold_nothing_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = GATE_TOML.read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "gate.toml").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(InvalidInput, match=said):
        read_bars(tmp_path / "gate.toml")


@pytest.mark.parametrize("report", [{"macro_f1": 1.0}, {**GOOD, "macro_f1": float("nan")}, {**GOOD, "labels": {}}, {**GOOD, "certain_share": None}])
def test_a_report_without_a_figure_is_refused(tmp_path: Path, report: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=r"report\.json"):
        read_report(write_report(tmp_path / "report", report, LABELS, LABELS))


def write_report(folder: Path, report: dict[str, Any], stances: list[str], labels: list[str]) -> Path:
    folder.mkdir()
    (folder / "report.json").write_text(json.dumps(report), encoding="utf-8")
    rows = [{"id": str(number), "label": label, "stance": stance} for number, (label, stance) in enumerate(zip(labels, stances, strict=True))]
    (folder / "predictions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder


LABELS = [str(stance) for stance in STANCES] * 40


def test_two_models_that_differ_by_chance_are_alike(tmp_path: Path) -> None:
    one = write_report(tmp_path / "one", GOOD, ["other", *LABELS[1:]], LABELS)
    other = write_report(tmp_path / "other", GOOD, [*LABELS[:-2], "deny", "other"], LABELS)
    assert drift(one, other, 0.0) == []


@pytest.mark.parametrize("swapped", [False, True])
def test_two_models_that_differ_by_more_than_chance_are_not_alike(tmp_path: Path, swapped: bool) -> None:
    good = write_report(tmp_path / "good", GOOD, LABELS, LABELS)
    bad = write_report(tmp_path / "bad", GOOD, ["other"] * 60 + LABELS[60:], LABELS)
    (sentence,) = drift(bad, good, 0.01) if swapped else drift(good, bad, 0.01)
    assert "not alike" in sentence
    assert drift(good, bad, 0.5) == []


def test_reports_on_other_examples_cannot_be_compared(tmp_path: Path) -> None:
    one = write_report(tmp_path / "one", GOOD, LABELS, LABELS)
    fewer = write_report(tmp_path / "fewer", GOOD, LABELS[:-1], LABELS[:-1])
    relabelled = write_report(tmp_path / "relabelled", GOOD, LABELS, LABELS[::-1])
    for other in (fewer, relabelled):
        with pytest.raises(InvalidInput):
            drift(one, other, 0.0)


def test_a_folder_without_a_report_is_named(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("{", encoding="utf-8")
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(InvalidInput, match=r"report\.json"):
            read_report(folder)


def test_the_command_exits_with_1_and_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    poor = write_report(tmp_path / "poor", changed(macro_f1=0.2), LABELS, LABELS)
    assert main(["gate", "--report", str(poor)]) == 1
    assert "Macro-F1 is 0.200" in capsys.readouterr().out


def test_the_command_exits_with_0_where_every_bar_is_reached(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = write_report(tmp_path / "good", GOOD, LABELS, LABELS)
    same = write_report(tmp_path / "same", GOOD, LABELS, LABELS)
    assert main(["gate", "--report", str(good), "--same-as", str(same)]) == 0
    assert "may serve" in capsys.readouterr().out


def test_the_command_exits_with_2_where_there_is_no_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gate", "--report", str(tmp_path)]) == 2
    assert "python -m training evaluate" in capsys.readouterr().err
