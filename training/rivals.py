"""Examples -> what other ways of using the same encoder make of them: frozen with a regression on top, and SetFit. Ours is train.py's."""

import hashlib
import importlib.util
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from datasets import Dataset
from sklearn.linear_model import LogisticRegression
from tqdm.auto import tqdm

from service.errors import Fault, InvalidInput
from service.model_folder import sha256
from service.pool import available_cores
from service.statements.statement import Statement
from training.config import Config
from training.encoder import locate, open_encoder, reading
from training.examples import Example, labels_of
from training.scores import Columns

_BATCH = 32


def frozen_regression(train: Sequence[Example], statements: Sequence[Statement], config: Config) -> Columns:
    """Logistic regression on the encoder's untouched sentence vectors (mean over the tokens of statement and context, length 1)."""
    torch.set_num_threads(available_cores())
    model, tokenizer = open_encoder(config.encoder)
    vectors = _vectors(model.base_model.eval(), tokenizer, [example.statement for example in train], config.encoder.max_tokens)
    regression = _head().fit(vectors, labels_of(train))
    chosen: Columns = regression.predict(_vectors(model.base_model, tokenizer, statements, config.encoder.max_tokens))
    return chosen


def setfit(train: Sequence[Example], statements: Sequence[Statement], config: Config) -> Columns:
    """SetFit (Tunstall et al. 2022): contrastive fine-tuning of the encoder on pairs of quotes, then logistic regression on its vectors.

    With the package's own settings, but for as many steps as make it see as many quotes as our fine-tuning does; pairs are drawn at random, so some quotes come
    more often than others. Like the frozen encoder, and unlike ours, it has no use for the validation split. Raises `InvalidInput` without its package.
    """
    require_setfit()
    # Both packages take seconds to import, and only this way needs them.
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer  # noqa: PLC0415
    from setfit import SetFitModel, Trainer, TrainingArguments  # noqa: PLC0415

    torch.set_num_threads(available_cores())
    words = Transformer(locate(config.encoder), max_seq_length=config.encoder.max_tokens)
    body = SentenceTransformer(modules=[words, Pooling(words.get_embedding_dimension())], device="cpu")
    model = SetFitModel(model_body=body, model_head=_head(), normalize_embeddings=True)

    def read(given: Sequence[Statement]) -> list[str]:
        return [reading(statement, words.tokenizer, config.encoder.max_tokens) for statement in given]

    quotes = Dataset.from_dict({"text": read([example.statement for example in train]), "label": labels_of(train)})
    n_seen = len(train) * config.fit.n_epochs
    with tempfile.TemporaryDirectory() as work, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # three packages that warn of one another's renamed functions
        arguments = TrainingArguments(
            output_dir=work,
            seed=config.fit.seed,
            batch_size=config.fit.batch_size,
            max_steps=max(1, n_seen // (2 * config.fit.batch_size)),  # a pair is two quotes
            save_strategy="no",
            logging_strategy="no",  # it would print dicts between the bar's lines
            report_to="none",
        )
        Trainer(model=model, args=arguments, train_dataset=quotes).train()
        return np.asarray(model.predict(read(statements), as_numpy=True), dtype=np.int64)


def require_setfit() -> None:
    """Raises `InvalidInput`, with the way out, where the package is not installed."""
    if importlib.util.find_spec("setfit") is None:
        raise InvalidInput(Fault("setfit", "no such package", "the extra `compare`: pip install -e '.[train,compare]'"))


def weights_digest(config: Config) -> str:
    """SHA-256 of the encoder's weights; of its name where they come from a hub."""
    weights = Path(locate(config.encoder)) / "model.safetensors"
    return sha256(weights) if weights.is_file() else hashlib.sha256(config.encoder.name.encode()).hexdigest()


def _vectors(encoder: Any, tokenizer: Any, statements: Sequence[Statement], max_tokens: int) -> npt.NDArray[np.float32]:
    rows = []
    starts = range(0, len(statements), _BATCH)
    with torch.inference_mode():
        for start in tqdm(starts, desc="frozen encoder", unit="batch", disable=None, leave=False):
            batch = statements[start : start + _BATCH]
            texts = [reading(statement, tokenizer, max_tokens) for statement in batch]
            encoded = tokenizer(texts, truncation=True, max_length=max_tokens, padding=True, return_tensors="pt")
            mask = encoded["attention_mask"][..., None]
            mean = (encoder(**encoded).last_hidden_state * mask).sum(dim=1) / mask.sum(dim=1)
            rows.append(torch.nn.functional.normalize(mean, dim=1).numpy())
    return np.concatenate(rows)


def _head() -> LogisticRegression:
    return LogisticRegression(C=10.0, class_weight="balanced", max_iter=5_000)
