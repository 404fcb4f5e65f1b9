"""Quotes -> a candidate model folder, whole or not at all: fit, export, calibrate, evaluate, card. Calls, no logic of its own."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from service.classifier import classifier_of, pool_of
from service.errors import Fault, GateRefused, InvalidInput, shown
from service.model_folder import QUANTIZED, Card, ModelFolder, open_model_folder, write_card
from service.stance import STANCES
from training.calibrate import Calibration, calibrate
from training.config import Config
from training.evaluate import evaluate
from training.examples import Example, data_digest, labels_of, read_split
from training.export import MODEL, Agreement, agreement_of, export_onnx, torch_logits
from training.gate import int8_shortfalls
from training.interpolation import go_back
from training.model_card import card_text
from training.rounding import round_by_chance
from training.train import Tell, fit

_BUILDING = ".building-"


@dataclass(frozen=True)
class Start:
    """The model that a training goes on from: its name, and a folder with its torch weights."""

    name: str
    folder: Path


def build_candidate(quotes: Path, models: Path, name: str, config: Config, *, start: Start | None = None, tell: Tell | None = None) -> ModelFolder:
    """Trains on `quotes`, from `start` or else the bare encoder, and leaves the finished folder at `models/name`, which must not be there yet.

    Every written quote has a form, and no label of the store: what is taught beyond the written ones is what has none. A training that goes on from another
    model goes no farther from it than they need.

    Everything is written beside it and renamed at the end, so that Ctrl-C, kill -9 or a full disk leave no half model under that name. Raises `GateRefused`
    where int8 is further from the torch weights than `config.export` allows.
    """
    if name != Path(name).name or name in ("", ".", ".."):
        raise InvalidInput(Fault("--name", shown(name), "the name of a folder, without a path"))
    if (models / name).exists():
        raise InvalidInput(Fault("--name", name, f"a name that is free in {models}"))
    train, validation, test = (read_split(split, quotes) for split in ("train", "validation", "test"))
    with _building(models, name) as folder, tempfile.TemporaryDirectory(dir=folder.parent, prefix=f"{folder.name}-work-") as work:
        model, tokenizer = fit(train, validation, config, Path(work), start=start.folder if start else None, tell=tell)
        way = go_back(model, tokenizer, start.folder, [example for example in train if example.form is None], config.encoder.max_tokens) if start else 1.0
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        export_onnx(model, tokenizer, folder / MODEL, folder / QUANTIZED)
        if start:
            round_by_chance(folder / MODEL, folder / QUANTIZED, config.fit.seed)
        card = _card(name, config, data_digest(quotes), start)
        calibration, agreement = _calibrate(folder, model, tokenizer, validation, card, config)
        card = replace(card, temperature=calibration.temperature, thresholds=calibration.thresholds)
        finished = write_card(folder, card)
        report = evaluate(classifier_of(finished), test)
        results = {"split": "test", **report.headline(), "int8_agreement": agreement.share, "int8_mean_difference": agreement.mean_difference, "way": way}
        if sentences := int8_shortfalls(results, config.export):
            raise GateRefused(" ".join(sentences))
        card = replace(card, results=results)
        (folder / "README.md").write_text(card_text(card, report), encoding="utf-8")
        write_card(folder, card)
        folder.rename(models / name)
    return open_model_folder(models / name)


def _calibrate(folder: Path, model: Any, tokenizer: Any, validation: Sequence[Example], card: Card, config: Config) -> tuple[Calibration, Agreement]:
    statements = [example.statement for example in validation]
    pool = pool_of(ModelFolder(folder, card))
    try:
        logits = np.array([output.logits for output in pool.submit(statements).result()])
    finally:
        pool.close()
    agreement = agreement_of(torch_logits(model, tokenizer, statements, config.encoder.max_tokens), logits)
    return calibrate(logits, np.array(labels_of(validation)), config.calibration), agreement


def _card(name: str, config: Config, digest: str, start: Start | None) -> Card:
    return Card(
        name=name,
        labels=tuple(map(str, STANCES)),
        max_tokens=config.encoder.max_tokens,
        temperature=1.0,
        thresholds=dict.fromkeys(map(str, STANCES), 1.0),
        base_model=start.name if start else config.encoder.name,
        data_digest=digest,
        git_commit=git_commit(),
        seed=config.fit.seed,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        settings=config.as_dict(),
    )


def git_commit() -> str:
    """The commit of this checkout, with "-dirty" where tracked files differ from it; "unknown" outside one."""
    try:
        command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603 - fixed words
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


@contextlib.contextmanager
def _building(models: Path, name: str) -> Iterator[Path]:
    """A folder beside the models to write into, gone afterwards unless renamed; those of dead processes are swept first."""
    models.mkdir(parents=True, exist_ok=True)
    for stale in models.glob(f"{_BUILDING}*"):
        if not _is_running(stale.name.removeprefix(_BUILDING).split("-")[0]):
            shutil.rmtree(stale, ignore_errors=True)
    folder = models / f"{_BUILDING}{os.getpid()}-{name}"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_running(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True
