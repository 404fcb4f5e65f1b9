"""A model and the one that it began with -> the weights between the two that have what was taught, and no farther from where it began."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from training.encoder import reopen
from training.examples import Example, labels_of
from training.export import torch_logits

SHARES = (0.25, 0.5, 0.75)  # of the way that are tried, each of them a minute's work at most
_LEAST_KEPT = 0.97
_MOST_ASKED = 300


def go_back(model: Any, tokenizer: Any, start: Path, taught: Sequence[Example], max_tokens: int) -> float:
    """Puts `model` back towards the weights at `start`, and returns the share of the way, above 0 and up to 1, that it has gone then.

    That is the least at which 97 % of what it has right of `taught` is right still (of every n-th, where there are many). A line between the weights before and
    after a fine-tuning holds models that have most of both (WiSE-FT, Wortsman et al. 2022): three labels need half of the way, and what an epoch over a quarter
    of the written quotes does to all others is halved by it. Where nothing is taught, it goes all of the way.
    """
    if not taught:
        return 1.0
    asked = taught[:: -(-len(taught) // _MOST_ASKED)]
    n_right = _n_right(model, tokenizer, asked, max_tokens)
    if n_right == 0:
        return 1.0
    began = reopen(start)[0].state_dict()
    learned = {name: value.clone() for name, value in model.state_dict().items()}
    for share in SHARES:
        model.load_state_dict({name: torch.lerp(began[name], value, share) if value.is_floating_point() else value for name, value in learned.items()})
        if _n_right(model, tokenizer, asked, max_tokens) >= _LEAST_KEPT * n_right:
            return share
    model.load_state_dict(learned)
    return 1.0


def _n_right(model: Any, tokenizer: Any, examples: Sequence[Example], max_tokens: int) -> int:
    logits = torch_logits(model, tokenizer, [example.statement for example in examples], max_tokens)
    return int((logits.argmax(axis=1) == np.array(labels_of(examples))).sum())
