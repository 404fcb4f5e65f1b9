"""A model's verdicts become figures, tables and pictures; what is measured is what the classifier says."""

import json
from pathlib import Path

import pytest

from service.stance import STANCES, Stance
from service.statements.statement import Statement
from tests.fakes import UNSURE, fake_classifier, write_toy_model
from training.__main__ import main
from training.evaluate import Report, evaluate
from training.examples import Example
from training.pictures import draw_pictures
from training.report import as_json, as_markdown, write_report

# The fake confirms at "confirmed", denies at "denied", threatens at "regret", appeals at "urged", and is unsure of anything else.
ROWS = [
    ("He confirmed it.", None, Stance.CONFIRM, "bare"),
    ("any part in it", "They denied any part in it.", Stance.DENY, "indirect"),
    ("You will regret it.", None, Stance.THREAT, "direct"),
    ("We urged calm.", None, Stance.APPEAL, "bare"),
    ("It rained.", None, Stance.OTHER, "bare"),
    ("She denied him a visa.", None, Stance.OTHER, "bare"),
]


def examples() -> list[Example]:
    return [Example(str(number), Statement(text, context), label, form) for number, (text, context, label, form) in enumerate(ROWS)]


@pytest.fixture(scope="module")
def report() -> Report:
    return evaluate(fake_classifier(), examples())


def test_the_figures_are_those_of_the_verdicts(report: Report) -> None:
    assert report.accuracy == pytest.approx(5 / 6)
    assert report.labels["deny"].precision.value == pytest.approx(0.5)
    assert report.labels["other"].recall.value == pytest.approx(0.5)
    assert report.macro_f1.value == pytest.approx((1 + 2 / 3 + 1 + 1 + 2 / 3) / 5)
    assert report.confusion[STANCES.index(Stance.OTHER)] == [0, 1, 0, 0, 1]


def test_certain_verdicts_are_counted_apart(report: Report) -> None:
    assert UNSURE < 0.7
    assert report.certain_share == pytest.approx(5 / 6)  # all but the rain
    assert report.certain_accuracy == pytest.approx(4 / 5)


def test_slices_hold_the_examples_they_name(report: Report) -> None:
    assert {value: score.n for value, score in report.slices["form"].items()} == {"bare": 4, "direct": 1, "indirect": 1}
    assert report.slices["context"]["with context"].n == 1
    assert report.slices["form"]["bare"].accuracy == pytest.approx(3 / 4)


def test_a_false_act_costs_more_precision_where_other_is_more_frequent(report: Report) -> None:
    shares = [report.precision_at[share]["deny"] for share in ("0.65", "0.94")]
    assert report.labels["deny"].precision.value > shares[0] > shares[1]


def test_a_report_can_be_read_by_programs_and_people(report: Report, tmp_path: Path) -> None:
    write_report(report, tmp_path / "new")
    row = json.loads((tmp_path / "new" / "report.json").read_text(encoding="utf-8"))
    assert row == json.loads(json.dumps(as_json(report)))
    assert {"macro_f1", "n", "labels", "calibration_error", "certain_share", "certain_accuracy", "slices", "precision_at_share_of_other"} <= set(row)
    assert set(row["labels"]["deny"]) == {"precision", "recall", "f1", "support"}
    text = as_markdown(report)
    assert "Macro-F1 **0.867" in text
    assert all(f"\n| {stance} |" in text for stance in STANCES)
    predictions = [json.loads(line) for line in (tmp_path / "new" / "predictions.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(line["label"], line["stance"]) for line in predictions][-1] == ("other", "deny")


def test_the_pictures_are_drawn_also_for_few_examples(report: Report, tmp_path: Path) -> None:
    few = evaluate(fake_classifier(), examples()[:1])
    for number, given in enumerate((report, few)):
        folder = tmp_path / str(number)
        folder.mkdir()
        paths = draw_pictures(given, folder)
        assert sorted(path.name for path in paths) == ["confusion.png", "precision_recall.png", "reliability.png", "slices.png"]
        assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)


def test_the_command_measures_a_folder_beside_its_baselines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = write_toy_model(tmp_path / "model").path
    path = tmp_path / "examples.jsonl"
    path.write_text("".join(json.dumps({"text": text, "context": context, "label": label}) + "\n" for text, context, label, _ in ROWS), encoding="utf-8")
    assert main(["evaluate", "--model", str(model), "--examples", str(path), "--report", str(tmp_path / "report")]) == 0
    said = capsys.readouterr().out
    assert "macro-F1 0.867 on 6 examples" in said
    assert "TF-IDF" in said
    written = json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))
    assert set(written["baselines"]) == {"majority label", "cue words", "TF-IDF + logistic regression"}


@pytest.mark.parametrize("line", ['{"text": "x"}', '{"text": "x", "label": "maybe"}', "{", '{"text": " ", "label": "deny"}', '{"text": 1, "label": "deny"}'])
def test_examples_that_cannot_be_read_are_named_with_their_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str) -> None:
    path = tmp_path / "examples.jsonl"
    path.write_text('{"text": "It rained.", "label": "other"}\n' + line + "\n", encoding="utf-8")
    assert main(["evaluate", "--model", str(tmp_path), "--examples", str(path), "--report", str(tmp_path / "report")]) == 2
    assert "line 2" in capsys.readouterr().err
    assert not (tmp_path / "report").exists()


def test_a_folder_that_is_no_model_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "examples.jsonl"
    path.write_text('{"text": "It rained.", "label": "other"}\n', encoding="utf-8")
    assert main(["evaluate", "--model", str(tmp_path), "--examples", str(path), "--report", str(tmp_path / "report")]) == 2
    assert "card.json" in capsys.readouterr().err
