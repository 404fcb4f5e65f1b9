"""A comparison learns from the same quotes in every way, and goes on where it was stopped."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from service.model_folder import open_model_folder, write_card
from tests.conftest import compare
from training.compare import SHARES
from training.examples import read_split

pytestmark = pytest.mark.model


def test_every_way_is_measured_on_the_same_examples(compared: Path) -> None:
    found = json.loads((compared / "compare.json").read_text(encoding="utf-8"))
    assert found["n"] == 100
    names = [way["name"] for way in found["ways"]]
    assert names == [
        *("majority label", "cue words", "TF-IDF + logistic regression", "frozen encoder + logistic regression", "SetFit"),
        *("ours, fp32", "ours, int8"),
    ]
    figures = {way["name"]: way["macro_f1"]["value"] for way in found["ways"]}
    assert figures["majority label"] < figures["TF-IDF + logistic regression"]
    assert all(len(way["f1"]) == 5 and way["macro_f1"]["low"] <= way["macro_f1"]["value"] <= way["macro_f1"]["high"] for way in found["ways"])
    assert (compared / "compare.png").read_bytes().startswith(b"\x89PNG")
    assert all(name in (compared / "compare.md").read_text(encoding="utf-8") for name in names)


def test_the_learning_curve_draws_whole_stories_and_only_ever_adds(compared: Path, small_quotes: Path) -> None:
    parts = [read_split("train", compared / "quotes" / str(share)) for share in SHARES]
    ids = [{example.id for example in part} for part in parts]
    assert ids[0] < ids[1] < ids[2] < ids[3]
    assert parts[-1] == read_split("train", small_quotes)
    for part in parts[:-1]:
        stories = {example.story for example in part}
        assert {example.id for example in part} == {example.id for example in parts[-1] if example.story in stories}
    found = json.loads((compared / "compare.json").read_text(encoding="utf-8"))
    assert [way["n_quotes"] for way in found["curve"]] == [len(part) for part in parts]
    assert found["curve"][-1]["macro_f1"] == found["ways"][-1]["macro_f1"]


def test_a_run_that_was_stopped_goes_on_with_what_is_missing(compared: Path, small_quotes: Path, tiny_config: Path) -> None:
    before = (compared / "compare.json").read_text(encoding="utf-8")
    trained = [open_model_folder(compared / "models" / str(share)).card.created for share in SHARES]
    kept = json.loads((compared / "setfit.json").read_text(encoding="utf-8"))
    marked = kept | {"chosen": [0] * len(kept["chosen"])}  # what no run would choose shows that it was not asked again
    (compared / "setfit.json").write_text(json.dumps(marked), encoding="utf-8")
    (compared / "compare.json").unlink()
    shutil.rmtree(compared / "models" / "25")
    done = compare(small_quotes, tiny_config, compared)
    assert done.returncode == 0, done.stderr
    now = [open_model_folder(compared / "models" / str(share)).card.created for share in SHARES]
    assert [a == b for a, b in zip(trained, now, strict=True)] == [True, False, True, True]
    assert json.loads((compared / "setfit.json").read_text(encoding="utf-8")) == marked
    found = json.loads((compared / "compare.json").read_text(encoding="utf-8"))
    assert found["curve"] == json.loads(before)["curve"]  # the same seed gives the same model again
    (compared / "setfit.json").write_text(json.dumps(kept), encoding="utf-8")


def test_other_examples_are_answered_anew(compared: Path, small_quotes: Path, tiny_config: Path, tmp_path: Path) -> None:
    report = tmp_path / "report"
    shutil.copytree(compared, report)
    few = tmp_path / "few.jsonl"
    few.write_text("".join((small_quotes / "test.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)[:60]), encoding="utf-8")
    done = compare(small_quotes, tiny_config, report, "--examples", str(few))
    assert done.returncode == 0, done.stderr
    assert json.loads((report / "compare.json").read_text(encoding="utf-8"))["n"] == 60
    assert len(json.loads((report / "setfit.json").read_text(encoding="utf-8"))["chosen"]) == 60


def test_a_finished_model_spares_training_it_again_and_stays_as_it_is(compared: Path, small_quotes: Path, tiny_config: Path, tmp_path: Path) -> None:
    quotes, report, mine = tmp_path / "quotes", tmp_path / "report", tmp_path / "mine"
    shutil.copytree(compared, report)
    shutil.copytree(small_quotes, quotes)
    (report / "models" / "100").rename(mine)
    created = open_model_folder(mine).card.created
    done = compare(quotes, tiny_config, report, "--model", str(mine))
    assert done.returncode == 0, done.stderr
    assert not (report / "models" / "100").exists()
    assert open_model_folder(mine).card.created == created
    curves = [json.loads((folder / "compare.json").read_text(encoding="utf-8"))["curve"] for folder in (compared, report)]
    assert curves[0] == curves[1]


def test_a_finished_model_of_other_settings_is_refused_and_left_alone(trained: Path, small_quotes: Path, tiny_config: Path, tmp_path: Path) -> None:
    done = compare(small_quotes, tiny_config, tmp_path, "--model", str(trained))
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert done.stderr.startswith(f"error: {trained}: ")
    assert "other quotes or settings" in done.stderr
    assert open_model_folder(trained).card


def test_a_released_model_is_refused_for_want_of_its_torch_weights(compared: Path, small_quotes: Path, tiny_config: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    shutil.copytree(compared / "models" / "100", mine)
    (mine / "model.safetensors").unlink()
    write_card(mine, replace(open_model_folder(compared / "models" / "100").card, files={}))
    done = compare(small_quotes, tiny_config, tmp_path / "report", "--model", str(mine))
    assert done.returncode == 2
    assert "a released model" in done.stderr


def test_a_fault_in_the_quotes_is_told_before_anything_is_learned(small_quotes: Path, tiny_config: Path, tmp_path: Path) -> None:
    quotes = tmp_path / "quotes"
    shutil.copytree(small_quotes, quotes)
    with (quotes / "validation.jsonl").open("a", encoding="utf-8") as file:
        file.write("{broken\n")
    done = compare(quotes, tiny_config, tmp_path / "report", "--examples", str(small_quotes / "test.jsonl"))
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {quotes / 'validation.jsonl'} line 101")
    assert not (tmp_path / "report" / "models").exists()


def test_too_few_stories_to_draw_from_are_told_before_anything_is_learned(small_quotes: Path, tiny_config: Path, tmp_path: Path) -> None:
    quotes = tmp_path / "quotes"
    shutil.copytree(small_quotes, quotes)
    rows = [json.loads(line) | {"story": "one"} for line in (quotes / "train.jsonl").read_text(encoding="utf-8").splitlines()]
    (quotes / "train.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    done = compare(quotes, tiny_config, tmp_path / "report")
    assert done.returncode == 2
    assert "enough stories to draw 12 % of them" in done.stderr
