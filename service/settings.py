"""Environment -> Settings, read once, at start. Rules that belong to code are not here."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

from service.errors import Fault, InvalidInput, shown
from service.logs import LogForm

_DATA = Path(__file__).resolve().parent.parent / "data"
MODELS = _DATA / "models"
EXAMPLE = _DATA / "example_article.txt"
LABELS = f"sqlite:///{_DATA / 'labels.db'}"


@dataclass(frozen=True)
class Settings:
    """Where the service listens and what it takes.

    `n_threads` 0 means one a core, `labels` is the URL of a database. What others would hold up for longer than `most_wait_ms` is refused;
    `cache_bytes` bounds what is kept of outputs. `open` lets everybody in where others can reach the service and there is no key.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    models: Path = MODELS
    n_threads: int = 0
    max_body_bytes: int = 4_000_000
    labels: str = LABELS
    max_import_bytes: int = 32_000_000
    retrains: Path = _DATA / "retrains"
    most_wait_ms: int = 350  # under an overload of two slow cores, 64 statements are answered within a second; with 400 and 500 not always
    cache_bytes: int = 32_000_000
    log: LogForm = "text"
    keys: Path = _DATA / "keys.json"
    open: bool = False

    @property
    def is_open_without_keys(self) -> bool:
        """Whether a service that has no keys answers everybody: those on this machine, or whoever it was said to be open for."""
        return self.open or is_loopback(self.host)

    @property
    def places(self) -> dict[str, str]:
        """Where models, labels and retrainings are, as variables for a process that works on the same ones."""
        return {"ONRECORD_MODELS": str(self.models.resolve()), "ONRECORD_LABELS": self.labels, "ONRECORD_RETRAINS": str(self.retrains.resolve())}


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Settings from `ONRECORD_HOST`, `_PORT`, `_MODELS`, `_THREADS`, `_MAX_BODY_BYTES`, `_LABELS`, `_MAX_IMPORT_BYTES`,
    `_RETRAINS`, `_MOST_WAIT_MS`, `_CACHE_BYTES`, `_LOG`, `_KEYS` and `_OPEN`.

    Raises `InvalidInput` naming the variable.
    """
    default = Settings()
    return Settings(
        host=environment.get("ONRECORD_HOST") or default.host,
        port=_number(environment, "ONRECORD_PORT", default.port, (0, 65_535)),
        models=Path(environment.get("ONRECORD_MODELS") or default.models),
        n_threads=_number(environment, "ONRECORD_THREADS", default.n_threads, (0, 1_024)),
        max_body_bytes=_number(environment, "ONRECORD_MAX_BODY_BYTES", default.max_body_bytes, (1_000, 1_000_000_000)),
        labels=_absolute(environment.get("ONRECORD_LABELS") or default.labels),
        max_import_bytes=_number(environment, "ONRECORD_MAX_IMPORT_BYTES", default.max_import_bytes, (1_000, 1_000_000_000)),
        retrains=Path(environment.get("ONRECORD_RETRAINS") or default.retrains),
        most_wait_ms=_number(environment, "ONRECORD_MOST_WAIT_MS", default.most_wait_ms, (1, 3_600_000)),
        log=_form(environment),
        cache_bytes=_number(environment, "ONRECORD_CACHE_BYTES", default.cache_bytes, (0, 1_000_000_000_000)),
        keys=Path(environment.get("ONRECORD_KEYS") or default.keys),
        open=bool(_number(environment, "ONRECORD_OPEN", int(default.open), (0, 1))),
    )


def is_loopback(host: str) -> bool:
    """Whether only programs on this machine reach what listens there; of names `localhost` alone, since others may mean anything."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _form(environment: Mapping[str, str]) -> LogForm:
    value = environment.get("ONRECORD_LOG") or Settings.log
    if value not in get_args(LogForm):
        raise InvalidInput(Fault("ONRECORD_LOG", shown(value), " or ".join(get_args(LogForm))))
    return cast(LogForm, value)


def _absolute(url: str) -> str:
    """The URL of a SQLite file that every process means alike, whatever folder it is in; others as they are."""
    scheme, _, path = url.partition(":///")
    return f"{scheme}:///{Path(path).resolve()}" if scheme.startswith("sqlite") and path and path != ":memory:" else url


def _number(environment: Mapping[str, str], name: str, default: int, bounds: tuple[int, int]) -> int:
    value = environment.get(name, "").strip()
    if not value:
        return default
    # At most 18 digits, since int() raises an error of its own for thousands of them.
    if not value.isascii() or not value.isdecimal() or len(value) > 18 or not bounds[0] <= int(value) <= bounds[1]:
        raise InvalidInput(Fault(name, shown(value), f"a whole number from {bounds[0]} to {bounds[1]}"))
    return int(value)
