"""Labelled quotes and held-out examples -> other ways to the same verdicts beside ours, and our learning curve. What each way does is told where it lives."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from service.classifier import open_classifier
from service.errors import Fault, InvalidInput
from service.model_folder import open_model_folder, replace_text
from service.statements import reading
from service.statements.statement import Statement
from training import rivals
from training.baselines import baselines
from training.candidate import build_candidate
from training.comparison import Comparison, Way, as_markdown
from training.config import ANY_INT8, Config
from training.evaluate import columns_of, verdicts_of
from training.examples import SPLITS, Example, data_digest, labels_of, place_of, read_split
from training.export import torch_logits
from training.pictures import draw_comparison
from training.scores import Columns, label_scores, macro_f1_interval

SHARES = (12, 25, 50, 100)  # per cent of the training stories


def compare(quotes: Path, examples: Sequence[Example], config: Config, folder: Path, finished: Path | None = None) -> Comparison:
    """Learns from `quotes` in every way and measures each on `examples`; writes compare.json, compare.md and compare.png into `folder`.

    Takes about as long as three trainings; `finished`, a model folder that was trained on all of these quotes, spares one of them and is left as it is.
    What is learned stays in `folder`, so that a run that was stopped goes on from there. Raises `InvalidInput` where SetFit is not installed, the quotes are
    too few to draw from, or `finished` or a model in `folder` comes from other quotes or settings; none is ever replaced.
    """
    rivals.require_setfit()
    if finished is not None:
        _check_origin(finished, data_digest(quotes), config)
    for split in SPLITS:
        read_split(split, quotes)  # a fault is told by its own file and line, before anything long begins
    parts = {share: _part(quotes, share, folder / "quotes" / str(share)) for share in SHARES}
    train = read_split("train", parts[100])
    statements = [example.statement for example in examples]
    console = Console(stderr=True)

    def way(name: str, n_quotes: int, chosen: Columns) -> Way:
        labels = np.array(labels_of(examples))
        found = Way(name, n_quotes, macro_f1_interval(labels, chosen), tuple(score.f1.value for score in label_scores(labels, chosen)))
        console.print(f"{name}, {n_quotes:,} quotes: macro-F1 {found.macro_f1}")
        return found

    ways = [way(name, len(train), chosen) for name, chosen in baselines(train, statements).items()]
    key = _key(parts[100], examples, config)
    for name, rival in (("frozen encoder + logistic regression", rivals.frozen_regression), ("SetFit", rivals.setfit)):
        console.print(f"{name} ...")
        ways.append(way(name, len(train), _once(folder / f"{rival.__name__}.json", key, lambda: rival(train, statements, config))))  # noqa: B023 - called at once
    curve = []
    for share, part in parts.items():
        console.print(f"ours, {share} % of the stories ...")
        model = finished if share == 100 and finished is not None else _ours(part, folder / "models" / str(share), config)
        curve.append(way(f"ours, {share} % of the stories", len(read_split("train", part)), _int8(model, statements)))
    ways += [way("ours, fp32", len(train), _fp32(model, statements, config)), replace(curve[-1], name="ours, int8")]
    comparison = Comparison(len(examples), tuple(ways), tuple(curve))
    draw_comparison(comparison, folder / "compare.png")
    replace_text(folder / "compare.md", as_markdown(comparison))
    replace_text(folder / "compare.json", json.dumps(asdict(comparison), indent=1) + "\n")
    return comparison


def _part(quotes: Path, share: int, folder: Path) -> Path:
    """A copy of the quotes with `share` per cent of the training stories; a larger share holds the smaller ones. All of them are copied byte for byte."""
    folder.mkdir(parents=True, exist_ok=True)
    for split in SPLITS:
        lines = (quotes / f"{split}.jsonl").read_bytes().splitlines(keepends=True)
        kept = [line for line in lines if split != "train" or share == 100 or (line.strip() and _place(json.loads(line)) < share)]
        if not kept:
            raise InvalidInput(Fault(str(quotes / "train.jsonl"), f"{len(lines)} quotes", f"enough stories to draw {share} % of them"))
        (folder / f"{split}.jsonl").write_bytes(b"".join(kept))
    return folder


def _place(row: dict[str, Any]) -> float:
    """Where a quote's story stands in the order of drawing, in [0, 100)."""
    return 100 * place_of(str(row.get("story") or row["text"]))


def _key(quotes: Path, examples: Sequence[Example], config: Config) -> str:
    """A digest of all that a rival's answers depend on, its own code and the encoder's weights included."""
    origin = [data_digest(quotes), config.as_dict(), rivals.weights_digest(config), [asdict(example.statement) for example in examples]]
    code = b"".join(Path(module.__file__).read_bytes() for module in (rivals, reading) if module.__file__)
    return hashlib.sha256(json.dumps(origin).encode() + code).hexdigest()


def _once(path: Path, key: str, answer: Callable[[], Columns]) -> Columns:
    """What `answer` gave when it was last asked under this `key`, else what it gives now."""
    kept = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if kept.get("key") != key:
        kept = {"key": key, "chosen": answer().tolist()}
        replace_text(path, json.dumps(kept) + "\n")
    return np.array(kept["chosen"])


def _ours(quotes: Path, model: Path, config: Config) -> Path:
    """The model folder at `model`, trained on `quotes` unless it has been already. Raises `InvalidInput` where something else stands there."""
    if model.exists():
        _check_origin(model, data_digest(quotes), config)
    else:
        build_candidate(quotes, model.parent, model.name, replace(config, export=ANY_INT8))
    return model


def _check_origin(model: Path, digest: str, config: Config) -> None:
    card = open_model_folder(model).card
    if not (model / "model.safetensors").is_file():
        raise InvalidInput(Fault(str(model), "a released model", "a folder as `train` leaves it, with its torch weights"))
    settings = config.as_dict() | {"export": card.settings.get("export")}  # bars change no weight
    if card.data_digest != digest or card.settings != settings:
        raise InvalidInput(Fault(str(model), "a model of other quotes or settings", "one of those given: remove it, or name another folder"))


def _int8(model: Path, statements: Sequence[Statement]) -> Columns:
    return columns_of(verdicts_of(open_classifier(model), statements))


def _fp32(model: Path, statements: Sequence[Statement], config: Config) -> Columns:
    network = AutoModelForSequenceClassification.from_pretrained(model, use_safetensors=True).eval()
    logits = torch_logits(network, AutoTokenizer.from_pretrained(model), statements, config.encoder.max_tokens)
    return np.asarray(logits.argmax(axis=1), dtype=np.int64)
