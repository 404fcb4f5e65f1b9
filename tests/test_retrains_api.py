"""Retraining over HTTP, with a process that does no training but keeps to the contract: it waits for a word in a file, and ends as that word says."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from service.errors import Conflict
from service.retrains import Runs, State
from service.settings import Settings
from tests.fakes import fake_client

WHO = {"by": "anna", "reason": "strike news"}
# Says where it is, then waits for a word: a state to end with, or "crash".
WORKER = """
import signal, sys, time
from dataclasses import replace
from pathlib import Path
from service.retrains import Point, Runs, State

signal.signal(signal.SIGTERM, signal.default_int_handler)
folder, run_id = Path(sys.argv[1]), sys.argv[2]
runs = Runs(folder)
with runs.holding(run_id):
    run = replace(runs.get(run_id), state=State.RUNNING, stage="train", progress=0.25, curve=(Point(20, loss=1.5),))
    runs.write(run)
    print("fine-tuning:  1%\\rfine-tuning: 25%", flush=True)
    word = folder / "word"
    try:
        while not word.is_file():
            time.sleep(0.02)
    except KeyboardInterrupt:
        runs.write(replace(run, state=State.CANCELLED))
        sys.exit(130)
    said = word.read_text()
    if said == "crash":
        raise SystemExit(1)
    runs.write(replace(run, state=State(said), progress=1.0))
