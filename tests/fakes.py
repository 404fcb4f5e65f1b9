"""Stand-ins written by hand: a network that answers by rule, and model folders on disk, of which one kind holds that same rule as a real ONNX file."""

import json
import math
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from fastapi.testclient import TestClient
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from service.api.app import create_app
from service.api.served import ServedModel
from service.classifier import Classifier
from service.errors import NotReady, Overloaded
from service.model_folder import QUANTIZED, Card, ModelFolder, write_card
from service.network import Output
from service.settings import Settings
from service.stance import STANCES, Stance
from service.statements.reading import reading_of
from service.statements.statement import Statement

# The rule: each of these words, in the text or its context, adds CUE_LOGIT to its stance. Without any, `other` leads by BIAS alone, which is unsure.
CUES = {"confirmed": Stance.CONFIRM, "denied": Stance.DENY, "regret": Stance.THREAT, "urged": Stance.APPEAL, "harvest": Stance.OTHER}
CUE_LOGIT = 4.0
BIAS = np.array([0, 0, 0, 0, 1], dtype=np.float32)
MAX_WORDS = 100
CERTAIN, UNSURE = 0.9052, 0.4046  # e⁴ / (e⁴ + e + 3) with one cue (not of `other`), e / (e + 4) with none, to four places
NO_KEYS = Path(__file__).parent / "no-keys.json"  # is not there; whoever runs the tests may have keys for a service of their own
THRESHOLDS = dict.fromkeys(map(str, STANCES), 0.7)


class FakePool:
    """Fulfils `service.classifier.Answering` by rule. `alive`, `raises` and `waits` may be set at any time; `asked` holds the statements of each submission."""

    def __init__(self, *, alive: bool = True, raises: Exception | None = None) -> None:
        self.alive = alive
        self.raises = raises
        self.waits = 0.0
        self.asked: list[list[Statement]] = []

    def submit(self, statements: Sequence[Statement], *, within: float = math.inf) -> Future[list[Output]]:
        self.asked.append(list(statements))
        if self.raises is not None:
            raise self.raises
        if not self.alive:
            raise NotReady("the fake pool is dead")
        future: Future[list[Output]] = Future()
        future.set_result([by_rule(statement) for statement in statements])
        return future

    def check_room(self, n_chars: int) -> None:
        if self.waits:
            raise Overloaded("much is queued", retry_after=self.waits)

    def is_alive(self) -> bool:
        return self.alive

    def close(self) -> None:
        self.alive = False


class Turnstile:
    """A network that lets statements through one by one, as often as `let` is called; without `holds` all at once."""

    def __init__(self, *, holds: bool = True, does: Callable[[Statement], None] = lambda statement: None) -> None:
        self.seen: list[str] = []
        self._holds = holds
        self._does = does
        self._may_pass = threading.Semaphore(0)
        self._came = threading.Semaphore(0)

    def run(self, statement: Statement) -> Output:
        self.seen.append(statement.text)
        self._came.release()
        if self._holds:
            assert self._may_pass.acquire(timeout=30)
        self._does(statement)
        return by_rule(statement)

    def let(self, n: int = 1) -> None:
        for _ in range(n):
            self._may_pass.release()

    def wait_for(self, n: int = 1) -> None:
        for _ in range(n):
            assert self._came.acquire(timeout=30)


def by_rule(statement: Statement) -> Output:
    """What the rule says of it."""
    reading = reading_of(statement, _chars_read)
    words = reading.text.lower().split()
    logits = BIAS + sum((_logits(word.strip(".,!?")) for word in words[:MAX_WORDS]), np.zeros(len(STANCES)))
    return Output(logits.astype(np.float32), reading.is_cut or len(words) > MAX_WORDS)


def _chars_read(text: str) -> int:
    words = list(re.finditer(r"\S+", text))[:MAX_WORDS]
    return words[-1].end() if words else 0


def fake_classifier(pool: FakePool | None = None, *, temperature: float = 1.0, thresholds: Mapping[str, float] = THRESHOLDS) -> Classifier:
    return Classifier(pool or FakePool(), temperature, thresholds, "fake")


def card(**changes: Any) -> Card:
    """A card that fits this version of the service, but for `changes`."""
    fields: dict[str, Any] = {
        "name": "fake",
        "labels": tuple(STANCES),
        "max_tokens": MAX_WORDS,
        "temperature": 1.0,
        "thresholds": THRESHOLDS,
        "base_model": "a rule in tests/fakes.py",
        "data_digest": "0" * 64,
        "git_commit": "f" * 40,
        "seed": 7,
        "created": "2025-06-01T12:00:00+00:00",
        "results": {"macro_f1": 0.8125, "n": 400},
    }
    return Card(**(fields | changes))


def fake_served(pool: FakePool | None = None) -> ServedModel:
    """A served model that has not begun to load."""
    return ServedModel(card(), lambda: fake_classifier(pool))


def fake_client(pool: FakePool | None = None, settings: Settings | None = None) -> TestClient:
    """A client of the application with a model that is ready; a fault of ours is an answer to it, as it is to any other client."""
    served = fake_served(pool)
    served.start().join()
    given = settings or Settings()
    return TestClient(create_app(served, replace(given, keys=NO_KEYS) if given.keys == Settings.keys else given), raise_server_exceptions=False)


def write_files(folder: Path, *, network: bytes = b"an ONNX file that nobody opens") -> Path:
    """All that a model folder needs but its card: `open_model_folder` looks at checksums alone, so `network` may be any bytes."""
    files = {"config.json": json.dumps({"id2label": dict(enumerate(STANCES))}).encode(), "tokenizer.json": toy_tokenizer().encode(), QUANTIZED: network}
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def write_model_folder(folder: Path, **changes: Any) -> ModelFolder:
    """A folder that can be opened, but not run."""
    return write_card(write_files(folder), card(**changes))


def write_toy_model(folder: Path, **changes: Any) -> ModelFolder:
    """A folder that can be run too: its ONNX file is the rule of FakePool, in a few hundred bytes."""
    return write_card(write_files(folder, network=toy_network()), card(**changes))


def toy_tokenizer() -> str:
    """Words in lower case, of which only the cues are known."""
    vocabulary = {"[UNK]": 0} | {word: number for number, word in enumerate(CUES, start=1)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))  # noqa: S106 - a token of text
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return str(tokenizer.to_str())


def toy_network() -> bytes:
    """ONNX: `input_ids` (1, n_tokens) -> `logits` (1, n_stances), the sum of a row of logits for each token."""
    table = np.array([_logits("[UNK]"), *(_logits(word) for word in CUES)], dtype=np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Gather", ["table", "input_ids"], ["rows"]),
            helper.make_node("ReduceSum", ["rows", "axes"], ["sums"], keepdims=0),
            helper.make_node("Add", ["sums", "bias"], ["logits"]),
        ],
        "toy",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "n_tokens"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, len(STANCES)])],
        [numpy_helper.from_array(table, "table"), numpy_helper.from_array(np.array([1]), "axes"), numpy_helper.from_array(BIAS, "bias")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _logits(word: str) -> np.ndarray:
    row = np.zeros(len(STANCES), dtype=np.float32)
    if word in CUES:
        row[STANCES.index(CUES[word])] = CUE_LOGIT
    return row
