"""The contract between training and serving: a Hugging Face model folder with our `card.json`. Running the model is not done here."""

import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from service.errors import InvalidModelFolder
from service.stance import STANCES

FORMAT = 2  # 1: statement and context went in as a pair, not as one text with the statement marked
CARD = "card.json"
QUANTIZED = "onnx/model_quantized.onnx"
RELEASED = "released"
SERVED = "served"
_REQUIRED = ("config.json", "tokenizer.json", QUANTIZED)
# The kinds that JSON has to give for the fields of a card; json.loads would let any pass.
_KINDS: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("name", "base_model", "data_digest", "git_commit", "created"), str),
    **dict.fromkeys(("max_tokens", "seed", "format"), int),
    **dict.fromkeys(("thresholds", "settings", "results", "files"), dict),
    "temperature": (int, float),
}
_PICKLES = frozenset({".bin", ".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".joblib"})


@dataclass(frozen=True)
class Card:
    """What a model folder says of itself.

    `labels` are in the order of the output columns. `temperature` (> 0) divides the logits; a verdict is certain from `thresholds[stance]`, in
    [0, 1], upwards. `data_digest` is that of the quotes it learned from, `files` maps every other file to its SHA-256.
    """

    name: str
    labels: tuple[str, ...]
    max_tokens: int
    temperature: float
    thresholds: Mapping[str, float]
    base_model: str
    data_digest: str
    git_commit: str
    seed: int
    created: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    results: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    format: int = FORMAT


@dataclass(frozen=True)
class ModelFolder:
    """A folder whose card, labels and checksums have been checked."""

    path: Path
    card: Card

    @property
    def quantized(self) -> Path:
        return self.path / QUANTIZED

    @property
    def tokenizer(self) -> Path:
        return self.path / "tokenizer.json"


def open_model_folder(path: Path) -> ModelFolder:
    """The model at `path`, or `InvalidModelFolder` saying what is missing, damaged or not ours."""
    card = read_card(path)
    pickles = sorted(str(file.relative_to(path)) for file in path.rglob("*") if file.suffix.lower() in _PICKLES)
    if pickles:
        raise InvalidModelFolder(f"{path}: {pickles[0]} is a pickle, which can run code when it is opened; remove it")
    for name, digest in card.files.items():
        _check_file(path, name, digest)
    return ModelFolder(path, card)


def read_card(path: Path) -> Card:
    """The card of the model at `path`, the files that it lists unread. Raises `InvalidModelFolder` where it is none of this version."""
    card = _read_card(path)
    if card.format != FORMAT:
        raise InvalidModelFolder(f"{path}: its card has format {card.format}, this version reads {FORMAT}")
    if card.labels != tuple(STANCES):
        raise InvalidModelFolder(f"{path}: its labels are {list(card.labels)}, this version's are {[str(s) for s in STANCES]}")
    _check_numbers(path, card)
    for name in _REQUIRED:
        if name not in card.files:
            raise InvalidModelFolder(f"{path}: its card does not list {name}")
    return card


def write_card(path: Path, card: Card) -> ModelFolder:
    """Writes `card.json` with the SHA-256 of every other file in `path`: the last step that makes the folder a model."""
    passing = (path / CARD, _partial(path / CARD))  # the second where an earlier try has crashed
    files = {str(file.relative_to(path).as_posix()): sha256(file) for file in sorted(path.rglob("*")) if file.is_file() and file not in passing}
    row = asdict(card) | {"files": files}
    replace_text(path / CARD, json.dumps(row, indent=1, ensure_ascii=False) + "\n")
    return open_model_folder(path)


def served_name(models: Path) -> str:
    """The name in `models/served`, the one line that names the model in use; without that file, `released`."""
    served = models / SERVED
    if not served.is_file():
        return RELEASED
    name = served.read_text(encoding="utf-8", errors="replace").strip()
    if not name or name in (".", "..") or "/" in name or "\\" in name:
        raise InvalidModelFolder(f"{served}: wanted the name of a folder beside it, got {name!r}; remove the file to serve `{RELEASED}`")
    return name


def replace_text(path: Path, text: str, *, mode: int = 0o666) -> None:
    """Writes `path` so that a reader, also after a crash, finds the old text or the new one and nothing between. `mode` is a new file's, less the umask."""
    partial = _partial(path)
    with open(partial, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, mode)) as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    partial.replace(path)


def sha256(path: Path) -> str:
    """Hexadecimal digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}.partial")


def _read_card(path: Path) -> Card:
    if not path.is_dir():
        raise InvalidModelFolder(f"{path}: there is no such folder; `make model` trains one")
    card = path / CARD
    if not card.is_file():
        raise InvalidModelFolder(f"{path}: it has no {CARD}, so it is no finished model")
    try:
        row = json.loads(card.read_text(encoding="utf-8"))
        read = Card(**(row | {"labels": tuple(row["labels"])}))
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidModelFolder(f"{card}: it is no card of this version ({error})") from None
    except OSError as error:
        raise InvalidModelFolder(f"{card}: it cannot be read ({error.strerror})") from None
    for name, kind in _KINDS.items():
        if not isinstance(getattr(read, name), kind):
            raise InvalidModelFolder(f"{card}: it is no card of this version ({name} is {getattr(read, name)!r})")
    return read


def _check_numbers(path: Path, card: Card) -> None:
    if set(card.thresholds) != set(STANCES) or not all(isinstance(value, int | float) and 0 <= value <= 1 for value in card.thresholds.values()):
        raise InvalidModelFolder(f"{path}: its thresholds are {dict(card.thresholds)}, wanted one in [0, 1] for each label")
    if not (math.isfinite(card.temperature) and card.temperature > 0):
        raise InvalidModelFolder(f"{path}: its temperature is {card.temperature}, wanted a number above 0")
    if card.max_tokens < 8:
        raise InvalidModelFolder(f"{path}: it reads {card.max_tokens} tokens, wanted 8 at least")


def _check_file(path: Path, name: str, digest: str) -> None:
    file = path / name
    if not file.resolve().is_relative_to(path.resolve()):
        raise InvalidModelFolder(f"{path}: its card lists {name}, which is outside the folder")
    if not file.is_file():
        raise InvalidModelFolder(f"{path}: {name} is missing")
    if sha256(file) != digest:
        raise InvalidModelFolder(f"{path}: {name} is not the file that its card was written for (SHA-256 differs); copy the folder again")