"""


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path / "retrains", [sys.executable, "-c", WORKER, str(tmp_path / "retrains")])


@pytest.fixture
def client(runs: Runs, tmp_path: Path) -> Iterator[TestClient]:
    with fake_client(settings=Settings(labels=f"sqlite:///{tmp_path}/labels.db", retrains=runs.folder)) as opened:
        opened.app.state.runs = runs  # type: ignore[attr-defined]
        yield opened
    if (running := runs.running()) is not None:
        runs.cancel(running)


def wait_for(state: Callable[[], Any], wanted: Any) -> None:
    """Another process: there is nothing to wait on but what it writes."""
    deadline = time.monotonic() + 60
    while (found := state()) != wanted:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def started(client: TestClient) -> str:
    answer = client.post("/v1/retrains", json=WHO)
    assert answer.status_code == 202, answer.text
    run = answer.json()["id"]
    assert answer.json()["state"] == "waiting"
    wait_for(lambda: client.get(f"/v1/retrains/{run}").json()["state"], "running")
    return str(run)


def say(runs: Runs, word: str) -> None:
    (runs.folder / "word").write_text(word)


def test_a_retraining_is_started_watched_and_ends(client: TestClient, runs: Runs) -> None:
    run = started(client)
    shown = client.get(f"/v1/retrains/{run}").json()
    assert (shown["stage"], shown["progress"], shown["curve"]) == ("train", 0.25, [{"step": 20, "loss": 1.5, "macro_f1": None}])
    wait_for(lambda: client.get(f"/v1/retrains/{run}").json()["log"], ["fine-tuning: 25%"])
    assert client.get(f"/v1/retrains/{run}", params={"log": 0}).json()["log"] == []
    assert client.get("/v1/retrains").json()["running"] == run
    say(runs, "promoted")
    wait_for(lambda: client.get(f"/v1/retrains/{run}").json()["state"], "promoted")
    wait_for(lambda: client.get("/v1/retrains").json()["running"], None)
    assert [row["id"] for row in client.get("/v1/retrains").json()["retrains"]] == [run]


def test_one_runs_at_a_time(client: TestClient, runs: Runs) -> None:
    run = started(client)
    refused = client.post("/v1/retrains", json=WHO)
    assert refused.status_code == 409
    assert run in refused.json()["detail"]
    with pytest.raises(Exception, match="runs already"), runs.holding(run):
        pass


def test_a_run_that_is_cancelled_ends_and_can_be_resumed(client: TestClient, runs: Runs) -> None:
    run = started(client)
    assert client.post(f"/v1/retrains/{run}/cancel").status_code == 202
    wait_for(lambda: client.get(f"/v1/retrains/{run}").json()["state"], "cancelled")
    wait_for(runs.running, None)
    assert client.post(f"/v1/retrains/{run}/cancel").status_code == 409
    assert client.post(f"/v1/retrains/{run}/resume").status_code == 202
    wait_for(lambda: client.get(f"/v1/retrains/{run}").json()["state"], "running")
    say(runs, "refused")
    wait_for(lambda: client.get(f"/v1/retrains/{run}").json()["state"], "refused")
    wait_for(runs.running, None)
    assert client.post(f"/v1/retrains/{run}/resume").status_code == 409


@pytest.mark.parametrize("end", ["crash", "kill -9"])
def test_a_run_whose_process_is_gone_is_interrupted(end: str, client: TestClient, runs: Runs) -> None:
    run = started(client)
    if end == "crash":
        say(runs, "crash")
    else:
        os.kill(int((runs.folder / ".lock").read_text().split()[1]), signal.SIGKILL)
    wait_for(lambda: client.get(f"/v1/retrains/{run}").json()["state"], "interrupted")
    assert client.get("/v1/retrains").json()["running"] is None


def test_a_run_outlives_the_service_that_started_it(runs: Runs, tmp_path: Path) -> None:
    settings = Settings(labels=f"sqlite:///{tmp_path}/labels.db", retrains=runs.folder)
    with fake_client(settings=settings) as first:
        first.app.state.runs = runs  # type: ignore[attr-defined]
        run = started(first)
    with fake_client(settings=settings) as second:
        assert second.get(f"/v1/retrains/{run}").json()["state"] == "running"
        say(runs, "passed")
        wait_for(lambda: second.get(f"/v1/retrains/{run}").json()["state"], "passed")


def test_a_run_whose_process_never_began_is_interrupted_after_a_while(runs: Runs) -> None:
    run = runs.create("anna", "strike news")
    assert runs.get(run.id).state is State.WAITING
    runs.write(replace(run, created="2026-01-01T00:00:00+00:00"))
    assert runs.get(run.id).state is State.INTERRUPTED


def test_a_double_click_starts_one(runs: Runs) -> None:
    first = runs.create("anna", "strike news")
    with pytest.raises(Conflict, match=first.id):
        runs.create("anna", "strike news")
    assert [run.id for run in runs.listed()] == [first.id]


@pytest.mark.parametrize("run", ["20260101-000000", "..", "x", "%2e%2e", "-"])
def test_a_run_that_is_not_there_is_a_404(run: str, client: TestClient) -> None:
    for answer in (client.get(f"/v1/retrains/{run}"), client.post(f"/v1/retrains/{run}/cancel"), client.post(f"/v1/retrains/{run}/resume")):
        assert answer.status_code in (404, 405), answer.text


@pytest.mark.parametrize("body", [{}, {"by": "anna"}, {"by": "anna", "reason": ""}, {"by": "", "reason": "x"}, WHO | {"promtoe": False}])
def test_a_request_that_makes_no_sense_is_refused(body: dict[str, Any], client: TestClient) -> None:
    assert client.post("/v1/retrains", json=body).status_code == 422
    assert client.get("/v1/retrains").json()["retrains"] == []


def test_a_run_is_followed_event_by_event_to_its_end(client: TestClient, runs: Runs) -> None:
    run = client.post("/v1/retrains", json=WHO).json()["id"]
    seen = []
    with client.stream("GET", f"/v1/retrains/{run}/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        for line in response.iter_lines():
            if line.startswith("data:"):
                seen.append(json.loads(line.removeprefix("data:")))
                if seen[-1]["stage"] == "train":
                    (runs.folder / "word").write_text("refused", encoding="utf-8")
    assert seen[-1]["state"] == "refused"
    assert [point["loss"] for point in seen[-1]["curve"]] == [1.5]
    assert any("25%" in line for line in seen[-1]["log"])


def test_a_run_that_is_not_there_is_not_followed(client: TestClient) -> None:
    assert client.get("/v1/retrains/20260101-000000-000000/events").status_code == 404


def test_streams_end_when_the_service_does(client: TestClient) -> None:
    run = client.post("/v1/retrains", json=WHO).json()["id"]
    client.app.state.is_closing = True  # type: ignore[attr-defined]
    assert client.get(f"/v1/retrains/{run}/events").text == ""
