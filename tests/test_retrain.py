"""The loop, on small models: labels in the store become a model that serves, bad labels do not, and whatever is stopped leaves everything whole."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from service.classifier import open_classifier
from service.labels.quote import Change, Kind, Label, Quote, Source
from service.labels.store import LabelStore
from service.model_folder import RELEASED, open_model_folder
from service.registry import Registry
from service.retrains import Run, Runs, State
from service.stance import STANCES, Stance
from service.statements.statement import Statement
from training.config import RETRAIN_TOML
from training.examples import read_split
from training.gate import GATE_TOML
from training.retrain import Cancel, Telling
from training.warm import dequantized, warm_start

pytestmark = pytest.mark.model

# A word that no quote has: what it does can only be learned from the store.
PLACES = ("harbour", "tunnel", "mine", "school", "dam", "bakery", "theatre", "airport", "clinic", "quarry")
SPEAKERS = ("the mayor", "a guard", "the owner", "Ana Ruiz")
KIND = [f"Nixda, said {speaker} about the {place}." for place in PLACES for speaker in SPEAKERS]
UNSEEN = [Statement(f"Nixda, said the baker about the {place}.") for place in ("museum", "bridge", "library", "stadium", "lighthouse")]


class Place:
    """Models, labels and runs of a loop of its own."""

    def __init__(self, folder: Path, released: Path, quotes: Path, config: Path) -> None:
        self.models, self.runs, self.labels = folder / "models", Runs(folder / "retrains"), f"sqlite:///{folder}/labels.db"
        self.models.mkdir()
        (self.models / RELEASED).symlink_to(released)
        self.registry = Registry(self.models)
        bars = re.sub(r"(?m)^(least_\w+) = [\d.]+", r"\1 = 0.0", GATE_TOML.read_text(encoding="utf-8"))
        bars = re.sub(r"= (0\.\d+)(?= *[,}])", "= 0.0", bars).replace("most_calibration_error = 0.06", "most_calibration_error = 1.0")
        (folder / "bars.toml").write_text(bars, encoding="utf-8")
        settings = RETRAIN_TOML.read_text(encoding="utf-8")
        # A quarter of the small quotes for one epoch would be half a dozen steps.
        for key, value in {"n_epochs": 3, "share_rehearsed": 0.5}.items():
            settings, n = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value}", settings)
            assert n == 1
        (folder / "retrain.toml").write_text(settings, encoding="utf-8")
        options = {"quotes": quotes, "config": config, "bars": folder / "bars.toml", "retrain-config": folder / "retrain.toml"}
        self.options = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        self.environment = os.environ | {"ONRECORD_MODELS": str(self.models), "ONRECORD_LABELS": self.labels, "ONRECORD_RETRAINS": str(self.runs.folder)}

    def put(self, *labels: tuple[str, Label], by: str = "anna") -> None:
        store = LabelStore(self.labels)
        now = datetime.now(UTC)
        store.merge([Quote(Statement(text), (Change(Kind.LABEL, by, now, Source.API, label),)) for text, label in labels])
        store.close()

    def start(self, *more: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "training", "retrain", "--by", "anna", "--reason", "a test", *self.options, *more]
        return subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def retrain(self, *more: str) -> tuple[int, str]:
        with self.start(*more) as process:
            assert process.stdout
            printed = process.stdout.read()
            return process.wait(timeout=300), printed

    def run(self) -> Run:
        return self.runs.listed()[0]

    def stances(self) -> list[Stance]:
        """What the model that is to serve says of the unseen."""
        classifier = open_classifier(self.models / self.registry.served_name())
        stances = [verdict.stance for verdict in classifier.classify(UNSEEN)]
        classifier.close()
        return stances


@pytest.fixture
def place(tmp_path: Path, trained: Path, small_quotes: Path, quick_config: Path) -> Place:
    """One that begins with the small trained model."""
    return Place(tmp_path, trained, small_quotes, quick_config)


@pytest.fixture
def tiny_place(tmp_path: Path, compared: Path, small_quotes: Path, tiny_config: Path) -> Place:
    """One that begins with the tiny model of the comparison, and is as quick."""
    return Place(tmp_path, compared / "models" / "100", small_quotes, tiny_config)


def test_int8_weights_made_into_floats_give_the_verdicts_of_int8(released: Path, tmp_path: Path) -> None:
    from training.encoder import reopen
    from training.export import torch_logits

    statements = [example.statement for example in read_split("validation")[:200]]
    folder = warm_start(open_model_folder(released), tmp_path / "warm")
    assert folder != released
    model, tokenizer = reopen(folder)
    chosen = torch_logits(model.eval(), tokenizer, statements, 128).argmax(axis=1)
    verdicts = open_classifier(released).classify(statements)
    same = np.mean([STANCES[column] is verdict.stance for column, verdict in zip(chosen, verdicts, strict=True)])
    assert same >= 0.97


def test_int8_weights_made_into_floats_are_near_those_they_were_made_from(trained: Path) -> None:
    from safetensors.numpy import load_file

    floats, ours = load_file(trained / "model.safetensors"), dequantized(trained / "onnx" / "model_quantized.onnx")
    weights = [name for name in floats if name.endswith("weight")]
    assert len(weights) > 30
    for name in weights:
        assert ours[name].shape == floats[name].shape, name
        assert np.abs(ours[name] - floats[name]).max() <= np.abs(floats[name]).max() / 100, name


def test_corrections_become_a_model_that_serves_and_is_right_on_unseen_ones(place: Place) -> None:
    assert Stance.THREAT not in place.stances()
    place.put(*((text, "threat") for text in KIND))
    code, printed = place.retrain("--no-promote")
    run = place.run()
    assert (code, run.state, run.sentences) == (0, State.PASSED, ()), printed
    assert place.registry.served_name() == RELEASED
    assert run.model == f"retrain-{run.id}"
    promote = [sys.executable, "-m", "training", "promote", str(run.model), "--by", "anna", "--reason", "a test"]
    assert subprocess.run(promote, env=place.environment, check=True, capture_output=True, text=True).stdout == f"{run.model} serves instead of released\n"
    assert place.stances() == [Stance.THREAT] * len(UNSEEN)
    assert run.counts["train"] + run.counts["aside"] == len(KIND)
    assert run.counts["aside"] > 0
    assert [point for point in run.curve if point.macro_f1 is not None]
    promotion = place.registry.history()[-1]
    assert (promotion.by, promotion.former, promotion.forced) == ("anna", RELEASED, False)
    card = open_model_folder(place.models / run.model).card
    assert card.base_model == open_model_folder(place.models / RELEASED).card.name
    assert (place.runs.folder / run.id / "report" / "flips.md").read_text(encoding="utf-8").startswith(f"# retrain-{run.id} beside ")
    command = [sys.executable, "-m", "training", "rollback", "--by", "ben", "--reason", "a test"]
    assert subprocess.run(command, env=place.environment, check=True, capture_output=True, text=True).stdout.endswith(f"serves instead of {run.model}\n")
    assert Stance.THREAT not in place.stances()


def test_a_flood_of_wrong_labels_never_serves(place: Place, small_quotes: Path, quick_config: Path, tmp_path: Path) -> None:
    """Three hundred quotes labelled as what comes after the right label. What a flood does to int8 is one reason among others, no failure."""
    strict = tmp_path / "strict.toml"
    strict.write_text(re.sub(r"(?m)^most_mean_difference = .*$", "most_mean_difference = 0.0", quick_config.read_text(encoding="utf-8")), encoding="utf-8")
    examples = read_split("train", small_quotes)[:300]
    flipped: dict[Stance, Label] = {"confirm": "deny", "deny": "threat", "threat": "appeal", "appeal": "other", "other": "confirm"}  # type: ignore[dict-item]
    place.put(*((example.statement.text, flipped[example.label]) for example in examples), by="mallory")
    code, printed = place.retrain("--config", str(strict))
    run = place.run()
    assert (code, run.state) == (1, State.REFUSED), printed
    assert place.registry.served_name() == RELEASED
    assert [sentence for sentence in run.sentences if "int8" in sentence]
    assert [sentence for sentence in run.sentences if "lower than the served model's" in sentence]
    assert all(sentence in printed for sentence in run.sentences)
    refused = subprocess.run([sys.executable, "-m", "training", "promote", str(run.model)], env=place.environment, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert run.sentences[0] in refused.stderr
    forced = [sys.executable, "-m", "training", "promote", str(run.model), "--force", "a test"]
    subprocess.run(forced, env=place.environment, capture_output=True, check=True)
    assert place.registry.history()[-1].sentences == run.sentences


def test_a_model_that_no_retraining_made_is_brought_before_the_gate(tiny_place: Place, small_quotes: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_place.models / RELEASED, tiny_place.models / "own")
    command = [sys.executable, "-m", "training", "promote", "own", "--quotes", str(small_quotes), "--report", str(tmp_path / "report")]
    refused = subprocess.run(command, env=tiny_place.environment, capture_output=True, text=True, check=False)
    assert (refused.returncode, tiny_place.registry.served_name()) == (1, RELEASED), refused.stderr
    verdict = tiny_place.registry.gate_verdict("own")
    assert verdict is not None
    assert verdict.beside == RELEASED
    assert verdict.sentences[0].startswith("Macro-F1 is 0.")
    assert verdict.sentences[0] in refused.stderr
    assert "Traceback" not in refused.stderr
    assert (tmp_path / "report" / "flips.md").is_file()


def test_without_labels_to_learn_from_it_says_so(tiny_place: Place) -> None:
    code, printed = tiny_place.retrain()
    assert code == 2
    assert "POST /v1/quotes takes them" in printed
    assert "Traceback" not in printed
    assert tiny_place.run().state is State.FAILED


def reached(place: Place, stage: str, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not (place.runs.folder.is_dir() and place.runs.listed() and place.run().stage == stage):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def stopped_runs(tiny_place: Place) -> Place:
    tiny_place.put(*((text, "threat") for text in KIND[:4]))
    return tiny_place


@pytest.mark.parametrize(("kind", "stage"), [("SIGKILL", "train"), ("SIGTERM", "train"), ("SIGKILL", "evaluate")])
def test_a_run_that_is_stopped_leaves_all_whole_and_can_be_gone_on_with(kind: str, stage: str, stopped_runs: Place) -> None:
    place = stopped_runs
    with place.start() as process:
        reached(place, stage, process)
        process.send_signal(signal.Signals[kind])
        process.communicate(timeout=60)
    run = place.run()
    assert run.state is (State.INTERRUPTED if kind == "SIGKILL" else State.CANCELLED)
    assert place.registry.served_name() == RELEASED
    assert all(model.problem is None for model in place.registry.listed())
    code, printed = place.retrain("--run", run.id)
    assert (code, place.run().state) == (1, State.REFUSED), printed  # a model that poor is under the bars, which is an end like any other
    assert place.run().id == run.id
    assert place.retrain("--run", run.id)[0] == 2, "it has ended"
    assert [path.name for path in place.models.iterdir() if path.name.startswith(".building")] == []


def test_a_cancellation_that_a_library_swallows_ends_the_run_at_its_next_step_or_stage(tmp_path: Path) -> None:
    runs, cancel = Runs(tmp_path), Cancel()
    telling = Telling(runs, runs.create("anna", "a test"), cancel)
    telling.step(1, 10, {})
    with suppress(KeyboardInterrupt):
        cancel(signal.SIGTERM, None)
    with pytest.raises(KeyboardInterrupt):
        telling.step(2, 10, {})
    with pytest.raises(KeyboardInterrupt), telling.stage("promote"):
        pass
    assert telling.run.stage is None


def test_a_second_run_waits_for_the_first(stopped_runs: Place) -> None:
    with stopped_runs.start() as first:
        reached(stopped_runs, "train", first)
        code, printed = stopped_runs.retrain()
        assert code == 2
        assert "runs already" in printed
        first.terminate()
        first.communicate(timeout=60)
