"""Logits become verdicts: temperature, thresholds and abstention, in the order of the statements."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.classifier import open_classifier, softmax
from service.errors import InvalidModelFolder, NotReady
from service.stance import STANCES, Stance
from service.statements.statement import Statement
from tests.fakes import CERTAIN, CUES, MAX_WORDS, THRESHOLDS, UNSURE, FakePool, fake_classifier, write_model_folder, write_toy_model

DENIED = Statement("any role in the bombing", "The group denied any role in the bombing.")
NO_CUE = Statement("We are looking into it.")


@pytest.mark.parametrize(("cue", "stance"), CUES.items())
def test_the_likeliest_stance_is_the_verdict(cue: str, stance: Stance) -> None:
    (verdict,) = fake_classifier().classify([Statement(f"It is {cue}.")])
    assert verdict.stance is stance
    assert verdict.probability == max(verdict.probabilities) == verdict.probabilities[STANCES.index(stance)]
    assert verdict.certain


def test_an_unsure_network_abstains() -> None:
    (verdict,) = fake_classifier().classify([NO_CUE])
    assert (verdict.stance, verdict.certain) == (Stance.OTHER, False)
    assert verdict.probability == pytest.approx(UNSURE, abs=1e-4)


def test_a_sure_network_does_not_abstain() -> None:
    (verdict,) = fake_classifier().classify([DENIED])
    assert (verdict.stance, verdict.certain) == (Stance.DENY, True)
    assert verdict.probability == pytest.approx(CERTAIN, abs=1e-4)


def test_each_stance_has_its_own_threshold() -> None:
    strict = fake_classifier(thresholds=THRESHOLDS | {"deny": 0.95})
    denied, confirmed = strict.classify([DENIED, Statement("He confirmed it.")])
    assert (denied.stance, denied.certain) == (Stance.DENY, False)
    assert (confirmed.stance, confirmed.certain) == (Stance.CONFIRM, True)


def test_a_probability_equal_to_the_threshold_is_certain() -> None:
    (verdict,) = fake_classifier().classify([NO_CUE])
    for threshold, is_certain in ((verdict.probability, True), (math.nextafter(verdict.probability, 1), False)):
        (again,) = fake_classifier(thresholds=THRESHOLDS | {"other": threshold}).classify([NO_CUE])
        assert again.certain is is_certain


def test_thresholds_are_found_by_label_and_not_by_their_order_in_the_card() -> None:
    backwards = dict(reversed((THRESHOLDS | {"other": 0.3}).items()))
    assert fake_classifier(thresholds=backwards).classify([NO_CUE])[0].certain


def test_equal_logits_give_the_first_of_the_labels() -> None:
    (verdict,) = fake_classifier().classify([Statement("She denied one thing and confirmed another.")])
    assert verdict.stance is Stance.CONFIRM
    assert verdict.probabilities[0] == verdict.probabilities[1]


def test_a_higher_temperature_makes_less_certain_and_changes_no_stance() -> None:
    statements = [Statement(f"It is {cue}.") for cue in CUES]
    plain, softer = (fake_classifier(temperature=temperature).classify(statements) for temperature in (1.0, 2.0))
    assert [verdict.stance for verdict in softer] == [verdict.stance for verdict in plain]
    assert all(soft.probability < sharp.probability for soft, sharp in zip(softer, plain, strict=True))
    assert softer[0].probability == pytest.approx(math.e**2 / (math.e**2 + math.e**0.5 + 3))  # logits 4, 0, 0, 0, 1 halved


def test_verdicts_come_in_the_order_of_the_statements() -> None:
    statements = [Statement(f"It is {cue}, number {number}.") for number in range(20) for cue in CUES]
    assert [verdict.stance for verdict in fake_classifier().classify(statements)] == list(CUES.values()) * 20


def test_a_verdict_does_not_depend_on_its_neighbours() -> None:
    statements = [DENIED, NO_CUE, Statement("They will regret this.")]
    alone = [fake_classifier().classify([statement])[0] for statement in statements]
    assert fake_classifier().classify(statements) == alone


def test_no_statements_get_no_verdicts() -> None:
    assert fake_classifier().classify([]) == []


def test_a_text_longer_than_the_model_reads_is_marked() -> None:
    whole, cut = Statement("word " * MAX_WORDS), Statement("word " * MAX_WORDS + "denied")
    verdicts = fake_classifier().classify([whole, cut, whole])
    assert [verdict.truncated for verdict in verdicts] == [False, True, False]
    assert verdicts[1].stance is Stance.OTHER, "the verdict rests on what stands beyond the end"


def test_a_network_that_cannot_answer_is_not_ready() -> None:
    network = FakePool()
    classifier = fake_classifier(network)
    assert classifier.is_alive()
    network.alive = False
    assert not classifier.is_alive()
    with pytest.raises(NotReady):
        classifier.classify([DENIED])


def test_a_verdict_holds_plain_numbers() -> None:
    (verdict,) = fake_classifier().classify([DENIED])
    assert {type(verdict.probability), *map(type, verdict.probabilities)} == {float}
    assert (type(verdict.certain), type(verdict.truncated)) == (bool, bool)


@settings(deadline=None)
@given(
    rows=st.lists(st.lists(st.floats(-1e4, 1e4, width=32), min_size=5, max_size=5), max_size=8),
    temperature=st.floats(0.05, 20),
)
def test_probabilities_sum_to_1_whatever_the_logits(rows: list[list[float]], temperature: float) -> None:
    logits = np.array(rows, dtype=np.float32).reshape(len(rows), 5)
    probabilities = softmax(logits, temperature)
    assert probabilities.shape == logits.shape
    assert probabilities.min(initial=0) >= 0
    assert probabilities.sum(axis=1) == pytest.approx(1)
    likeliest = np.take_along_axis(probabilities, logits.argmax(axis=1, keepdims=True), axis=1)[:, 0]
    assert (likeliest == probabilities.max(axis=1, initial=0)).all()


def test_a_model_folder_brings_its_own_temperature_and_thresholds(tmp_path: Path) -> None:
    write_toy_model(tmp_path, name="mild", temperature=2.0, thresholds=THRESHOLDS | {"deny": 0.5})
    classifier = open_classifier(tmp_path, n_threads=1)
    statements = [DENIED, NO_CUE, Statement("He confirmed it.")]
    assert classifier.name == "mild"
    assert classifier.classify(statements) == fake_classifier(temperature=2.0, thresholds=THRESHOLDS | {"deny": 0.5}).classify(statements)


def test_a_folder_whose_network_is_none_is_refused(tmp_path: Path) -> None:
    write_model_folder(tmp_path)
    with pytest.raises(InvalidModelFolder, match="ONNX Runtime cannot open it"):
        open_classifier(tmp_path, n_threads=1)
