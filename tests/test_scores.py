"""The figures are those that scikit-learn and a pencil give."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, precision_recall_fscore_support

from training.scores import (
    calibration_error,
    confusion,
    difference_interval,
    label_scores,
    length_slice,
    macro_f1_interval,
    precision_at,
    precision_recall_f1,
    rows_of,
)

PAIRS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60)


@given(PAIRS)
def test_figures_are_those_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    labels, chosen = (np.array(column) for column in zip(*pairs, strict=True))
    expected = precision_recall_fscore_support(labels, chosen, labels=range(5), zero_division=0)
    for figure, wanted in zip(precision_recall_f1(confusion(labels, chosen)), expected, strict=False):
        assert figure == pytest.approx(wanted)
    assert macro_f1_interval(labels, chosen).value == pytest.approx(f1_score(labels, chosen, average="macro", zero_division=0))


def test_an_interval_holds_its_value_and_narrows_with_more_examples() -> None:
    generator = np.random.default_rng(1)
    widths = []
    for n in (50, 2_000):
        labels = generator.integers(0, 5, n)
        chosen = np.where(generator.random(n) < 0.8, labels, generator.integers(0, 5, n))
        interval = macro_f1_interval(labels, chosen)
        assert interval.low < interval.value < interval.high
        widths.append(interval.high - interval.low)
    assert widths[1] < widths[0] / 3


def test_label_scores_stand_in_the_order_of_the_columns() -> None:
    labels = np.array([0, 0, 1, 4, 4, 4])
    scores = label_scores(labels, np.array([0, 1, 1, 4, 4, 0]))
    assert [score.support for score in scores] == [2, 1, 0, 0, 3]
    assert scores[0].precision.value == pytest.approx(0.5)
    assert scores[1].recall.value == 1.0
    assert scores[4].f1.value == pytest.approx(0.8)


def test_a_model_that_means_its_probabilities_has_no_calibration_error() -> None:
    assert calibration_error(np.full(10, 0.8), np.array([True] * 8 + [False] * 2)) == pytest.approx(0.0)
    assert calibration_error(np.full(10, 1.0), np.array([True] * 6 + [False] * 4)) == pytest.approx(0.4)


def test_false_acts_weigh_more_where_other_is_common() -> None:
    labels = np.repeat(np.arange(5), 20)
    chosen = labels.copy()
    chosen[80:90] = 1  # half of `other` called `deny`
    counts = confusion(labels, chosen)
    # By hand: deny keeps all of its 0.35 / 4 and gets half of 0.65.
    assert precision_at(counts, 0.65)[1] == pytest.approx(0.0875 / (0.0875 + 0.325))
    assert precision_at(counts, 0.94)[1] < precision_at(counts, 0.65)[1]
    assert precision_at(counts, 0.94)[4] == 1.0


def test_equal_models_differ_by_nothing_and_a_better_one_by_more_than_chance() -> None:
    generator = np.random.default_rng(2)
    labels = generator.integers(0, 5, 400)
    poor = np.where(generator.random(400) < 0.5, labels, 4)
    assert difference_interval(labels, poor, poor).high == 0.0
    assert difference_interval(labels, labels, poor).low > 0.2


def test_lengths_fall_into_four_classes() -> None:
    assert [length_slice(n) for n in (1, 8, 9, 20, 21, 40, 41)] == [
        "1-8 words", "1-8 words", "9-20 words", "9-20 words", "21-40 words", "21-40 words", "over 40 words",
    ]  # fmt: skip


def test_rows_without_a_value_belong_to_no_slice() -> None:
    assert {value: rows.tolist() for value, rows in rows_of(["b", None, "a", "b"]).items()} == {"b": [0, 3], "a": [2]}
