"""The served model is being loaded, ready, or failed, and says so in a sentence."""

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from service.api.served import ServedModel
from service.classifier import Classifier
from service.errors import InvalidModelFolder, NotReady
from service.model_folder import SERVED, ModelFolder
from service.registry import Registry
from service.stance import Stance
from service.statements.statement import Statement
from tests.fakes import FakePool, card, fake_classifier, fake_served, write_files, write_model_folder

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
    network = FakePool()
    fake_served(network).start().join()
    assert [len(statements) for statements in network.asked] == [1]


def test_a_forward_pass_that_fails_is_no_readiness() -> None:
    served = fake_served(FakePool(raises=NotReady("no answer")))
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
    network = FakePool()
    served = fake_served(network)
    served.start().join()
    network.alive = False
    assert served.why_not_ready() == "the inference threads are gone; the model is being loaded again"
    n_asked = len(network.asked)
    with pytest.raises(NotReady, match="threads are gone"):
        served.classify(DENIED)
    assert len(network.asked) == n_asked, "a dead network was asked"


@pytest.fixture
def networks() -> dict[str, FakePool]:
    """The network of each model that was opened, by the model's name."""
    return {}


@pytest.fixture
def following(tmp_path: Path, networks: dict[str, FakePool]) -> Iterator[tuple[ServedModel, Registry]]:
    """A served model that follows a registry of three: `released`, which it begins with, `one` and `two`."""
    for name in ("released", "one", "two"):
        write_model_folder(tmp_path / name, name=name)
    registry = Registry(tmp_path)

    def open_classifier(folder: ModelFolder) -> Classifier:
        networks[folder.card.name] = FakePool()
        return fake_classifier(networks[folder.card.name])

    folder = registry.open("released")
    served = ServedModel(folder.card, lambda: open_classifier(folder), registry=registry, open_classifier=open_classifier)
    served.start().join()
    yield served, registry
    served.stop()


def test_a_promotion_changes_the_model_and_closes_the_former(following: tuple[ServedModel, Registry], networks: dict[str, FakePool]) -> None:
    served, registry = following
    registry.promote("one", by="anna", reason="better")
    served.change()
    assert served.card.name == "one"
    assert not networks["released"].is_alive()
    assert served.classify(DENIED)[0].stance is Stance.DENY


def test_a_promotion_by_another_process_is_noticed(following: tuple[ServedModel, Registry]) -> None:
    served, registry = following
    registry.promote("one", by="anna", reason="better")
    deadline = threading.Event()
    for _ in range(100):
        if served.card.name == "one":
            break
        deadline.wait(0.1)  # the other thread looks twice a second
    assert served.card.name == "one"


def test_a_request_that_has_begun_ends_with_the_model_that_it_began_with(following: tuple[ServedModel, Registry], networks: dict[str, FakePool]) -> None:
    served, registry = following
    with served.using() as model:
        registry.promote("one", by="anna", reason="better")
        served.change()
        assert served.card.name == "one"
        assert model.card.name == "released"
        assert model.classify(DENIED)[0].stance is Stance.DENY
        assert networks["released"].is_alive()
    assert not networks["released"].is_alive()


def test_no_request_is_lost_while_models_change(following: tuple[ServedModel, Registry], networks: dict[str, FakePool]) -> None:
    served, registry = following
    done = threading.Event()

    def ask(_: int) -> set[str]:
        names = set()
        while not done.is_set():
            with served.using() as model:
                assert model.classify(DENIED)[0].stance is Stance.DENY
                names.add(model.card.name)
        return names

    with ThreadPoolExecutor(8) as pool:
        asking = [pool.submit(ask, number) for number in range(8)]
        for number in range(60):
            registry.promote(("one", "two", "released")[number % 3], by="anna", reason="to and fro")
            served.change()
        done.set()
        assert set().union(*(each.result() for each in asking)) <= {"one", "two", "released"}
    assert [name for name, network in networks.items() if network.is_alive()] == ["released"]


