"""The served model is being loaded, ready, or failed, and says so in a sentence."""

import logging
import threading

import pytest

from service.api.served import ServedModel
from service.classifier import Classifier
from service.errors import InvalidModelFolder, NotReady
from service.stance import Stance
from service.statements.statement import Statement
from tests.fakes import FakeNetwork, card, fake_classifier, fake_served

DENIED = [Statement("They denied it.")]


def test_a_model_that_has_not_begun_to_load_is_not_ready() -> None:
    served = fake_served()
    assert served.why_not_ready() == "the model is being loaded"
    with pytest.raises(NotReady, match="being loaded"):
        served.classify(DENIED)


def test_a_model_is_not_ready_while_it_loads_and_ready_afterwards() -> None:
    may_end = threading.Event()

    def load() -> Classifier:
        may_end.wait(timeout=30)
        return fake_classifier()

    served = ServedModel(card(), load)
    thread = served.start()
    assert served.why_not_ready() == "the model is being loaded"
    with pytest.raises(NotReady, match="being loaded"):
        served.classify(DENIED)
    may_end.set()
    thread.join(timeout=30)
    assert served.why_not_ready() is None
    assert served.classify(DENIED)[0].stance is Stance.DENY


def test_a_model_is_ready_only_once_a_forward_pass_has_run() -> None:
    network = FakeNetwork()
    fake_served(network).start().join()
    assert [len(statements) for statements in network.asked] == [1]


def test_a_forward_pass_that_fails_is_no_readiness() -> None:
    served = fake_served(FakeNetwork(raises=NotReady("no answer")))
    served.start().join()
    assert served.why_not_ready() == "the model cannot be loaded: no answer"
    with pytest.raises(NotReady, match="cannot be loaded: no answer"):
        served.classify(DENIED)


def test_a_folder_that_is_refused_is_told_in_its_own_words() -> None:
    def load() -> Classifier:
        raise InvalidModelFolder("models/x: config.json is missing")

    served = ServedModel(card(), load)
    served.start().join()
    assert served.why_not_ready() == "the model cannot be loaded: models/x: config.json is missing"


def test_a_failure_that_nobody_foresaw_goes_to_the_log_and_not_to_the_caller(caplog: pytest.LogCaptureFixture) -> None:
    def load() -> Classifier:
        raise MemoryError("secret/path")

    served = ServedModel(card(), load)
    with caplog.at_level(logging.ERROR, logger="onrecord"):
        served.start().join()
    assert served.why_not_ready() == "the model cannot be loaded; the service's log says why"
    assert "secret/path" in caplog.text


def test_a_network_that_dies_later_takes_the_readiness_with_it() -> None:
    network = FakeNetwork()
    served = fake_served(network)
    served.start().join()
    network.alive = False
    assert served.why_not_ready() == "the inference threads are gone; restart the service"
    n_asked = len(network.asked)
    with pytest.raises(NotReady, match="threads are gone"):
        served.classify(DENIED)
    assert len(network.asked) == n_asked, "a dead network was asked"
