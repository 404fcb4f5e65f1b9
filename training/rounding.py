"""An int8 graph and the fp32 graph that it was made from -> the same int8 graph, rounded by chance instead of to the nearest."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

_QUANTIZED, _TRANSPOSED = "_quantized", "_Transposed"
_SAME = 4  # decimals of a step in which float32 may miss a point of the grid


def round_by_chance(fp32: Path, int8: Path, seed: int) -> None:
    """Rounds every weight of the graph at `int8` anew, up or down with the probabilities that make its expectation the weight at `fp32`.

    A training that goes on from int8 weights begins on the points of the grid, and most of what it changes is less than half a step: rounding to the nearest
    takes that back, of all weights alike, and with it what was learned. Rounding by chance keeps it on average (stochastic rounding, Gupta et al. 2015). A
    training that begins with floats has its weights anywhere between the points, where the nearest is the better choice.
    """
    floats = {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(str(fp32)).graph.initializer}
    graph = onnx.load(str(int8))
    tensors = {tensor.name: tensor for tensor in graph.graph.initializer}
    generator = np.random.default_rng(seed)
    for name in [name for name in tensors if name.endswith(_QUANTIZED)]:
        stem = name.removesuffix(_QUANTIZED)
        scale, zero = (numpy_helper.to_array(tensors[f"{stem}_{part}"]) for part in ("scale", "zero_point"))
        rounded = _rounded(_floats_of(stem, floats) / scale.astype(np.float64), generator) + zero.astype(np.float64)
        bounds = np.iinfo(zero.dtype)
        tensors[name].CopyFrom(numpy_helper.from_array(rounded.clip(bounds.min, bounds.max).astype(zero.dtype), name))
    onnx.save(graph, str(int8))


def _rounded(steps: npt.NDArray[np.float64], generator: np.random.Generator) -> npt.NDArray[np.float64]:
    rounded: npt.NDArray[np.float64] = np.floor(steps.round(_SAME) + generator.random(steps.shape))
    return rounded


def _floats_of(stem: str, floats: dict[str, Any]) -> Any:
    """ONNX Runtime turns a product with a transposed matrix into one with a matrix of another name."""
    return floats[stem] if stem in floats else floats[stem.removesuffix(_TRANSPOSED)].T
