"""A statement -> logits, through a tokenizer and ONNX Runtime. What the logits mean is not known here, nor who else waits."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from tokenizers import Encoding, Tokenizer

from service.errors import InvalidModelFolder
from service.model_folder import ModelFolder
from service.statements.reading import reading_of
from service.statements.statement import Statement

Logits = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Output:
    """`logits`: (n_stances,); `truncated`: whether text or context was longer than the model reads."""

    logits: Logits
    truncated: bool


class Network(Protocol):
    """The slow part; several threads may call it at once."""

    def run(self, statement: Statement) -> Output:
        """Its logits; they depend on that statement alone."""


# Of ONNX Runtime's optimisations: its kernel for a sum that is normalised takes 50 µs where the two that it replaces take 14, of which a statement has twelve.
_SLOWER = ["SkipLayerNormFusion"]


class OnnxNetwork:
    """A session that works in the thread of whoever calls it, and in no other. As many as there are cores may call it at once.

    The int8 model scales its activations by the largest one in the batch, so a statement's logits would depend on its neighbours: therefore each
    goes through alone, which on two AVX2 cores is also the faster way (no padding, no idle core at the end of an operator). The cores share the session, for
    then its weights stand once in the cache that they share: with a session of its own for each, two cores have three quarters of the speed.
    """

    def __init__(self, folder: ModelFolder) -> None:
        """Takes about half a second. Raises `InvalidModelFolder`."""
        self._tokenizer = _open_tokenizer(folder)
        self._session = _open_session(folder)
        self._inputs = {entry.name for entry in self._session.get_inputs()}

    def run(self, statement: Statement) -> Output:
        """Its logits."""
        encodings: dict[str, Encoding] = {}

        def chars_read(text: str) -> int:
            encodings[text] = self._tokenizer.encode(text)
            return max((end for _, end in encodings[text].offsets), default=0)

        reading = reading_of(statement, chars_read)
        encoding = encodings.get(reading.text) or self._tokenizer.encode(reading.text)
        columns = {"input_ids": encoding.ids, "attention_mask": encoding.attention_mask, "token_type_ids": encoding.type_ids}
        feed: dict[str, Any] = {name: np.array([ids], dtype=np.int64) for name, ids in columns.items() if name in self._inputs}
        (logits,) = self._session.run(None, feed)
        return Output(logits[0], reading.is_cut or bool(encoding.overflowing))


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
        return ort.InferenceSession(str(folder.quantized), options, providers=["CPUExecutionProvider"], disabled_optimizers=_SLOWER)
    except Exception as error:  # noqa: BLE001 - ONNX Runtime raises its own family, rooted in Exception
        raise InvalidModelFolder(f"{folder.quantized}: ONNX Runtime cannot open it ({error})") from None
