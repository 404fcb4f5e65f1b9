"""Statements -> logits, through a tokenizer and ONNX Runtime. What the logits mean is not known here."""

import os
import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from tokenizers import Encoding, Tokenizer

from service.errors import InvalidModelFolder, NotReady
from service.model_folder import ModelFolder
from service.statements.reading import reading_of
from service.statements.statement import Statement

Logits = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Output:
    """`logits`: (n_statements, n_stances); `truncated`: (n_statements,) of bool, in the order of the statements."""

    logits: Logits
    truncated: npt.NDArray[np.bool_]


class Network(Protocol):
    """The slow part. An implementation may be called from several threads at once."""

    def run(self, statements: Sequence[Statement]) -> Output:
        """Logits of each statement; they depend on that statement alone. Raises `NotReady` when it cannot answer."""

    def is_alive(self) -> bool:
        """Whether a `run` would be answered."""

    def close(self) -> None:
        """Ends it; a later `run` raises `NotReady`."""


class OnnxNetwork:
    """A queue of single statements, drawn from by `n_threads` threads that each own a single-threaded session.

    The int8 model scales its activations by the largest one in the batch, so a statement's logits would depend on its neighbours: therefore each
    goes through alone, which on two AVX2 cores is also the faster way (no padding, no idle core at the end of an operator).
    """

    def __init__(self, folder: ModelFolder, n_threads: int | None = None) -> None:
        self._tokenizer = _open_tokenizer(folder)
        n_threads = n_threads or available_cores()
        sessions = [_open_session(folder) for _ in range(n_threads)]
        self._n_stances = len(folder.card.labels)
        self._inputs = {entry.name for entry in sessions[0].get_inputs()}
        self._jobs: queue.SimpleQueue[tuple[Statement, Future[tuple[Logits, bool]]] | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, args=(session,), name=f"inference-{number}", daemon=True) for number, session in enumerate(sessions)
        ]
        for thread in self._threads:
            thread.start()

    def run(self, statements: Sequence[Statement]) -> Output:
        futures: list[Future[tuple[Logits, bool]]] = [Future() for _ in statements]
        for job in zip(statements, futures, strict=True):
            self._jobs.put(job)
        rows = [self._wait(future) for future in futures]
        logits = np.array([row[0] for row in rows], dtype=np.float32).reshape(len(rows), self._n_stances)
        return Output(logits, np.array([row[1] for row in rows], dtype=np.bool_))

    def is_alive(self) -> bool:
        return all(thread.is_alive() for thread in self._threads)

    def close(self) -> None:
        """Ends the threads once the queue is empty; a later `run` raises `NotReady`."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    def _wait(self, future: Future[tuple[Logits, bool]]) -> tuple[Logits, bool]:
        while True:
            try:
                return future.result(timeout=1.0)
            except TimeoutError:
                # A future that nobody will ever fill must not hold its caller: the thread that took it may be the one that died.
                if not self.is_alive():
                    raise NotReady("the inference threads are gone; restart the service") from None

    def _work(self, session: ort.InferenceSession) -> None:
        while (job := self._jobs.get()) is not None:
            statement, future = job
            try:
                future.set_result(self._run_one(session, statement))
            except Exception as error:  # noqa: BLE001 - the caller's thread raises it; this thread goes on with the next statement
                future.set_exception(error)
            except BaseException:
                future.set_exception(NotReady("an inference thread has ended; restart the service"))
                raise

    def _run_one(self, session: ort.InferenceSession, statement: Statement) -> tuple[Logits, bool]:
        encodings: dict[str, Encoding] = {}

        def chars_read(text: str) -> int:
            encodings[text] = self._tokenizer.encode(text)
            return max((end for _, end in encodings[text].offsets), default=0)

        reading = reading_of(statement, chars_read)
        encoding = encodings.get(reading.text) or self._tokenizer.encode(reading.text)
        columns = {"input_ids": encoding.ids, "attention_mask": encoding.attention_mask, "token_type_ids": encoding.type_ids}
        feed: dict[str, Any] = {name: np.array([ids], dtype=np.int64) for name, ids in columns.items() if name in self._inputs}
        (logits,) = session.run(None, feed)
        return logits[0], reading.is_cut or bool(encoding.overflowing)


def available_cores() -> int:
    """Cores that this process may use, at least 1; a container's CPU set counts."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _open_tokenizer(folder: ModelFolder) -> Tokenizer:
    try:
        tokenizer = Tokenizer.from_file(str(folder.tokenizer))
    except Exception as error:  # noqa: BLE001 - the Rust library raises bare Exception
        raise InvalidModelFolder(f"{folder.tokenizer}: it is no tokenizer ({error})") from None
    tokenizer.no_padding()
    tokenizer.enable_truncation(folder.card.max_tokens)
    return tokenizer


def _open_session(folder: ModelFolder) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(str(folder.quantized), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 - ONNX Runtime raises its own family, rooted in Exception
        raise InvalidModelFolder(f"{folder.quantized}: ONNX Runtime cannot open it ({error})") from None
