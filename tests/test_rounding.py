"""What a training changed by less than a step of int8 is still there, on average, when its weights are int8 again."""

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from training.rounding import round_by_chance
from training.warm import dequantized

pytestmark = pytest.mark.model

SHARE = 0.25  # of a step


def ints(path: Path) -> dict[str, np.ndarray]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(str(path)).graph.initializer if tensor.name.endswith("_quantized")}


@pytest.fixture
def grown(trained: Path, tmp_path: Path) -> tuple[Path, Path, dict[str, np.ndarray]]:
    """An fp32 graph whose weights are a quarter of a step above those of an int8 graph; the int8 graph; and the steps, by weight."""
    fp32, int8 = tmp_path / "fp32.onnx", tmp_path / "int8.onnx"
    shutil.copyfile(trained / "onnx" / "model_quantized.onnx", int8)
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(str(int8)).graph.initializer}
    graph = onnx.load(str(trained / "onnx" / "model.onnx"))
    steps = {}
    for tensor in graph.graph.initializer:
        transposed = f"{tensor.name}_Transposed"
        stem = transposed if f"{transposed}_quantized" in tensors else tensor.name
        if f"{stem}_quantized" in tensors:
            scale, zero = tensors[f"{stem}_scale"], tensors[f"{stem}_zero_point"].astype(np.float64)
            raised = (tensors[f"{stem}_quantized"] - zero + SHARE) * scale
            tensor.CopyFrom(numpy_helper.from_array((raised.T if stem == transposed else raised).astype(np.float32), tensor.name))
            steps[f"{stem}_quantized"] = tensors[f"{stem}_quantized"]
    onnx.save(graph, str(fp32))
    return fp32, int8, steps


def test_every_weight_moves_up_as_often_as_it_should(grown: tuple[Path, Path, dict[str, np.ndarray]]) -> None:
    fp32, int8, before = grown
    round_by_chance(fp32, int8, seed=1)
    after = ints(int8)
    assert len(after) == len(before) > 30
    for name, old in before.items():
        free = (old > np.iinfo(old.dtype).min) & (old < np.iinfo(old.dtype).max)
        moved = (after[name].astype(int) - old)[free]
        assert set(np.unique(moved)) <= {0, 1}, name
        assert abs(moved.mean() - SHARE) < 4 * np.sqrt(SHARE / moved.size), name


def test_one_seed_gives_one_result_with_the_same_weights_in_it(trained: Path, grown: tuple[Path, Path, dict[str, np.ndarray]]) -> None:
    fp32, int8, _ = grown
    round_by_chance(fp32, int8, seed=2)
    first = ints(int8)
    round_by_chance(fp32, int8, seed=2)
    assert all((first[name] == second).all() for name, second in ints(int8).items())
    assert dequantized(int8).keys() == dequantized(trained / "onnx" / "model_quantized.onnx").keys()
