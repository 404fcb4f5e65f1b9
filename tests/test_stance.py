"""The label set: five names in an order that trained models rely on, each with a definition."""

import json

import pytest

from service.stance import ACTS, DEFINITIONS, STANCES, Stance


def test_the_labels_stand_in_the_order_of_a_models_outputs() -> None:
    # Models already trained have their columns in this order: a label may be appended here, none moved.
    assert [str(stance) for stance in STANCES[:5]] == ["confirm", "deny", "threat", "appeal", "other"]


def test_every_act_is_a_label_and_other_is_none() -> None:
    assert {*ACTS, Stance.OTHER} == set(STANCES)
    assert Stance.OTHER not in ACTS


def test_every_label_is_defined_in_the_order_of_the_labels() -> None:
    assert tuple(DEFINITIONS) == STANCES


@pytest.mark.parametrize("stance", STANCES)
def test_a_definition_says_enough_to_label_by(stance: Stance) -> None:
    definition = DEFINITIONS[stance]
    assert definition.text.endswith(".")
    assert len(definition.examples) >= 2
    elsewhere = {example for other in STANCES if other is not stance for example in DEFINITIONS[other].examples}
    assert elsewhere.isdisjoint(definition.examples)


def test_a_label_is_written_as_its_bare_name() -> None:
    assert json.dumps({"stance": Stance.DENY}) == '{"stance": "deny"}'
    assert f"{Stance.DENY}" == "deny"
    assert Stance("deny") is Stance.DENY
