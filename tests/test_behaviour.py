"""Behaviour cases are sound, known to no model, and counted as they should be."""

import json
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from service.errors import InvalidInput
from service.stance import STANCES
from tests.fakes import fake_classifier
from tests.test_data import ALL, alike, words
from training.behaviour import Asked, Case, pass_rates, read_cases
from training.examples import N_RULES

CASES = read_cases()


def case(identity: str, *statements: tuple[str, str | None], group: str = "rule-01") -> Case:
    return Case(id=identity, group=group, statements=tuple(Asked.model_validate({"text": text, "label": label}) for text, label in statements))


def test_a_case_passes_where_every_statement_gets_its_label() -> None:
    cases = [
        case("right", ("They denied it.", "deny"), ("They urged him to go.", "appeal")),
        case("half right", ("They denied it.", "deny"), ("They urged him to go.", "threat")),
    ]
    rates = pass_rates(fake_classifier(), cases)
    assert rates["rule-01"].n == 2
    assert rates["rule-01"].rate == 0.5
    assert rates["rule-01"].failed == ("half right",)


def test_a_case_without_labels_passes_where_all_get_the_same_stance() -> None:
    cases = [
        case("same", ("Ann denied it.", None), ("Bea denied it.", None), group="same-names"),
        case("different", ("Ann denied it.", None), ("Bea urged it.", None), group="same-names"),
    ]
    assert pass_rates(fake_classifier(), cases)["same-names"].failed == ("different",)


def test_groups_are_counted_apart() -> None:
    rates = pass_rates(fake_classifier(), [case("a", ("They denied it.", "deny")), case("b", ("They denied it.", "other"), group="turned-negation")])
    assert {group: rate.rate for group, rate in rates.items()} == {"rule-01": 1.0, "turned-negation": 0.0}


@pytest.mark.parametrize(
    "line",
    [
        "{",
        '{"id": "a", "group": "rule-1", "statements": [{"text": "x"}]}',
        '{"id": "a", "group": "rule-01", "statements": []}',
        '{"id": "a", "group": "rule-01", "statements": [{"text": "x", "label": "maybe"}]}',
        '{"id": "a", "group": "rule-01", "statements": [{"text": "x", "lable": "deny"}]}',
    ],
)
def test_a_line_that_is_no_case_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text(json.dumps({"id": "a", "group": "rule-01", "statements": [{"text": "x", "label": "deny"}]}) + f"\n{line}\n", encoding="utf-8")
    with pytest.raises(InvalidInput, match="line 2"):
        read_cases(path)


def test_there_are_enough_cases_and_no_id_comes_twice() -> None:
    assert len(CASES) >= 300
    assert len({case.id for case in CASES}) == len(CASES)


def test_every_rule_is_tried_on_both_sides() -> None:
    sides: dict[str, Counter[str]] = defaultdict(Counter)
    for each in CASES:
        if each.group.startswith("rule-"):
            sides[each.group].update(str(asked.label) for asked in each.statements)
    assert sorted(sides) == [f"rule-{rule:02}" for rule in range(1, N_RULES + 1)]
    for group, labels in sides.items():
        assert labels.total() >= 10, group
        assert labels.most_common()[1][1] >= 2, group


def test_a_kind_of_case_has_labels_or_has_none() -> None:
    for each in CASES:
        labels = {asked.label for asked in each.statements}
        if each.group.startswith("same-"):
            assert labels == {None}, each
            assert len(each.statements) >= 2, each
        else:
            assert labels <= set(STANCES), each
        if each.group.startswith("turned-"):
            assert len(labels) >= 2, each


def test_a_statement_of_a_case_stands_in_its_context() -> None:
    for each in CASES:
        for asked in each.statements:
            assert asked.context is None or asked.text in asked.context, each


def test_no_quote_that_models_learn_from_is_nearly_a_case() -> None:
    cases = [asked.context or asked.text for each in CASES for asked in each.statements]
    quotes = [row["context"] or row["text"] for row in ALL]
    texts = cases + quotes
    for one, other in alike(texts, 0.5):
        if one < len(cases) <= other and len(words(texts[one])) > 4:
            raise AssertionError((texts[one], texts[other]))
