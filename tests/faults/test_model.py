"""The model's folder, or the threads that run it, are gone."""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from service.api.app import create_app
from service.api.served import ServedModel
from service.classifier import Classifier, classifier_of
from service.model_folder import ModelFolder
from service.pool import Pool
from service.registry import Registry
from service.settings import Settings
from service.statements.statement import Statement
from tests.fakes import THRESHOLDS, Turnstile, card, write_toy_model

DENIED = {"statements": ["They denied it."]}


@pytest.fixture
def models(tmp_path: Path) -> Path:
    write_toy_model(tmp_path / "models" / "released", name="released")
    return tmp_path / "models"


@pytest.fixture
def client(models: Path) -> Iterator[TestClient]:
    """Of a service with a network that is a real ONNX file in `models`, which it follows."""

    def open_classifier(folder: ModelFolder) -> Classifier:
        return classifier_of(folder, 1)

    registry = Registry(models)
    folder = registry.open("released")
    served = ServedModel(folder.card, lambda: open_classifier(folder), registry=registry, open_classifier=open_classifier)
    with TestClient(create_app(served, Settings(labels=f"sqlite:///{models.parent}/labels.db", models=models))) as opened:
        wait_for(lambda: opened.get("/readyz").is_success)
        yield opened


def wait_for(is_so: Callable[[], bool]) -> None:
    """Another thread: there is nothing here to wait on."""
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("which", ["released", "."], ids=["the model's", "that of all models"])
def test_a_folder_that_is_removed_is_told_of_and_its_model_serves_on_from_memory(client: TestClient, models: Path, which: str) -> None:
    away = models.with_name("away")
    (models / which).rename(away)
    assert client.post("/v1/predict", json=DENIED).json()["verdicts"][0]["stance"] == "deny"
    assert client.get("/readyz").is_success
    told = client.get("/v1/models").json()
    assert (told["served"], told["in_use"]) == ("released", "released")
    (model,) = told["models"]
    assert model["is_served"]
    assert "there is no such folder" in model["problem"]
    shutil.move(away, models / which)
    assert client.get("/v1/models").json()["models"][0]["problem"] is None


def mortal(statement: Statement) -> None:
    if "end" in statement.text:
        raise SystemExit


def classifier() -> Classifier:
    return Classifier(Pool([Turnstile(holds=False, does=mortal), Turnstile(holds=False)]), 1.0, THRESHOLDS, "fake")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_callers_of_a_service_whose_threads_are_gone_are_told_and_wait_for_nothing() -> None:
    served = ServedModel(card(), lambda: Classifier(Pool([Turnstile(holds=False, does=mortal)]), 1.0, THRESHOLDS, "fake"))
    with TestClient(create_app(served, Settings())) as client:
        wait_for(lambda: client.get("/readyz").is_success)
        for statement in ("end", "They denied it."):
            answer = client.post("/v1/predict", json={"statements": [statement]})
            assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
        assert client.get("/readyz").status_code == 503
        assert "onrecord_ready 0.0" in client.get("/metrics").text
        assert client.get("/healthz").is_success


@pytest.mark.parametrize("follows", [True, False], ids=["a model that is followed", "a model that was named"])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_model_whose_thread_has_ended_is_loaded_again_by_itself(models: Path, follows: bool) -> None:
    registry = Registry(models) if follows else None
    served = ServedModel(card(), classifier, registry=registry, open_classifier=lambda folder: classifier(), name="released")
    with TestClient(create_app(served, Settings())) as client:
        wait_for(lambda: client.get("/readyz").is_success)
        number = 0
        while client.post("/v1/predict", json={"statements": [f"end {number}"]}).is_success:  # one of the two threads outlives it
            number += 1
        wait_for(lambda: client.get("/readyz").is_success)
        assert client.post("/v1/predict", json=DENIED).json()["verdicts"][0]["stance"] == "deny"
