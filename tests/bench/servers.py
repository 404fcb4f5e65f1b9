"""The servers that are compared: how each is installed, started, asked and ended. What they are asked is not known here.

Each rival is set up as its own documentation has it for a CPU, in an environment of its own (`build/bench/venvs`), since their pins are not ours. All run the
same architecture and tokenizer; those on torch have fresh weights, as speed does not depend on their values and the released model has none.
"""

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from transformers import AutoConfig, AutoModelForSequenceClassification
from transformers.utils import logging as transformers_logging

from tests.bench.memory import tree_bytes

BUILT = Path("build") / "bench"
_RIVALS = Path(__file__).parent / "rivals"
_LITSERVE_APP = str(_RIVALS / "litserve_app.py")
_TORCH, _ONNX = "{folder}/torch", "{folder}/onnx"
_MOST_START_SECONDS = 180
_UNCACHED = {"ONRECORD_CACHE_BYTES": "0"}
_UNREFUSED = {"ONRECORD_MOST_WAIT_MS": "3600000"}
_OURS = ("-m", "service", "serve", "--port", "{port}", "--model", "{model}")
# infinity: nothing is fetched or reported. Its warm-up with 512 words fails with any ONNX classifier that reads 512 tokens, as it does not cut them.
_INFINITY = ("-c", "from infinity_emb.cli import cli; cli()", "v2", "--host", "127.0.0.1", "--port", "{port}", "--device", "cpu", "--log-level", "error")
_ALONE = {"HF_HUB_OFFLINE": "1", "HF_HOME": "{folder}/hub", "DO_NOT_TRACK": "1", "INFINITY_ANONYMOUS_USAGE_STATS": "0"}


class NotRunning(Exception):
    """Why a server cannot be measured, in a line."""


@dataclass(frozen=True)
class Server:
    """`arguments` (of the Python of its environment), `environment` and `runs_in` hold {port}, {model} (the served folder) and {folder} (`model_folders`)."""

    name: str
    what: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    requirements: Path | None = None
    path: str = "/predict"
    key: str = "inputs"
    runs_in: str = "."


def servers() -> dict[str, Server]:
    """By name, in the order in which they are shown; the last two are ours."""
    plain = ("-m", "uvicorn", "tests.bench.plain_app:app", "--port", "{port}", "--log-level", "error")
    infinity, litserve = _RIVALS / "infinity.txt", _RIVALS / "litserve.txt"
    torch_engine = (*_INFINITY, "--engine", "torch", "--model-id", _TORCH)
    onnx_engine = (*_INFINITY, "--engine", "optimum", "--model-id", ".", "--no-model-warmup")
    found = [
        Server("plain", "FastAPI around transformers.pipeline", plain, {"MODEL": _TORCH}),
        Server("batched", "the same, all texts of a request in a batch", plain, {"MODEL": _TORCH, "BATCH_SIZE": "64"}),
        Server("infinity-torch", "infinity-emb, torch", torch_engine, _ALONE, infinity, "/classify", "input"),
        Server("infinity-onnx", "infinity-emb, optimum on our int8 ONNX model", onnx_engine, _ALONE, infinity, "/classify", "input", runs_in=_ONNX),
        Server("litserve-torch", "LitServe, dynamic batching, transformers.pipeline", (_LITSERVE_APP, "torch", "{port}"), {"MODEL": _TORCH}, litserve),
        Server("litserve-onnx", "LitServe, dynamic batching, our int8 ONNX model", (_LITSERVE_APP, "onnx", "{port}"), {"MODEL": _ONNX}, litserve),
        Server("on-record", "On Record, nothing cached", _OURS, _UNCACHED | _UNREFUSED),
        Server("on-record-cached", "On Record, the same texts again and again, from its cache", _OURS, _UNREFUSED),
    ]
    return {server.name: server for server in found}


def refusing() -> Server:
    """Ours as it is by default, but for the cache: what would wait too long is refused."""
    return Server("on-record", "On Record, nothing cached", _OURS, _UNCACHED)


