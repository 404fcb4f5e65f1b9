"""A model folder -> torch weights to go on training from. A released model has them in int8 alone: they are made into floats again."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import numpy_helper
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

from service.errors import InvalidModelFolder
from service.model_folder import ModelFolder

_QUANTIZED, _SCALE, _ZERO = "_quantized", "_scale", "_zero_point"
_STEPS = 4  # from a product of integers to the sum with its bias: cast, scale, and at times a reshape

Array = npt.NDArray[Any]


def warm_start(folder: ModelFolder, work: Path) -> Path:
    """A folder that `transformers` opens, with the weights of the model at `folder`: itself where it has them, else `work`, to which they are written.

    What int8 rounded away stays away: the weights give int8's verdicts, not those of the floats that it was made from. Raises `InvalidModelFolder` where the
    graph is not one that `export` makes.
    """
    if (folder.path / "model.safetensors").is_file():
        return folder.path
    config = AutoConfig.from_pretrained(folder.path)
    model = AutoModelForSequenceClassification.from_config(config)  # type: ignore[no-untyped-call]  # transformers leaves it untyped
    weights = dequantized(folder.quantized)
    missing = {name for name, _ in model.named_parameters()} - set(weights)
    if missing:
        raise InvalidModelFolder(f"{folder.quantized}: it lacks {', '.join(sorted(missing)[:3])}, so no training can go on from it")
    state = {name: torch.from_numpy(np.array(weights[name], dtype=np.float32)) for name, _ in model.named_parameters()}
    model.load_state_dict(state, strict=False)  # what is left are positions, which the model counts by itself
    model.save_pretrained(work)
    AutoTokenizer.from_pretrained(folder.path).save_pretrained(work)
    return work


def dequantized(path: Path) -> dict[str, Array]:
    """Parameter name -> float array, of the int8 graph at `path`.

    Weights of linear layers lie there transposed, in (in, out), under names that the exporter counted; the bias that is added behind such a product has the
    name of its layer.
    """
    graph = onnx.load(str(path)).graph
    arrays: dict[str, Array] = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    consumers: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in node.input:
            consumers.setdefault(name, []).append(node)
    found = {name: array for name, array in arrays.items() if array.dtype == np.float32 and "." in name}
    for name in [name for name in arrays if name.endswith(_QUANTIZED)]:
        stem = name.removesuffix(_QUANTIZED)
        floats = (arrays[name].astype(np.float32) - arrays[stem + _ZERO].astype(np.float32)) * arrays[stem + _SCALE]
        layer = _layer_of(name, consumers, arrays)
        found[f"{layer}.weight" if layer else stem] = floats.T if layer else floats  # embeddings are looked up, not multiplied with
    return found


def _layer_of(name: str, consumers: dict[str, list[Any]], arrays: dict[str, Array]) -> str | None:
    """The layer whose product uses the integer weights `name`: the one whose bias is added to what comes out."""
    reached = [node for node in consumers.get(name, []) if node.op_type == "MatMulInteger"]
    for _ in range(_STEPS):
        reached = [after for node in reached for output in node.output for after in consumers.get(output, [])]
        for node in reached:
            if node.op_type == "Add":
                bias: str | None = next((other for other in node.input if other.endswith(".bias") and other in arrays), None)
                if bias is not None:
                    return bias.removesuffix(".bias")
    return None