@pytest.mark.parametrize("damage", ["no card", "other labels", "too new", "changed file", "a pickle", "no model of that name", "no name"])
def test_a_model_that_cannot_be_used_is_refused_and_the_old_one_serves_on(
    damage: str, following: tuple[ServedModel, Registry], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    served, registry = following
    bad = tmp_path / "bad"
    if damage == "no card":
        write_files(bad)
    elif damage != "no model of that name":
        write_model_folder(bad, name="bad")
    if damage == "other labels":
        (bad / "card.json").write_text((bad / "card.json").read_text().replace('"appeal"', '"plea"'))
    if damage == "too new":
        (bad / "card.json").write_text((bad / "card.json").read_text().replace('"format": 2', '"format": 99'))
    if damage == "changed file":
        (bad / "config.json").write_text("{}")
    if damage == "a pickle":
        (bad / "model.bin").write_bytes(b"")
    (tmp_path / SERVED).write_text("../bad" if damage == "no name" else "bad\n")
    with caplog.at_level(logging.ERROR, logger="onrecord"):
        served.change()
        served.change()
    assert served.card.name == "released"
    assert served.refusal is not None
    assert len([record for record in caplog.records if "released serves on" in record.getMessage()]) == 1, "it is said once, not twice a second"
    assert served.classify(DENIED)[0].stance is Stance.DENY
    registry.promote("one", by="anna", reason="repaired")
    served.change()
    assert (served.card.name, served.refusal) == ("one", None)


def test_a_model_whose_forward_pass_fails_is_refused(tmp_path: Path) -> None:
    for name in ("released", "one"):
        write_model_folder(tmp_path / name, name=name)
    registry = Registry(tmp_path)

    def open_classifier(folder: ModelFolder) -> Classifier:
        return fake_classifier(FakePool(raises=NotReady("no answer") if folder.card.name == "one" else None))

    folder = registry.open("released")
    served = ServedModel(folder.card, lambda: open_classifier(folder), registry=registry, open_classifier=open_classifier)
    served.start().join()
    registry.promote("one", by="anna", reason="better")
    served.change()
    served.stop()
    assert served.card.name == "released"
    assert served.refusal == "the model that was to serve cannot be loaded: no answer"


def test_a_fault_that_nobody_foresaw_in_a_new_model_does_not_end_the_looking(tmp_path: Path) -> None:
    for name in ("released", "one", "two"):
        write_model_folder(tmp_path / name, name=name)
    registry = Registry(tmp_path)
    networks = {name: FakePool(raises=ValueError("shapes differ") if name == "one" else None) for name in ("released", "one", "two")}

    def open_classifier(folder: ModelFolder) -> Classifier:
        return fake_classifier(networks[folder.card.name])

    folder = registry.open("released")
    served = ServedModel(folder.card, lambda: open_classifier(folder), registry=registry, open_classifier=open_classifier)
    served.start().join()
    registry.promote("one", by="anna", reason="better")
    served.change()
    assert "shapes differ" in str(served.refusal)
    assert not networks["one"].is_alive(), "its threads were left"
    registry.promote("two", by="anna", reason="better")
    served.change()
    served.stop()
    assert (served.card.name, served.refusal) == ("two", None)


def test_a_service_whose_first_model_failed_takes_the_next_one(tmp_path: Path) -> None:
    for name in ("released", "one"):
        write_model_folder(tmp_path / name, name=name)
    registry = Registry(tmp_path)

    def fail() -> Classifier:
        raise InvalidModelFolder("released: it cannot be opened")

    served = ServedModel(registry.open("released").card, fail, registry=registry, open_classifier=lambda folder: fake_classifier())
    served.start().join()
    assert served.why_not_ready() is not None
    registry.promote("one", by="anna", reason="repair")
    served.change()
    served.stop()
    assert served.why_not_ready() is None
    assert served.card.name == "one"
