"""A retraining goes no farther from the model that serves than what it was taught needs."""

from pathlib import Path

import pytest
import torch

from service.stance import STANCES, Stance
from service.statements.statement import Statement
from training.encoder import reopen
from training.examples import Example
from training.export import torch_logits
from training.interpolation import go_back

pytestmark = pytest.mark.model
DENY = STANCES.index(Stance.DENY)
TAUGHT = [Example("1", Statement("The weather was mild in the valley."), Stance.DENY)]


def learned_to_deny(trained: Path, times: float) -> tuple[torch.nn.Module, torch.nn.Module, object]:
    """The model at `trained`, and one whose logit of `deny` is higher by so many times what it takes to have `TAUGHT` right."""
    began, tokenizer = reopen(trained)
    model, _ = reopen(trained)
    (row,) = torch_logits(began, tokenizer, [example.statement for example in TAUGHT], 128)
    assert row.argmax() != DENY
    with torch.no_grad():
        model.classifier.bias[DENY] += times * float(row.max() - row[DENY])
    return began, model.eval(), tokenizer


@pytest.mark.parametrize(("times", "share"), [(5.0, 0.25), (3.0, 0.5), (1.5, 0.75), (1.1, 1.0), (0.5, 1.0)])
def test_the_way_is_as_long_as_what_was_taught_needs(trained: Path, times: float, share: float) -> None:
    began, model, tokenizer = learned_to_deny(trained, times)
    full = model.classifier.bias.detach().clone()
    assert go_back(model, tokenizer, trained, TAUGHT, 128) == share
    torch.testing.assert_close(model.classifier.bias, torch.lerp(began.classifier.bias, full, share))
    torch.testing.assert_close(model.bert.pooler.dense.weight, began.bert.pooler.dense.weight)


def test_without_anything_taught_it_goes_all_of_the_way(trained: Path) -> None:
    _, model, tokenizer = learned_to_deny(trained, 5.0)
    full = model.classifier.bias.detach().clone()
    assert go_back(model, tokenizer, trained, [], 128) == 1.0
    assert torch.equal(model.classifier.bias, full)


def test_a_few_that_are_lost_on_the_way_back_do_not_count_and_more_do(trained: Path) -> None:
    _, model, tokenizer = learned_to_deny(trained, 1.5)
    easy = Example("2", Statement("The ministry denied the report."), Stance.DENY)
    assert go_back(model, tokenizer, trained, [*[easy] * 39, *TAUGHT], 128) == 0.25
