"""A name in train.toml -> an encoder with an untrained head and its tokenizer. The only place that opens other people's weights."""

import importlib.util
from pathlib import Path
from types import MethodType
from typing import Any

import torch
import transformers
from tokenizers import Regex
from tokenizers.normalizers import Replace, Sequence
from transformers import AutoModelForSequenceClassification, AutoTokenizer, BertForSequenceClassification, PreTrainedTokenizerFast
from transformers.models.bert.modeling_bert import BertCrossAttention

from service.errors import Fault, InvalidInput
from service.model_folder import sha256
from service.stance import STANCES
from service.statements.reading import reading_of
from service.statements.statement import Statement
from training.config import EncoderConfig

_ALIKE = {"[“”„‟]": '"', "[‘’‚‛]": "'", "[‐‑‒–—―]|--+": "-", "…": "..."}


def open_encoder(config: EncoderConfig) -> tuple[Any, Any]:
    """The (model, tokenizer) that `config` names; a hub name is downloaded. Raises `InvalidInput` where there is none, or not the one expected."""
    source = locate(config)
    # Mute the report that the head is new, which is the point of fine-tuning, and bars inside our bar.
    transformers.logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # transformers leaves it untyped
    transformers.logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # likewise
    try:
        tokenizer = AutoTokenizer.from_pretrained(source)
        model = AutoModelForSequenceClassification.from_pretrained(
            source,
            num_labels=len(STANCES),
            id2label=dict(enumerate(map(str, STANCES))),
            label2id={str(stance): column for column, stance in enumerate(STANCES)},
            use_safetensors=True,  # the other format is a pickle, which can run code
            ignore_mismatched_sizes=True,  # a head for other labels, of a model that was fine-tuned before, gives way to ours
        )
    except (OSError, ValueError) as error:
        raise InvalidInput(Fault("train.toml encoder.name", config.name, f"a folder, hub name or package:MODULE/FOLDER ({error})")) from None
    if not tokenizer.is_fast:
        raise InvalidInput(Fault("train.toml encoder.name", config.name, "an encoder whose tokenizer comes as tokenizer.json, which serving reads"))
    if config.max_tokens > getattr(model.config, "max_position_embeddings", config.max_tokens):
        raise InvalidInput(Fault("train.toml encoder.max_tokens", str(config.max_tokens), f"at most {model.config.max_position_embeddings}"))
    return _ending_at_first_token(model), _reading_typography_alike(tokenizer)


def reopen(folder: Path) -> tuple[Any, Any]:
    """The (model, tokenizer) of an earlier training of ours, head and all. Raises `InvalidInput` where its weights cannot be opened."""
    transformers.logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # transformers leaves it untyped
    transformers.logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # likewise
    try:
        model = AutoModelForSequenceClassification.from_pretrained(folder, use_safetensors=True)
        return _ending_at_first_token(model), AutoTokenizer.from_pretrained(folder)
    except (OSError, ValueError) as error:
        raise InvalidInput(Fault(str(folder), str(error), "the torch weights of an earlier model")) from None


def _ending_at_first_token(model: Any) -> Any:
    """The same model, whose last layer is computed for the first token alone where it is a BERT: its head reads no other.

    That is a seventh of all products of six layers, in training and, since the graph is exported like this, in serving. The verdicts are the same, and so are
    the weights and their names.
    """
    if isinstance(model, BertForSequenceClassification):
        attention: Any = model.bert.encoder.layer[-1].attention
        attention.forward = MethodType(_attend_from_first_token, attention)
    return model


def _attend_from_first_token(attention: Any, tokens: torch.Tensor, attention_mask: torch.Tensor | None = None, **_: Any) -> tuple[torch.Tensor, Any]:
    """In the place of `BertAttention.forward`: (batch, tokens, width) -> (batch, 1, width)."""
    first = tokens[:, :1]
    mask = None if attention_mask is None else attention_mask[:, :, :1]
    # Attention of one sequence over another, which finds its projections under the same names.
    attended, weights = BertCrossAttention.forward(attention.self, first, tokens, mask)
    return attention.output(attended, first), weights


def _reading_typography_alike(tokenizer: Any) -> Any:
    """A tokenizer for which “It’s … late” and "It's ... late" are the same: curly and straight marks, dashes of any length, ellipses of one character or three.

    That is a part of its tokenizer.json, so that whatever opens the model folder reads alike; its class is the one that takes that file as it is, where a
    class of the encoder's own would build it anew from the vocabulary. The marks of a statement, « and », stay what they are.
    """
    backend = tokenizer.backend_tokenizer
    alike = [Replace(Regex(pattern), plain) for pattern, plain in _ALIKE.items()]
    backend.normalizer = Sequence([*alike, *([backend.normalizer] if backend.normalizer else [])])
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]  # transformers leaves it untyped
        tokenizer_object=backend,
        model_max_length=tokenizer.model_max_length,
        model_input_names=tokenizer.model_input_names,
        **tokenizer.special_tokens_map,
    )


def reading(statement: Statement, tokenizer: Any, max_tokens: int) -> str:
    """What a model reads of `statement`, as the service would have it read."""

    def chars_read(text: str) -> int:
        offsets = tokenizer(text, truncation=True, max_length=max_tokens, return_offsets_mapping=True)["offset_mapping"]
        return max((end for _, end in offsets), default=0)

    return reading_of(statement, chars_read).text


def locate(config: EncoderConfig) -> str:
    """A folder or hub name that transformers opens. Raises `InvalidInput` where a package is missing or weights are not the expected ones."""
    source = config.name
    if source.startswith("package:"):
        module, _, folder = source.removeprefix("package:").partition("/")
        spec = importlib.util.find_spec(module)  # finds the package without running its code
        if spec is None or spec.origin is None:
            raise InvalidInput(Fault("train.toml encoder.name", source, "an installed package; `make install` brings the default one"))
        source = str(Path(spec.origin).parent / folder)
    if config.sha256:
        weights = Path(source) / "model.safetensors"
        found = sha256(weights) if weights.is_file() else "no such file"
        if found != config.sha256:
            raise InvalidInput(Fault(str(weights), found, f"SHA-256 {config.sha256} (train.toml encoder.sha256)"))
    return source
