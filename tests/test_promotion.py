"""A candidate beside the served model: what is worse by more than chance is said, what may be chance is not."""

import numpy as np
import pytest

from service.stance import STANCES, Stance, Verdict
from service.statements.statement import Statement
from training.config import read_retrain_config
from training.examples import Example
from training.promotion import compare, corrections_sentences, flips_as_markdown

CONFIG = read_retrain_config().promotion
N = 1_000
RANDOM = np.random.default_rng(3)
LABELS = [STANCES[column] for column in RANDOM.integers(0, len(STANCES), N)]
EXAMPLES = [
    Example(str(number), Statement(f"statement {number}", f"he said statement {number}" if number % 2 else None), label, "direct" if number % 4 else "bare")
    for number, label in enumerate(LABELS)
]


def verdict(stance: Stance) -> Verdict:
    return Verdict(stance, 0.9, (0.0,) * 5, True, False)


def verdicts(share_wrong: float, seed: int = 0) -> list[Verdict]:
    """Right ones, but for a share, drawn anew for each seed."""
    wrong = np.random.default_rng(seed).random(N) < share_wrong
    return [verdict(STANCES[(STANCES.index(label) + 1) % 5] if is_wrong else label) for label, is_wrong in zip(LABELS, wrong, strict=True)]


def spoiled(good: list[Verdict], rows: list[int]) -> list[Verdict]:
    return [verdict(STANCES[(STANCES.index(LABELS[number]) + 1) % 5]) if number in set(rows) else each for number, each in enumerate(good)]


def test_the_same_verdicts_are_as_good() -> None:
    found = compare(EXAMPLES, verdicts(0.1), verdicts(0.1), CONFIG)
    assert (found.sentences, found.flips, found.difference.value) == ([], [], 0.0)


def test_other_models_that_are_as_good_are_let_pass_but_for_one_or_so() -> None:
    """Both sides are drawn anew each time; one in thirty is refused by chance."""
    refused = [seed for seed in range(20) if compare(EXAMPLES, verdicts(0.1, seed), verdicts(0.1, seed + 100), CONFIG).sentences]
    assert len(refused) <= 2, refused


def test_a_better_model_is_let_pass() -> None:
    found = compare(EXAMPLES, verdicts(0.15), verdicts(0.05, 1), CONFIG)
    assert found.sentences == []
    assert found.difference.low > 0


def test_a_worse_model_is_refused_with_a_figure() -> None:
    found = compare(EXAMPLES, verdicts(0.05), verdicts(0.12, 1), CONFIG)
    assert found.sentences[0].startswith("Macro-F1 is 0.0")
    assert "lower than the served model's" in found.sentences[0]


def test_a_model_that_loses_one_label_is_refused_by_its_name() -> None:
    served = verdicts(0.05)
    denials = [number for number, label in enumerate(LABELS) if label is Stance.DENY]
    found = compare(EXAMPLES, served, spoiled(served, denials[::4]), CONFIG)
    assert any(sentence.startswith("F1 of deny") for sentence in found.sentences)


def test_a_model_that_loses_a_slice_is_refused_by_its_name() -> None:
    served = verdicts(0.05)
    bare = list(range(0, N, 4))
    found = compare(EXAMPLES, served, spoiled(served, bare[::6]), CONFIG)
    assert any(sentence.startswith("Macro-F1 on the slice form = bare (250 quotes)") for sentence in found.sentences)


def test_what_flipped_is_shown_both_ways() -> None:
    right = [verdict(label) for label in LABELS]
    found = compare(EXAMPLES, spoiled(right, [1]), spoiled(right, [2]), CONFIG)
    assert [(flip.example.id, flip.is_gain) for flip in found.flips] == [("1", True), ("2", False)]
    text = flips_as_markdown(found, "old", "new")
    assert "1 quotes came right, 1 went wrong" in text
    assert "“statement 1” in “he said statement 1”" in text


def aside(n: int, n_right: int, n_before: int = 0) -> list[str]:
    """What is said where of `n` labels the candidate has `n_right`, and the served model `n_before`."""
    right = [verdict(label) for label in LABELS]
    served, candidate = (spoiled(right, list(range(known, n)))[:n] for known in (n_before, n_right))
    return corrections_sentences(EXAMPLES[:n], served, candidate, CONFIG)


CASES = [(10, 8, 0), (10, 5, 0), (10, 4, 1), (100, 80, 0), (100, 73, 0), (100, 70, 1), (3, 2, 0), (3, 0, 1), (2, 0, 0), (1, 0, 0)]


@pytest.mark.parametrize(("n", "n_right", "n_sentences"), CASES)
def test_four_in_five_labels_that_were_kept_aside_have_to_be_right_as_far_as_so_few_can_say(n: int, n_right: int, n_sentences: int) -> None:
    found = aside(n, n_right)
    assert len(found) == n_sentences
    assert all(f"the new model has {n_right} right" in sentence for sentence in found)


def test_a_model_that_loses_more_of_them_than_chance_explains_is_not_better() -> None:
    assert aside(10, 9, n_before=9) == []
    assert aside(10, 8, n_before=9) == []
    (sentence,) = aside(40, 35, n_before=40)
    assert "has 35 right, and the served one 40: it lost 5 and won 0" in sentence


def test_where_nothing_was_kept_aside_nothing_is_said() -> None:
    assert corrections_sentences([], [], [], CONFIG) == []
