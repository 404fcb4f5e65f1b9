"""The environment becomes settings, or the variable at fault is named."""

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from service.errors import InvalidInput
from service.settings import Settings, read_settings


def test_an_empty_environment_gives_what_the_readme_promises() -> None:
    settings = read_settings({})
    assert settings == Settings()
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.models.parts[-2:] == ("data", "models")


def test_every_setting_can_be_set() -> None:
    environment = {
        "ONRECORD_HOST": "0.0.0.0",  # noqa: S104 - nothing listens here
        "ONRECORD_PORT": "9000",
        "ONRECORD_MODELS": "/srv/models",
        "ONRECORD_THREADS": "3",
        "ONRECORD_MAX_BODY_BYTES": "5000",
        "ONRECORD_MOST_WAIT_MS": "70",
        "ONRECORD_CACHE_BYTES": "0",
        "ONRECORD_LOG": "json",
        "ONRECORD_KEYS": "/srv/keys.json",
        "ONRECORD_OPEN": "1",
    }
    kept = {"log": "json", "keys": Path("/srv/keys.json"), "open": True}
    assert read_settings(environment) == Settings("0.0.0.0", 9000, Path("/srv/models"), 3, 5000, most_wait_ms=70, cache_bytes=0, **kept)  # type: ignore[arg-type]  # noqa: S104
    with pytest.raises(InvalidInput, match=r"^ONRECORD_LOG: wanted json or text"):
        read_settings({"ONRECORD_LOG": "xml"})
    with pytest.raises(InvalidInput, match=r"^ONRECORD_OPEN: wanted a whole number from 0 to 1"):
        read_settings({"ONRECORD_OPEN": "yes"})


@pytest.mark.parametrize("name", ["HOST", "PORT", "MODELS", "THREADS", "MAX_BODY_BYTES", "LOG", "KEYS", "OPEN"])
def test_a_variable_that_is_set_to_nothing_counts_as_unset(name: str) -> None:
    assert read_settings({f"ONRECORD_{name}": ""}) == Settings()


def test_what_other_programs_have_in_the_environment_is_none_of_ours() -> None:
    assert read_settings({"PORT": "1", "HOST": "example.org", "ONRECORD_PORTS": "x"}) == Settings()


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [("ONRECORD_PORT", 0, 65_535), ("ONRECORD_THREADS", 0, 1_024), ("ONRECORD_MAX_BODY_BYTES", 1_000, 1_000_000_000), ("ONRECORD_MOST_WAIT_MS", 1, 3_600_000)],
)
def test_a_number_is_taken_within_its_bounds_only(name: str, least: int, most: int) -> None:
    for value in (least, most):
        assert read_settings({name: f" {value} "}) == read_settings({name: str(value)})
    for value in (least - 1, most + 1):
        with pytest.raises(InvalidInput, match=f"{name}: wanted a whole number from {least} to {most}, got"):
            read_settings({name: str(value)})


@pytest.mark.parametrize("value", ["many", "8000.0", "1e3", "+1", "0x10", "8 000", "8_000", "٣", "²", "\udcff", "1" * 5_000])
def test_what_is_no_number_is_refused_with_what_came(value: str) -> None:
    with pytest.raises(InvalidInput, match=r"^ONRECORD_PORT: wanted a whole number") as refusal:
        read_settings({"ONRECORD_PORT": value})
    assert str(refusal.value).isascii()


def test_settings_stay_as_they_were_read() -> None:
    with pytest.raises(FrozenInstanceError):
        read_settings({}).port = 1  # type: ignore[misc]
