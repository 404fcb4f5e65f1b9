"""train.toml -> Config, checked. The only reader of that file."""

import tomllib
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from service.errors import Fault, InvalidInput, shown

TRAIN_TOML = Path(__file__).with_name("train.toml")
RETRAIN_TOML = Path(__file__).with_name("retrain.toml")
T = TypeVar("T")
STRICT = ConfigDict(extra="forbid")  # a mistyped key is an error, not a default


@dataclass(frozen=True, config=STRICT)
class EncoderConfig:
    """Where the weights come from; `sha256` of its `model.safetensors`, empty for unchecked."""

    name: str
    max_tokens: int
    sha256: str = ""


@dataclass(frozen=True, config=STRICT)
class FitConfig:
    """Hyper-parameters of the fine-tuning; shares, smoothing, decay and dropouts in [0, 1]."""

    seed: int
    n_epochs: int
    patience: int
    batch_size: int
    learning_rate: float
    warmup_share: float
    weight_decay: float
    context_dropout: float
    class_weight_power: float
    label_smoothing: float
    average_decay: float


@dataclass(frozen=True, config=STRICT)
class ExportConfig:
    """Bars, in [0, 1], for the int8 file against the torch weights."""

    least_agreement: float
    most_mean_difference: float


# For models that do not serve yet: how far int8 is away is looked at later, or is what is measured.
ANY_INT8 = ExportConfig(least_agreement=0.0, most_mean_difference=1.0)


@dataclass(frozen=True, config=STRICT)
class CalibrationConfig:
    """`certain_accuracy` and `fallback_threshold` in [0, 1]; `least_support` counts verdicts."""

    certain_accuracy: float
    least_support: int
    fallback_threshold: float


@dataclass(frozen=True, config=STRICT)
class PromotionConfig:
    """`noise_band` is the level, in (0, 1), of the intervals of labels and slices; `least_slice` counts quotes, `least_corrections_right` is in [0, 1]."""

    noise_band: float
    least_slice: int
    least_corrections_right: float


@dataclass(frozen=True, config=STRICT)
class RetrainConfig:
    """What is different where a model is trained on from the one that serves: its own epochs and learning rate; how much the labels of the store count.

    `share_aside`, in [0, 1), of the labels is kept aside; the others count `label_weight` times beside `share_rehearsed`, in (0, 1], of the written quotes.
    `models_kept` counts model folders.
    """

    n_epochs: int
    learning_rate: float
    share_aside: float
    label_weight: int
    share_rehearsed: float
    models_kept: int
    promotion: PromotionConfig


@dataclass(frozen=True, config=STRICT)
class Config:
    """The whole of train.toml, table by table."""

    encoder: EncoderConfig
    fit: FitConfig
    export: ExportConfig
    calibration: CalibrationConfig

    def as_dict(self) -> dict[str, Any]:
        """As the model card keeps it."""
        return asdict(self)


def read_config(path: Path = TRAIN_TOML) -> Config:
    """The settings at `path`. Raises `InvalidInput` for a key that is missing, unknown or of the wrong type."""
    return read_toml(path, Config)


def read_retrain_config(path: Path = RETRAIN_TOML) -> RetrainConfig:
    """The settings at `path`. Raises `InvalidInput` for a key that is missing, unknown, of the wrong type or out of its range."""
    config = read_toml(path, RetrainConfig)
    for where, value, fits, wanted in (
        ("share_aside", config.share_aside, 0 <= config.share_aside < 1, "a share from 0 to under 1"),
        ("share_rehearsed", config.share_rehearsed, 0 < config.share_rehearsed <= 1, "a share above 0 and up to 1"),
        ("label_weight", config.label_weight, 1 <= config.label_weight <= 100, "a whole number from 1 to 100"),
        ("promotion.noise_band", config.promotion.noise_band, 0 < config.promotion.noise_band < 1, "a level between 0 and 1"),
    ):
        if not fits:
            raise InvalidInput(Fault(f"{path} {where}", str(value), wanted))
    return config


def read_toml(path: Path, kind: type[T]) -> T:
    """The TOML file at `path` as the dataclass `kind`. Raises `InvalidInput` naming every key that is missing, unknown or of the wrong type."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(Fault(str(path), error.strerror or "an error", "a TOML file that can be read")) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(Fault(str(path), str(error), "TOML")) from None
    try:
        return TypeAdapter(kind).validate_python(tables)
    except ValidationError as error:
        faults = (Fault(f"{path} {'.'.join(map(str, fault['loc']))}", shown(fault["input"]), fault["msg"]) for fault in error.errors())
        raise InvalidInput(*faults) from None
