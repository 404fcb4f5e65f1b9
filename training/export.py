"""Torch weights -> ONNX, int8; and how far both say the same. Nothing is calibrated here."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic

from service.classifier import softmax
from service.network import Logits
from service.statements.statement import Statement
from training.encoder import reading

MODEL = "onnx/model.onnx"


@dataclass(frozen=True)
class Agreement:
    """How far the int8 file follows the torch weights: share of equal labels, and mean absolute difference of the probabilities."""

    share: float
    mean_difference: float


def export_onnx(model: Any, tokenizer: Any, onnx: Path, quantized: Path) -> None:
    """Writes the fp32 graph, with free batch and length axes, and its int8 form.

    int8 is dynamic, with signed weights, one scale a channel and full range: on AVX2 that gave the smallest error of the forms that ONNX Runtime offers.
    Attention is written out: PyTorch's fused one becomes 74 nodes more, which look for rows that are masked from end to end, and a twelfth more time.
    """
    onnx.parent.mkdir(parents=True, exist_ok=True)
    model.set_attn_implementation("eager")
    sample = dict(tokenizer(["A statement.", "Another one, which « stands in » its context."], padding=True, return_tensors="pt"))
    batch, tokens = torch.export.Dim("batch"), torch.export.Dim("tokens", max=model.config.max_position_embeddings)
    with _quiet():
        torch.onnx.export(
            model.eval(),
            (),
            str(onnx),
            kwargs=sample,
            input_names=list(sample),
            output_names=["logits"],
            dynamic_shapes={name: {0: batch, 1: tokens} for name in sample},
            external_data=False,
            verbose=False,
        )
        quantize_dynamic(onnx, quantized, per_channel=True, reduce_range=False, weight_type=QuantType.QInt8)


def torch_logits(model: Any, tokenizer: Any, statements: Sequence[Statement], max_tokens: int) -> Logits:
    """Logits (n_statements, n_stances) of the torch weights, one statement at a time."""
    rows = []
    with torch.inference_mode():
        for statement in statements:
            encoded = tokenizer(reading(statement, tokenizer, max_tokens), truncation=True, max_length=max_tokens, return_tensors="pt")
            rows.append(model(**encoded).logits[0].numpy())
    logits: Logits = np.array(rows, dtype=np.float32)
    return logits


def agreement_of(torch_rows: Logits, onnx_rows: Logits) -> Agreement:
    """The agreement of two logits arrays of one shape."""
    share = float((torch_rows.argmax(axis=1) == onnx_rows.argmax(axis=1)).mean())
    return Agreement(share, float(np.abs(softmax(torch_rows, 1.0) - softmax(onnx_rows, 1.0)).mean()))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Mutes the exporter's notes on torchvision, axis names and its own internals: none is the reader's to act on."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxruntime", "onnxscript", "onnx_ir", "")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
