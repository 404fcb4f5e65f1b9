"""Fixtures that several modules share: a small set of quotes, settings that train in seconds, and a model trained with both."""

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from service.api.app import create_app
from service.api.served import ServedModel
from service.labels.store import LabelStore
from service.model_folder import RELEASED
from service.settings import MODELS, Settings
from tests.databases import new_database, postgres_programs, postgres_server
from tests.fakes import NO_KEYS
from training.config import TRAIN_TOML, read_config
from training.examples import QUOTES

SIZES = {"train": 360, "validation": 100, "test": 100}


@pytest.fixture(scope="session")
def released() -> Path:
    return MODELS / RELEASED


@pytest.fixture(scope="session")
def small_quotes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first quotes of each split of data/quotes: real ones, few enough to learn from in seconds."""
    folder = tmp_path_factory.mktemp("quotes")
    for split, n in SIZES.items():
        lines = (QUOTES / f"{split}.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
        (folder / f"{split}.jsonl").write_text("".join(lines[:n]), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def quick_config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """train.toml as it ships, but for the epochs, more of which make up for few quotes, and without the bars that 100 validation quotes are too few for."""
    text = TRAIN_TOML.read_text(encoding="utf-8")
    for key, value in {"n_epochs": "5", "least_agreement": "0.9", "most_mean_difference": "0.05"}.items():
        text, n = re.subn(rf"^{key} = .*$", f"{key} = {value}", text, flags=re.MULTILINE)
        assert n == 1
    path = tmp_path_factory.mktemp("config") / "quick.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, small_quotes: Path, quick_config: Path) -> Path:
    """The folder of a model that the command line trained on the small quotes."""
    models = tmp_path_factory.mktemp("models")
    options = ["--quotes", str(small_quotes), "--models", str(models), "--name", "small", "--config", str(quick_config)]
    subprocess.run([sys.executable, "-m", "training", "train", *options], check=True, timeout=400)
    return models / "small"


@pytest.fixture(scope="session")
def tiny_config(tmp_path_factory: pytest.TempPathFactory, quick_config: Path) -> Path:
    """Settings for an encoder of one small random layer, in a folder as a user would bring one."""
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    from training.encoder import locate

    folder = tmp_path_factory.mktemp("tiny")
    AutoTokenizer.from_pretrained(locate(read_config(quick_config).encoder)).save_pretrained(folder)
    sizes = {"vocab_size": 30522, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    BertForSequenceClassification(BertConfig(**sizes)).save_pretrained(folder)
    text = re.sub(r"(?m)^sha256 = .*$", "", quick_config.read_text(encoding="utf-8"))
    text = re.sub(r"(?m)^name = .*$", f"name = {json.dumps(str(folder))}", text)
    text = re.sub(r"(?m)^least_agreement = .*$", "least_agreement = 0.0", text)
    path = folder / "train.toml"
    path.write_text(text, encoding="utf-8")
    return path


def compare(quotes: Path, config: Path, report: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """`python -m training compare`, ended."""
    options = ["--quotes", str(quotes), "--config", str(config), "--examples", str(quotes / "test.jsonl"), "--report", str(report), *more]
    return subprocess.run([sys.executable, "-m", "training", "compare", *options], capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="session")
def compared(tmp_path_factory: pytest.TempPathFactory, small_quotes: Path, tiny_config: Path) -> Path:
    """What a comparison on the small quotes left behind."""
    report = tmp_path_factory.mktemp("compare")
    done = compare(small_quotes, tiny_config, report)
    assert done.returncode == 0, done.stderr
    return report


@contextmanager
def running_service(*options: str) -> Iterator[tuple[subprocess.Popen[bytes], str, Path]]:
    """A service of its own process, ready to answer: the process, its address, and the file that takes what it prints. `options` are those of `serve`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with tempfile.NamedTemporaryFile(suffix=".log") as log, tempfile.TemporaryDirectory() as data:
        environment = os.environ | {"ONRECORD_LABELS": f"sqlite:///{data}/labels.db", "ONRECORD_KEYS": f"{data}/keys.json"}
        process = subprocess.Popen([sys.executable, "-m", "service", "serve", "--port", str(port), *options], stdout=log, stderr=log, env=environment)
        address = f"http://127.0.0.1:{port}"
        try:
            deadline = time.monotonic() + 240
            while not _is_ready(address):
                assert process.poll() is None, Path(log.name).read_text(encoding="utf-8")
                assert time.monotonic() < deadline, "the service is not ready after four minutes, even of a machine with much else to do"
                time.sleep(0.05)  # another process: there is nothing here to wait on
            yield process, address, Path(log.name)
        finally:
            process.kill()
            process.wait()


@contextmanager
def listening(served: ServedModel, settings: Settings | None = None, **options: Any) -> Iterator[int]:
    """The port of a service in this process, once `served` is ready; `options` are uvicorn's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(create_app(served, settings or Settings(keys=NO_KEYS)), log_config=None, **options))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not (server.started and served.why_not_ready() is None):
                time.sleep(0.01)  # another thread: there is nothing here to wait on
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        yield connection


def all_of(connection: socket.socket, *ends: type[Exception]) -> bytes:
    """What comes until the other side closes; an error of one of the kinds `ends` ends it too."""
    parts = []
    with suppress(*ends):
        while part := connection.recv(65_536):
            parts.append(part)
    return b"".join(parts)


def _is_ready(address: str) -> bool:
    try:
        return httpx.get(f"{address}/readyz").is_success
    except httpx.TransportError:
        return False


@pytest.fixture(scope="session")
def service() -> Iterator[tuple[str, Path]]:
    """The address of a ready service with the released model, and the file that takes what it prints."""
    with running_service() as (_, address, log):
        yield address, log


@pytest.fixture(scope="session")
def address(service: tuple[str, Path]) -> str:
    return service[0]


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server, with {} for the name of a database."""
    programs = postgres_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    with postgres_server(programs) as server:
        yield server.url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def labels_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database that does not hold anything yet, of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/labels.db"
    return new_database(request.getfixturevalue("postgres"))


@pytest.fixture
def store(labels_url: str) -> Iterator[LabelStore]:
    """An empty store of labelled quotes."""
    opened = LabelStore(labels_url)
    yield opened
    opened.close()