def model_folders(model: Path, folder: Path) -> None:
    """Makes `torch` (fresh weights) and `onnx` (the int8 file that serves) below `folder`, each with configuration and tokenizer."""
    transformers_logging.disable_progress_bar()
    AutoModelForSequenceClassification.from_config(AutoConfig.from_pretrained(model)).save_pretrained(folder / "torch")
    (folder / "onnx").mkdir()
    shutil.copy(model / "onnx" / "model_quantized.onnx", folder / "onnx")
    shutil.copy(model / "config.json", folder / "onnx")
    settings = json.loads((model / "tokenizer_config.json").read_text(encoding="utf-8"))
    settings["tokenizer_class"] = "PreTrainedTokenizerFast"  # the name that transformers 4, below infinity, knows as well
    for made in (folder / "torch", folder / "onnx"):
        shutil.copy(model / "tokenizer.json", made)
        (made / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")


def python_of(server: Server) -> str:
    """The Python that runs it, once its environment is there: made on first use, and again when its requirements change. Raises `NotRunning`."""
    if server.requirements is None:
        return sys.executable
    folder = BUILT.resolve() / "venvs" / server.requirements.stem
    python, stamp = folder / "bin" / "python", folder / "installed"
    wanted = hashlib.sha256(server.requirements.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return str(python)
    for command in ([sys.executable, "-m", "venv", "--clear", folder], [python, "-m", "pip", "install", "--quiet", "--requirement", server.requirements]):
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            raise NotRunning(f"cannot be installed: {_last_line(done.stderr)}")
    stamp.write_text(wanted, encoding="utf-8")
    return str(python)


@dataclass(frozen=True)
class Running:
    """A server that answers at `address`, `first_answer_seconds` after its start."""

    address: str
    first_answer_seconds: float
    process: psutil.Process

    def resident_bytes(self) -> float:
        """Of its whole tree."""
        return tree_bytes(self.process)


@contextmanager
def running(server: Server, model: Path, folder: Path) -> Iterator[Running]:
    """`server` on what `model_folders` made in `folder`, ended afterwards with all its processes. Raises `NotRunning`; its log is in build/bench/logs."""
    python = python_of(server)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends the benchmark ends the server: as at Ctrl-C, what stands under `finally` is done
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    places = {"port": port, "model": model.resolve(), "folder": folder.resolve()}
    command = [python, *(argument.format(**places) for argument in server.arguments)]
    environment = os.environ | {key: value.format(**places) for key, value in server.environment.items()}
    log = BUILT / "logs" / f"{server.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as out:
        started = time.perf_counter()
        process = psutil.Popen(command, env=environment, cwd=server.runs_in.format(**places), stdout=out, stderr=out)
        address = f"http://127.0.0.1:{port}"
        try:
            _wait_for_answer(process, address + server.path, server.key, log)
            yield Running(address, time.perf_counter() - started, process)
        finally:
            _end(process)


def _wait_for_answer(process: psutil.Popen, url: str, key: str, log: Path) -> None:
    body = json.dumps({key: ["Ready?"]}).encode()
    until = time.monotonic() + _MOST_START_SECONDS
    why = "no connection"
    while time.monotonic() < until:
        if process.poll() is not None:
            raise NotRunning(f"ended at its start: {_last_line(log.read_text(encoding='utf-8', errors='replace'))}")
        try:
            with urllib.request.urlopen(urllib.request.Request(url, body, {"Content-Type": "application/json"}), timeout=60) as answer:  # noqa: S310 - to 127.0.0.1
                answer.read()
                return
        except OSError as error:  # so are urllib's own
            why = str(error)
        time.sleep(0.02)
    raise NotRunning(f"did not answer within {_MOST_START_SECONDS} s: {why}")


def _end(process: psutil.Popen) -> None:
    tree = [process]
    with suppress(psutil.NoSuchProcess):  # it may have ended by itself
        tree += process.children(recursive=True)
        process.terminate()
    _, alive = psutil.wait_procs(tree, timeout=15)
    for left in alive:
        with suppress(psutil.NoSuchProcess):
            left.kill()
    psutil.wait_procs(alive, timeout=15)


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "it said nothing")
