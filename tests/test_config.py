"""train.toml and gate.toml say what they mean, or are refused."""

from pathlib import Path

import pytest

from service.errors import InvalidInput
from training.config import TRAIN_TOML, read_config
from training.gate import GATE_TOML, read_bars


def test_the_settings_that_ship_can_be_read() -> None:
    config = read_config()
    assert config.encoder.max_tokens >= 64
    assert set(config.as_dict()) == {"encoder", "fit", "export", "calibration"}
    assert read_bars().slices.least_size > 0


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("n_epochs =", "n_epoch =", "n_epoch"),
        ("patience = ", 'patience = "two" #', "patience"),
        ("[export]", "[exprot]", "exprot"),
        ("batch_size", "# batch_size", "batch_size"),
        ("seed =", "seed ==", "TOML"),
    ],
)
def test_a_mistyped_setting_is_named(tmp_path: Path, old: str, new: str, named: str) -> None:
    path = tmp_path / "train.toml"
    path.write_text(TRAIN_TOML.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InvalidInput, match=named):
        read_config(path)


def test_a_bar_for_a_label_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "gate.toml"
    path.write_text(GATE_TOML.read_text(encoding="utf-8").replace("threat =", "thread ="), encoding="utf-8")
    with pytest.raises(InvalidInput, match="thread"):
        read_bars(path)


def test_settings_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"absent\.toml"):
        read_config(tmp_path / "absent.toml")
