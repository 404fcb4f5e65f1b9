"""Too much, too late, and nobody there any more: what the caller gets, and that no more work is done than somebody waits for."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from service.api.callers import TIMEOUT
from service.api.served import ServedModel
from service.classifier import Classifier
from service.pool import Pool
from tests.conftest import listening
from tests.fakes import THRESHOLDS, FakePool, Turnstile, card, fake_client

BODIES = {
    "/v1/predict": {"statements": ["They denied it."]},
    "/predict": {"inputs": "They denied it."},
    "/v1/articles": {"article": "Ana Ruiz denied any role in the deal."},
}


@pytest.mark.parametrize("path", BODIES)
def test_too_much_is_refused_with_a_time_to_come_back(path: str) -> None:
    pool = FakePool()
    client = fake_client(pool)
    pool.waits = 2.3
    response = client.post(path, json=BODIES[path])
    assert response.status_code == 429
    assert response.headers["Retry-After"] == "3"
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["detail"] == "much is queued"
    counted = f'onrecord_requests_total{{method="POST",path="{path}",status="429"}} 1.0'
    assert counted in client.get("/metrics").text
    pool.waits = 0
    assert client.post(path, json=BODIES[path]).is_success


def test_what_is_refused_is_refused_before_it_is_read() -> None:
    pool = FakePool()
    client = fake_client(pool)
    pool.waits = 1
    assert client.post("/v1/predict", content=b"{", headers={"Content-Type": "application/json"}).status_code == 429
    # What people correct is never refused for it.
    labelled = client.post("/v1/quotes", json={"text": "They denied it.", "label": "deny", "labeller": "anna"})
    assert labelled.is_success


@pytest.mark.parametrize(
    ("value", "wanted"),
    [("0", "greater than 0"), ("-1", "greater than 0"), ("soon", "a number"), ("inf", "a finite number"), ("nan", "a finite number")],
)
def test_a_time_that_is_none_is_a_fault_of_the_caller(value: str, wanted: str) -> None:
    response = fake_client().post("/v1/predict", json=BODIES["/v1/predict"], headers={TIMEOUT: value})
    assert response.status_code == 422
    (fault,) = response.json()["errors"]
    assert fault == {"where": f"header {TIMEOUT}", "came": f'"{value}"', "wanted": wanted}


@contextmanager
def held_by(network: Turnstile) -> Iterator[str]:
    """The address of a service in this process before a network that holds what it is asked."""
    pool = Pool([network])
    network.let()  # the forward pass by which it becomes ready
    with listening(ServedModel(card(), lambda: Classifier(pool, 1.0, THRESHOLDS, "fake"))) as port:
        network.wait_for()
        network.seen.clear()
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            network.let(1_000)
    pool.close()


def test_a_caller_who_gives_it_half_a_second_is_told_after_it_and_nothing_more_is_done() -> None:
    network = Turnstile()
    with held_by(network) as address:
        began = time.monotonic()
        body = {"statements": ["One denied it.", "Another denied it.", "A third denied it."]}
        response = httpx.post(f"{address}/v1/predict", json=body, headers={TIMEOUT: "0.5"}, timeout=30)
        assert 0.4 < time.monotonic() - began < 5
        assert response.status_code == 504
        assert "0.5 s were not enough" in response.json()["detail"]
        network.let(2)
        assert httpx.post(f"{address}/v1/predict", json=BODIES["/v1/predict"], headers={TIMEOUT: "20"}, timeout=30).is_success
        assert network.seen == ["One denied it.", "They denied it."]


def test_work_whose_caller_has_hung_up_is_not_done() -> None:
    network = Turnstile()
    with held_by(network) as address:
        body = {"statements": [f"Number {number} denied it." for number in range(50)]}
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{address}/v1/predict", json=body, timeout=0.3)
        network.wait_for()
        deadline = time.monotonic() + 30
        while 'status="499"' not in httpx.get(f"{address}/metrics", timeout=30).text:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        network.let(2)
        assert httpx.post(f"{address}/predict", json={"inputs": "A last one."}, timeout=30).is_success
        assert network.seen == ["Number 0 denied it.", "A last one."]
        assert json.loads(httpx.get(f"{address}/readyz", timeout=30).text) == {"status": "ready"}
