"""Examples -> a fine-tuned encoder in memory. Writing it down as a model folder is candidate.py's."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from datasets import Dataset
from sklearn.metrics import f1_score
from torch.optim.swa_utils import AveragedModel
from tqdm.auto import tqdm
from transformers import EarlyStoppingCallback, PrinterCallback, Trainer, TrainerCallback, TrainingArguments, set_seed

from service.pool import available_cores
from service.stance import STANCES
from training.config import Config, FitConfig
from training.encoder import open_encoder, reading, reopen
from training.examples import Example, labels_of

# Called with the step, the number of all steps, and what has just been measured, if anything: `loss`, or `macro_f1` on validation.
Tell = Callable[[int, int, Mapping[str, float]], None]


def fit(
    train: Sequence[Example], validation: Sequence[Example], config: Config, work: Path, *, start: Path | None = None, tell: Tell | None = None
) -> tuple[Any, Any]:
    """Fine-tunes all layers on `train`; returns the (model, tokenizer) of the epoch with the best macro-F1 on `validation`.

    `work` takes the epochs' weights; `start` is a folder with the weights of an earlier model of ours to go on from. On one
    machine the same examples, settings and number of threads give the same weights.
    """
    train = [example for example in train for _ in range(example.weight)]
    set_seed(config.fit.seed)
    torch.set_num_threads(available_cores())
    model, tokenizer = reopen(start) if start else open_encoder(config.encoder)
    trainer = Trainer(
        model=model,
        args=_arguments(config.fit, len(train), work),
        train_dataset=to_dataset(train, tokenizer, config.encoder.max_tokens, training=True),
        eval_dataset=to_dataset(validation, tokenizer, config.encoder.max_tokens, training=False),
        data_collator=Collator(tokenizer, config.encoder.max_tokens, config.fit.context_dropout),
        compute_loss_func=WeightedLoss(train, config.fit.class_weight_power, config.fit.label_smoothing),
        compute_metrics=_macro_f1,
        callbacks=[EarlyStoppingCallback(config.fit.patience), WeightAverage(model, config.fit.average_decay), Progress(tell)],
    )
    trainer.remove_callback(PrinterCallback)  # it prints dicts; Progress says the same for people
    trainer.train()
    return model.eval(), tokenizer  # the Trainer loads the best epoch into the model it was given


class Collator:
    """Rows of `to_dataset` -> a padded batch, in which a row that may lose its context does so with probability `dropout`."""

    def __init__(self, tokenizer: Any, max_tokens: int, dropout: float) -> None:
        self._tokenizer = tokenizer
        self._max_tokens = max_tokens
        self._dropout = dropout

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        encoded = [self._tokenizer(self._reading(row), truncation=True, max_length=self._max_tokens) for row in rows]
        batch: dict[str, torch.Tensor] = dict(self._tokenizer.pad(encoded, return_tensors="pt"))
        return batch | {"labels": torch.tensor([row["label"] for row in rows])}

    def _reading(self, row: dict[str, Any]) -> str:
        loses_context = row["may_lose_context"] and float(torch.rand(())) < self._dropout
        text: str = row["bare"] if loses_context else row["reading"]
        return text


class WeightedLoss:
    """Cross-entropy in which each label weighs (share of an even split / its share in `examples`) ** `power`; `smoothing` spreads over all labels."""

    def __init__(self, examples: Sequence[Example], power: float, smoothing: float) -> None:
        self._smoothing = smoothing
        counts = np.bincount(labels_of(examples), minlength=len(STANCES)).clip(min=1)
        self._weights = torch.tensor((counts.sum() / (len(STANCES) * counts)) ** power, dtype=torch.float32)

    def __call__(self, outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(outputs["logits"], labels, weight=self._weights, label_smoothing=self._smoothing)


class WeightAverage(TrainerCallback):
    """Keeps an exponential moving average of the weights, and puts it in their place whenever an epoch is evaluated and saved.

    `decay` is in [0, 1): 0 averages nothing. It starts lower, so that the untrained weights are soon forgotten (as in Adam's bias correction).
    """

    def __init__(self, model: torch.nn.Module, decay: float) -> None:
        # All tensors in one call: a formula for each of them costs a tenth of the training.
        self._averaged = AveragedModel(model, multi_avg_fn=lambda means, values, n: torch._foreach_lerp_(means, values, max(1 - decay, 10 / (int(n) + 10))))
        self._trained: dict[str, torch.Tensor] = {}

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        self._averaged.update_parameters(model)

    def on_epoch_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        self._trained = {name: value.clone() for name, value in model.state_dict().items()}
        model.load_state_dict(self._averaged.module.state_dict())

    def on_epoch_begin(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        if self._trained:
            model.load_state_dict(self._trained)


class Progress(TrainerCallback):
    """One bar for the whole fine-tuning: epoch, loss, macro-F1 on validation, time left."""

    def __init__(self, tell: Tell | None = None) -> None:
        self._tell = tell or (lambda step, n_steps, figures: None)
        self._bar: Any = None
        self._shown: dict[str, str] = {}
        self._started = time.monotonic()

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._bar = tqdm(total=state.max_steps, desc="fine-tuning", unit="batch", mininterval=1.0)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._bar.update(state.global_step - self._bar.n)
        self._tell(state.global_step, state.max_steps, {})

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
        names = {"loss": "loss", "eval_macro_f1": "macro_f1"}
        measured = {names[key]: value for key, value in (logs or {}).items() if key in names}
        self._shown |= {name: f"{value:.3f}" for name, value in measured.items()}
        self._tell(state.global_step, state.max_steps, measured)
        self._bar.set_postfix({"epoch": f"{min(int(state.epoch) + 1, args.num_train_epochs):.0f}/{args.num_train_epochs:.0f}"} | self._shown)

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: dict[str, float] | None = None, **_: Any) -> None:
        seconds = time.monotonic() - self._started
        tqdm.write(f"epoch {state.epoch:.0f}: macro-F1 on validation {(metrics or {}).get('eval_macro_f1', 0.0):.3f}, {seconds:.0f} s")

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._bar.close()


def to_dataset(examples: Sequence[Example], tokenizer: Any, max_tokens: int, *, training: bool) -> Dataset:
    """Columns reading, bare (that of the statement alone), label (column number), length (tokens, for batches of like length), may_lose_context.

    Only a direct quote may lose its context, and only in training: a clause cut from "denied any role in …" would keep a label it no longer shows.
    """
    readings = [reading(example.statement, tokenizer, max_tokens) for example in examples]
    return Dataset.from_dict(
        {
            "reading": readings,
            "bare": [example.statement.text for example in examples],
            "label": labels_of(examples),
            "length": [len(ids) for ids in tokenizer(readings)["input_ids"]],
            "may_lose_context": [training and example.form == "direct" for example in examples],
        }
    )


def _arguments(fit_config: FitConfig, n_examples: int, work: Path) -> TrainingArguments:
    n_steps = -(-n_examples // fit_config.batch_size) * fit_config.n_epochs
    return TrainingArguments(
        output_dir=str(work),
        seed=fit_config.seed,
        num_train_epochs=fit_config.n_epochs,
        per_device_train_batch_size=fit_config.batch_size,
        per_device_eval_batch_size=32,
        learning_rate=fit_config.learning_rate,
        warmup_steps=round(n_steps * fit_config.warmup_share),
        weight_decay=fit_config.weight_decay,
        train_sampling_strategy="group_by_length",
        length_column_name="length",
        remove_unused_columns=False,
        eval_strategy="epoch",
        save_strategy="epoch",
        save_only_model=True,
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model="macro_f1",
        logging_steps=20,
        disable_tqdm=True,
        report_to="none",
        use_cpu=True,
        dataloader_pin_memory=False,
    )


def _macro_f1(prediction: Any) -> dict[str, float]:
    logits: npt.NDArray[np.float32] = prediction.predictions
    score = f1_score(prediction.label_ids, logits.argmax(axis=1), average="macro", labels=range(len(STANCES)), zero_division=0)
    return {"macro_f1": float(score)}
