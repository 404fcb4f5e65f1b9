"""python -m tests.bench.bound: how many statements a second the int8 instructions of these cores would do, were there nothing else to do.

The peak comes from peak.c, on all cores at once, as cores may share what multiplies; without a compiler or AVX2 there is none, and then the bound is that of
ONNX Runtime's own product of two matrices, which is measured in any case. A statement costs what its tokens cost in the encoder's matrices and in attention;
all of it is taken to be int8, though attention and what is between the products are not, so that no way to do it in int8 is above the bound.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer

from service.model_folder import RELEASED
from service.pool import available_cores
from service.settings import MODELS
from training.examples import read_split

_SOURCE = Path(__file__).with_name("peak.c")
_ROWS, _INNER, _COLUMNS = 384, 1536, 384  # the second matrix is the encoder's largest: 0.6 MB, which fits a second-level cache
_N_PRODUCTS = 200


@dataclass(frozen=True)
class Bound:
    """`texts_a_second` is the bound; the peaks are multiply-accumulates a second on all cores, `instruction_peak` None where it cannot be measured."""

    texts_a_second: float
    instructions: str
    instruction_peak: float | None
    product_peak: float
    macs_a_text: float
    mean_tokens: float


def bound_of(folder: Path, texts: Sequence[str]) -> Bound:
    """That of the model in `folder` for `texts`; takes a few seconds on all cores."""
    macs, mean_tokens = _cost(folder, texts)
    name, instruction_peak = _instruction_peak()
    product_peak = _product_peak()
    return Bound((instruction_peak or product_peak) / macs, name, instruction_peak, product_peak, macs, mean_tokens)


def _cost(folder: Path, texts: Sequence[str]) -> tuple[float, float]:
    """Multiply-accumulates and tokens of a text, means over `texts`; each text alone, without padding."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    width, inner, n_layers = config["hidden_size"], config["intermediate_size"], config["num_hidden_layers"]
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    n_tokens = np.array([len(tokenizer.encode(text).ids) for text in texts], dtype=np.float64)
    a_token = n_layers * (4 * width**2 + 2 * width * inner)
    attention = n_layers * 2 * width * n_tokens**2
    return float((n_tokens * a_token + attention).mean()), float(n_tokens.mean())


def _instruction_peak() -> tuple[str, float | None]:
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "peak")
        try:
            subprocess.run(["cc", "-O2", str(_SOURCE), "-o", str(program)], check=True, capture_output=True)  # noqa: S607 - the compiler that the system has
        except (OSError, subprocess.CalledProcessError):
            return "no compiler", None
        running = [subprocess.Popen([str(program)], stdout=subprocess.PIPE, text=True) for _ in range(available_cores())]
        told = [process.communicate()[0].split() for process in running]
    if not all(told):
        return "neither AVX2 nor VNNI", None
    return told[0][0], sum(float(rate) for _, rate in told)


def _product_peak() -> float:
    model = _product_model()
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    sessions = [ort.InferenceSession(model, options, providers=["CPUExecutionProvider"]) for _ in range(available_cores())]
    with ThreadPoolExecutor(len(sessions)) as pool:
        return _ROWS * _INNER * _COLUMNS * sum(1 / seconds for seconds in pool.map(_least_seconds, sessions))


def _product_model() -> bytes:
    """(rows, inner) of uint8 times a fixed (inner, columns) of int8, as dynamic quantisation has it."""
    random = np.random.default_rng(0)
    fixed = numpy_helper.from_array(random.integers(-127, 128, (_INNER, _COLUMNS), dtype=np.int8), "fixed")
    left = helper.make_tensor_value_info("left", TensorProto.UINT8, [_ROWS, _INNER])
    product = helper.make_tensor_value_info("product", TensorProto.INT32, [_ROWS, _COLUMNS])
    graph = helper.make_graph([helper.make_node("MatMulInteger", ["left", "fixed"], ["product"])], "product", [left], [product], [fixed])
    return bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString())


def _least_seconds(session: ort.InferenceSession) -> float:
    left = np.random.default_rng(1).integers(0, 256, (_ROWS, _INNER), dtype=np.uint8)
    spent = []
    for _ in range(_N_PRODUCTS):
        began = time.perf_counter()
        session.run(None, {"left": left})
        spent.append(time.perf_counter() - began)
    return min(spent)


def told(bound: Bound) -> str:
    """The bound and what it is made of, in a sentence or two."""
    made = f"a statement of {bound.mean_tokens:.1f} tokens takes {bound.macs_a_text / 1e6:.0f} M multiply-accumulates"
    product = f"ONNX Runtime's product of two matrices reaches {bound.product_peak / 1e9:.0f} G/s"
    peak = f"{bound.instruction_peak / 1e9:.0f} G/s ({bound.instructions})" if bound.instruction_peak else f"unknown ({bound.instructions})"
    return f"Bound: {bound.texts_a_second:.0f} statements/s. {made[0].upper()}{made[1:]}; the peak of {available_cores()} cores is {peak}; {product}."


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    sys.stdout.write(told(bound_of(MODELS / RELEASED, [example.statement.text for example in read_split("test")])) + "\n")


if __name__ == "__main__":
    main()
