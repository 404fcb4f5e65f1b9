"""A comparison learns from the same quotes in every way, and goes on where it was stopped."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from service.model_folder import open_model_folder
from training.compare import SHARES
from training.examples import read_split

pytestmark = pytest.mark.model


def compare(quotes: Path, config: Path, report: Path) -> subprocess.CompletedProcess[str]:
    options = ["--quotes", str(quotes), "--config", str(config), "--examples", str(quotes / "test.jsonl"), "--report", str(report)]
    return subprocess.run([sys.executable, "-m", "training", "compare", *options], capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory, small_quotes: Path, tiny_config: Path) -> Path:
    report = tmp_path_factory.mktemp("compare")
    done = compare(small_quotes, tiny_config, report)
    assert done.returncode == 0, done.stderr
    return report


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
    trained = open_model_folder(compared / "models" / "100").card.created
    (compared / "compare.json").unlink()
    (compared / "ways" / "cue-words.json").unlink()
    done = compare(small_quotes, tiny_config, compared)
    assert done.returncode == 0, done.stderr
    assert "cue words ..." in done.stderr
    assert "SetFit ..." not in done.stderr
    assert open_model_folder(compared / "models" / "100").card.created == trained
    left_out = json.loads(before), json.loads((compared / "compare.json").read_text(encoding="utf-8"))
    for found in left_out:
        found["ways"][1]["seconds"] = 0.0
    assert left_out[0] == left_out[1]
