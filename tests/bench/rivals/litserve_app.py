"""python litserve_app.py torch|onnx PORT: LitServe around the same model, with its dynamic batching. The folder of the model stands in MODEL.

It runs in an environment of LitServe's own, so it imports nothing of this project. A request holds a list of texts; LitServe makes batches of requests, whose
texts go through the model together. `torch` is `transformers.pipeline`; `onnx` is this project's int8 model in ONNX Runtime, padded as usual: what is left
between it and On Record is the serving alone.
"""

import itertools
import os
import sys
from pathlib import Path

import litserve
import numpy as np

_MOST_REQUESTS, _WAIT_SECONDS = 16, 0.01  # of a batch; LitServe's documentation has batches of 8 to 64 and waits of 0.01 to 0.05 s
_MOST_TEXTS = 32  # that go through the model at a time: larger batches have more padding
Scores = list[dict[str, float | str]]


class Batched(litserve.LitAPI):
    def decode_request(self, request: dict[str, list[str]]) -> list[str]:
        return request["inputs"]

    def batch(self, inputs: list[list[str]]) -> list[list[str]]:
        return inputs

    def unbatch(self, output: list[list[Scores]]) -> list[list[Scores]]:
        return output

    def predict(self, requests: list[list[str]]) -> list[list[Scores]]:
        answers = iter(self.classify(list(itertools.chain.from_iterable(requests))))
        return [list(itertools.islice(answers, len(texts))) for texts in requests]

    def encode_response(self, output: list[Scores]) -> list[Scores]:
        return output


class TorchClassifier(Batched):
    def setup(self, device: str) -> None:
        from transformers import pipeline

        self._pipeline = pipeline("text-classification", model=os.environ["MODEL"], top_k=None, batch_size=_MOST_TEXTS, device=device)

    def classify(self, texts: list[str]) -> list[Scores]:
        return self._pipeline(texts, truncation=True)


class OnnxClassifier(Batched):
    def setup(self, device: str) -> None:
        import json

        import onnxruntime
        from tokenizers import Tokenizer

        folder = Path(os.environ["MODEL"])
        self._labels = list(json.loads((folder / "config.json").read_text(encoding="utf-8"))["id2label"].values())
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_padding()
        self._session = onnxruntime.InferenceSession(str(folder / "model_quantized.onnx"), providers=["CPUExecutionProvider"])
        self._inputs = {entry.name for entry in self._session.get_inputs()}

    def classify(self, texts: list[str]) -> list[Scores]:
        return list(itertools.chain.from_iterable(self._classify(texts[begin : begin + _MOST_TEXTS]) for begin in range(0, len(texts), _MOST_TEXTS)))

    def _classify(self, texts: list[str]) -> list[Scores]:
        encodings = self._tokenizer.encode_batch(texts)
        columns = {
            "input_ids": [encoding.ids for encoding in encodings],
            "attention_mask": [encoding.attention_mask for encoding in encodings],
            "token_type_ids": [encoding.type_ids for encoding in encodings],
        }
        (logits,) = self._session.run(None, {name: np.array(rows, dtype=np.int64) for name, rows in columns.items() if name in self._inputs})
        exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
        scores = (exponentials / exponentials.sum(axis=1, keepdims=True)).tolist()
        return [[{"label": label, "score": score} for label, score in zip(self._labels, row, strict=True)] for row in scores]


def main() -> None:
    engine = {"torch": TorchClassifier, "onnx": OnnxClassifier}[sys.argv[1]]
    server = litserve.LitServer(engine(max_batch_size=_MOST_REQUESTS, batch_timeout=_WAIT_SECONDS), accelerator="cpu", timeout=600)
    server.run(host="127.0.0.1", port=int(sys.argv[2]), log_level="error", generate_client_file=False)


if __name__ == "__main__":
    main()
