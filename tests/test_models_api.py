"""Models over HTTP: the list, promotion past the gate, rollback, and what is refused, with models that run and take no time."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
from fastapi.testclient import TestClient

from service.api.app import create_app
from service.api.served import ServedModel
from service.classifier import classifier_of
from service.registry import Registry
from service.settings import Settings
from tests.fakes import NO_KEYS, write_toy_model

WHO = {"by": "anna", "reason": "better"}


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    for day, name in enumerate(("released", "one", "two")):
        write_toy_model(tmp_path / "models" / name, name=f"card of {name}", created=f"2026-01-0{day + 1}T00:00:00+00:00", temperature=1.0 + day)
    return Registry(tmp_path / "models")


@pytest.fixture
def client(registry: Registry, tmp_path: Path) -> Iterator[TestClient]:
    folder = registry.open("released")
    served = ServedModel(folder.card, lambda: classifier_of(folder, 2), registry=registry, open_classifier=lambda chosen: classifier_of(chosen, 2))
    settings = Settings(models=registry.models, labels=f"sqlite:///{tmp_path}/labels.db", keys=NO_KEYS)
    with TestClient(create_app(served, settings)) as opened:
        while opened.get("/readyz").status_code != 200:
            pass
        yield opened


def predict(client: TestClient) -> tuple[str, float]:
    answer = client.post("/v1/predict", json={"statements": ["They denied it."]}).json()
    return answer["model"], answer["verdicts"][0]["probability"]


def test_the_list_shows_results_and_who_promoted_what_and_why(client: TestClient, registry: Registry) -> None:
    registry.keep_gate_verdict("one", ["F1 of deny is low."], beside="released")
    client.post("/v1/models/one/promote", json=WHO | {"force": True})
    listed = client.get("/v1/models").json()
    assert (listed["served"], listed["in_use"], listed["refusal"]) == ("one", "card of one", None)
    assert [model["name"] for model in listed["models"]] == ["two", "one", "released"]
    one = listed["models"][1]
    assert one["results"]["macro_f1"] == 0.8125
    assert one["gate"]["sentences"] == ["F1 of deny is low."]
    (promotion,) = one["promotions"]
    assert (promotion["by"], promotion["reason"], promotion["forced"], promotion["sentences"]) == ("anna", "better", True, ["F1 of deny is low."])


def test_a_promotion_has_taken_place_when_it_is_answered(client: TestClient, registry: Registry) -> None:
    registry.keep_gate_verdict("one", [], beside="released")
    before = predict(client)
    answer = client.post("/v1/models/one/promote", json=WHO)
    assert answer.status_code == 200
    after = predict(client)
    assert (before[0], after[0]) == ("card of released", "card of one")
    assert after[1] < before[1], "it is the other model's temperature"
    assert client.get("/v1/model").json()["name"] == "card of one"
    assert client.post("/v1/models/rollback", json=WHO).json()["in_use"] == "card of released"
    assert predict(client) == before


def test_the_gate_is_told_and_the_served_model_stays(client: TestClient, registry: Registry) -> None:
    registry.keep_gate_verdict("one", ["F1 of deny is 0.700, 0.120 under the bar of 0.820."], beside="released")
    answer = client.post("/v1/models/one/promote", json=WHO)
    assert answer.status_code == 409
    assert "0.120 under the bar" in answer.json()["detail"]
    assert predict(client)[0] == "card of released"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/models/absent/promote", WHO, 404),
        ("/v1/models/%2e%2e/promote", WHO, 404),
        ("/v1/models/one/promote", WHO, 409),
        ("/v1/models/one/promote", {"by": "anna"}, 422),
        ("/v1/models/one/promote", {"by": "anna", "reason": ""}, 422),
        ("/v1/models/rollback", WHO, 422),
        ("/v1/models/rollback", WHO | {"to": "two"}, 422),
        ("/v1/models/rollback", {"reason": "?"}, 422),
    ],
)
def test_what_cannot_be_is_refused_and_the_served_model_stays(path: str, body: dict[str, str], status: int, client: TestClient) -> None:
    answer = client.post(path, json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert predict(client)[0] == "card of released"


def test_a_model_that_is_damaged_is_refused_and_the_old_one_serves_on(client: TestClient, registry: Registry) -> None:
    registry.keep_gate_verdict("one", [], beside="released")
    (registry.models / "one" / "tokenizer.json").write_text("{}")
    answer = client.post("/v1/models/one/promote", json=WHO)
    assert answer.status_code == 503
    assert "SHA-256" in answer.json()["detail"]
    assert predict(client)[0] == "card of released"


def test_fifty_clients_get_whole_answers_while_models_are_promoted_and_rolled_back(client: TestClient, registry: Registry) -> None:
    """Each model has a temperature of its own, so that a probability tells whose it is."""
    statements = ["They denied it."] * 5
    expected = {predict(client)}
    for name in ("one", "two"):
        client.post(f"/v1/models/{name}/promote", json=WHO | {"force": True})
        expected.add(predict(client))
    done = Event()

    def ask(_: int) -> set[tuple[str, float]]:
        found = set()
        while not done.is_set():
            answer = client.post("/v1/predict", json={"statements": statements})
            assert answer.status_code == 200, answer.text
            found |= {(answer.json()["model"], verdict["probability"]) for verdict in answer.json()["verdicts"]}
            assert len({verdict["probability"] for verdict in answer.json()["verdicts"]}) == 1, "an answer of two models"
        return found

    with ThreadPoolExecutor(50) as pool:
        asking = [pool.submit(ask, number) for number in range(50)]
        for number in range(12):
            if number % 3 == 2:
                assert client.post("/v1/models/rollback", json=WHO).status_code == 200
            else:
                assert client.post(f"/v1/models/{('one', 'two')[number % 2]}/promote", json=WHO | {"force": True}).status_code == 200
        done.set()
        assert set().union(*(each.result() for each in asking)) <= expected
