"""Labelled quotes and held-out examples -> every way to the same verdicts side by side, and our learning curve. What each way does is told where it lives."""

import hashlib
import json
import re
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from service.classifier import open_classifier
from service.errors import InvalidModelFolder
from service.model_folder import open_model_folder, replace_text
from service.statements.statement import Statement
from training.baselines import cue_words, majority, tfidf_regression
from training.candidate import build_candidate
from training.comparison import Comparison, Way, as_markdown
from training.config import Config
from training.evaluate import columns_of, verdicts_of
from training.examples import SPLITS, Example, data_digest, labels_of, read_split
from training.export import torch_logits
from training.pictures import draw_comparison
from training.rivals import frozen_regression, setfit
from training.scores import Columns, label_scores, macro_f1_interval

SHARES = (12, 25, 50, 100)  # per cent of the training quotes
COMPARISON = "compare.json"


def compare(quotes: Path, examples: Sequence[Example], config: Config, folder: Path) -> Comparison:
    """Learns from `quotes` in every way and measures each on `examples`; writes compare.json, compare.md and compare.png into `folder`.

    Takes about twice as long as a training and SetFit together. What is finished stays in `folder`, so that a run that was stopped goes on from there.
    Raises `InvalidInput` where SetFit is not installed.
    """
    train = read_split("train", quotes)
    statements = [example.statement for example in examples]
    work = _Work(folder, quotes, examples, config)
    ways = [
        work.measure("majority label", len(train), lambda: majority(train, statements)),
        work.measure("cue words", 0, lambda: cue_words(statements)),
        work.measure("TF-IDF + logistic regression", len(train), lambda: tfidf_regression(train, statements)),
        work.measure("frozen encoder + logistic regression", len(train), lambda: frozen_regression(train, statements, config)),
        work.measure("SetFit", len(train), lambda: setfit(train, statements, config)),
    ]
    curve = []
    for share in SHARES:
        part = _part(quotes, share, folder / "quotes" / str(share))
        model = folder / "models" / str(share)
        n_quotes = len(read_split("train", part))
        curve.append(work.measure(f"{share} % of the quotes", n_quotes, partial(_ours, part, model, statements, config)))
    ways.append(work.measure("ours, fp32", len(train), lambda: _fp32(model, statements, config)))
    ways.append(replace(curve[-1], name="ours, int8"))
    comparison = Comparison(len(examples), tuple(ways), tuple(curve))
    draw_comparison(comparison, folder / "compare.png")
    replace_text(folder / "compare.md", as_markdown(comparison))
    replace_text(folder / COMPARISON, json.dumps(asdict(comparison), indent=1) + "\n")
    return comparison


class _Work:
    """Measures one way after the other, and keeps what each chose in `folder`: a later run with the same data and settings does not learn it again."""

    def __init__(self, folder: Path, quotes: Path, examples: Sequence[Example], config: Config) -> None:
        self._folder = folder / "ways"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._labels = np.array(labels_of(examples))
        origin = [data_digest(quotes), config.as_dict(), [(str(example.label), asdict(example.statement)) for example in examples]]
        self._key = hashlib.sha256(json.dumps(origin).encode()).hexdigest()
        self._console = Console(stderr=True)

    def measure(self, name: str, n_quotes: int, answer: Callable[[], Columns]) -> Way:
        path = self._folder / f"{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')}.json"
        kept = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        if kept.get("key") != self._key:
            self._console.print(f"{name} ...")
            started = time.monotonic()
            chosen = answer()
            kept = {"key": self._key, "chosen": chosen.tolist(), "seconds": time.monotonic() - started}
            replace_text(path, json.dumps(kept) + "\n")
        chosen = np.array(kept["chosen"])
        way = Way(
            name,
            n_quotes,
            macro_f1_interval(self._labels, chosen),
            tuple(score.f1.value for score in label_scores(self._labels, chosen)),
            kept["seconds"],
        )
        self._console.print(f"{name}: macro-F1 {way.macro_f1}")
        return way


def _part(quotes: Path, share: int, folder: Path) -> Path:
    """A folder of quotes with `share` per cent of the training stories; a larger share holds the smaller ones."""
    folder.mkdir(parents=True, exist_ok=True)
    for split in SPLITS:
        lines = (quotes / f"{split}.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if split != "train" or _place(json.loads(line)) < share]
        replace_text(folder / f"{split}.jsonl", "".join(kept))
    return folder


def _place(row: dict[str, Any]) -> float:
    """Where a quote's story stands in the order of drawing, in [0, 100)."""
    return int(hashlib.sha256(str(row.get("story") or row["text"]).encode()).hexdigest()[:8], 16) * 100 / 16**8


def _ours(quotes: Path, model: Path, statements: Sequence[Statement], config: Config) -> Columns:
    try:
        folder = open_model_folder(model)
        is_ours = folder.card.data_digest == data_digest(quotes) and folder.card.settings == config.as_dict()
    except InvalidModelFolder:
        is_ours = False
    if not is_ours:
        shutil.rmtree(model, ignore_errors=True)
        build_candidate(quotes, model.parent, model.name, config)
    return columns_of(verdicts_of(open_classifier(model), statements))


def _fp32(model: Path, statements: Sequence[Statement], config: Config) -> Columns:
    network = AutoModelForSequenceClassification.from_pretrained(model, use_safetensors=True).eval()
    logits = torch_logits(network, AutoTokenizer.from_pretrained(model), statements, config.encoder.max_tokens)
    return np.asarray(logits.argmax(axis=1), dtype=np.int64)
