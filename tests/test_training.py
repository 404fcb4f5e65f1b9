"""Training makes a whole model or none, the same one each time, and one that transformers opens too."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoModelForSequenceClassification, pipeline

from service.classifier import open_classifier
from service.errors import GateRefused
from service.model_folder import QUANTIZED, open_model_folder, sha256, write_card
from service.stance import STANCES
from service.statements.reading import reading_of
from service.statements.statement import Statement
from training.encoder import reopen
from training.examples import data_digest, read_split
from training.release import release

pytestmark = pytest.mark.model


def train_command(quotes: Path, models: Path, config: Path, name: str = "candidate") -> list[str]:
    return [
        *(sys.executable, "-m", "training", "train"),
        *("--quotes", str(quotes), "--models", str(models), "--config", str(config), "--name", name),
    ]


def test_a_trained_model_serves_and_has_learned(trained: Path, small_quotes: Path) -> None:
    card = open_model_folder(trained).card
    assert card.data_digest == data_digest(small_quotes)
    assert card.results["int8_agreement"] >= 0.9
    examples = read_split("test", small_quotes)
    verdicts = open_classifier(trained).classify([example.statement for example in examples])
    is_right = [verdict.stance == example.label for verdict, example in zip(verdicts, examples, strict=True)]
    majority = max(sum(example.label == stance for example in examples) for stance in STANCES)
    assert sum(is_right) > majority + 10
    assert card.results["macro_f1"] > 0.4  # 360 quotes in five epochs; chance is 0.2


def test_a_trained_model_finds_the_act_in_the_frame(trained: Path) -> None:
    texts = ["The ministry denied the report.", "The union urged the government to return to the table."]
    verdicts = open_classifier(trained).classify([Statement(text) for text in texts])
    assert [verdict.stance for verdict in verdicts] == ["deny", "appeal"]


def test_the_pipeline_of_transformers_opens_the_folder_and_agrees(trained: Path, small_quotes: Path) -> None:
    statements = [example.statement for example in read_split("test", small_quotes)]
    classify = pipeline("text-classification", model=str(trained))
    rows = [reading_of(statement, len).text for statement in statements]
    labels = [answer["label"] for answer in classify(rows, truncation=True, max_length=128)]
    verdicts = open_classifier(trained).classify(statements)
    assert sum(label == verdict.stance for label, verdict in zip(labels, verdicts, strict=True)) >= 0.9 * len(rows)


def test_a_last_layer_for_the_first_token_alone_gives_the_same_logits(trained: Path) -> None:
    plain = AutoModelForSequenceClassification.from_pretrained(trained).eval()
    ours, tokenizer = reopen(trained)
    texts = ["The ministry denied the report.", "No.", "The union, which « urged the government to return », waits."]
    batch = tokenizer(texts, padding=True, return_tensors="pt")
    with torch.inference_mode():
        assert torch.allclose(ours.eval()(**batch).logits, plain(**batch).logits, atol=1e-5)
        (hidden,) = ours.bert.encoder(ours.bert.embeddings(batch["input_ids"])).to_tuple()
    assert hidden.shape[:2] == (len(texts), 1)


@pytest.mark.parametrize("written", ["“It’s … a lie” – « so » he said", '"It\'s ... a lie" -- « so » he said', "„It‘s… a lie“—« so » he said"])
def test_typography_makes_no_difference_to_whatever_opens_the_folder(trained: Path, written: str) -> None:
    from transformers import AutoTokenizer

    plain = Tokenizer.from_file(str(trained / "tokenizer.json"))
    plain.no_padding()
    wanted = plain.encode('"It\'s ... a lie" - « so » he said').ids
    assert plain.encode(written).ids == wanted
    assert AutoTokenizer.from_pretrained(trained)(written)["input_ids"] == wanted


def test_the_card_is_one_that_a_model_hub_shows(trained: Path) -> None:
    text = (trained / "README.md").read_text(encoding="utf-8")
    assert text.startswith("---\nlicense: apache-2.0\n")
    assert open_model_folder(trained).card.data_digest in text
    for stance in STANCES:
        assert f"| {stance} |" in text


def test_a_release_is_the_small_part_of_a_model_and_says_the_same(trained: Path, tmp_path: Path) -> None:
    for _ in range(2):  # the second one replaces the first
        released = release(open_model_folder(trained), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["released"]
    assert not list(released.path.rglob("*.safetensors"))
    assert sum(path.stat().st_size for path in released.path.rglob("*") if path.is_file()) < 25_000_000
    statements = [Statement("We had nothing to do with it."), Statement("Please, bring him home.")]
    assert open_classifier(released.path).classify(statements) == open_classifier(trained).classify(statements)


def test_a_release_that_was_killed_between_its_renames_is_mended_by_the_next(trained: Path, tmp_path: Path) -> None:
    release(open_model_folder(trained), tmp_path)
    (tmp_path / "released").rename(tmp_path / ".released-former")
    too_large = tmp_path / "too-large"
    shutil.copytree(trained, too_large)
    with (too_large / "tokenizer.json").open("ab") as file:
        file.write(b" " * 25_000_000)
    write_card(too_large, replace(open_model_folder(trained).card, files={}))
    with pytest.raises(GateRefused):
        release(open_model_folder(too_large), tmp_path)
    assert not (tmp_path / "released").exists()  # a refusal touches nothing
    release(open_model_folder(trained), tmp_path)
    shutil.rmtree(too_large)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["released"]


def test_the_same_quotes_and_seed_give_the_same_model(small_quotes: Path, tiny_config: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        subprocess.run(train_command(small_quotes, tmp_path, tiny_config, name), check=True, timeout=200)
    for file in ("model.safetensors", QUANTIZED):
        assert sha256(tmp_path / "one" / file) == sha256(tmp_path / "two" / file), file
    one, two = (open_model_folder(tmp_path / name).card for name in ("one", "two"))
    assert (one.temperature, one.thresholds, one.results) == (two.temperature, two.thresholds, two.results)


def test_a_name_that_is_taken_is_refused_before_training(small_quotes: Path, tiny_config: Path, tmp_path: Path) -> None:
    (tmp_path / "candidate").mkdir()
    done = subprocess.run(train_command(small_quotes, tmp_path, tiny_config), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "a name that is free" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["a/b", "..", ""])
def test_a_name_that_is_a_path_is_refused_before_training(small_quotes: Path, tiny_config: Path, tmp_path: Path, name: str) -> None:
    done = subprocess.run(train_command(small_quotes, tmp_path, tiny_config, name), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "without a path" in done.stderr


def _heed_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start_and_wait_until_it_writes(command: list[str], models: Path) -> subprocess.Popen[str]:
    # Under a shell's `&` or nohup, Ctrl-C is ignored, and children inherit that.
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, preexec_fn=_heed_ctrl_c)  # noqa: PLW1509 - no threads here
    deadline = time.monotonic() + 240  # of a machine with much else to do
    while not list(models.glob(".building-*/*")) and not list(models.glob(".building-*-work-*/*")):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.02)  # another process: there is nothing here to wait on
    return process


def test_ctrl_c_leaves_no_model_and_no_rubbish(small_quotes: Path, quick_config: Path, tmp_path: Path) -> None:
    process = start_and_wait_until_it_writes(train_command(small_quotes, tmp_path, quick_config), tmp_path)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "nothing half-made is left" in said
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


def test_a_killed_training_leaves_no_model_and_the_next_one_sweeps_up(small_quotes: Path, quick_config: Path, tiny_config: Path, tmp_path: Path) -> None:
    process = start_and_wait_until_it_writes(train_command(small_quotes, tmp_path, quick_config), tmp_path)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    assert {path.name.split("-")[0] for path in tmp_path.iterdir()} == {".building"}
    subprocess.run(train_command(small_quotes, tmp_path, tiny_config), check=True, timeout=200)
    assert [path.name for path in tmp_path.iterdir()] == ["candidate"]


def test_a_hub_name_that_cannot_be_fetched_is_named(small_quotes: Path, tiny_config: Path, tmp_path: Path) -> None:
    config = tmp_path / "train.toml"
    config.write_text(re.sub(r"(?m)^name = .*$", 'name = "nobody/no-such-encoder"', tiny_config.read_text(encoding="utf-8")), encoding="utf-8")
    done = subprocess.run(
        train_command(small_quotes, tmp_path / "models", config),
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "nobody/no-such-encoder" in done.stderr
    assert "Traceback" not in done.stderr
