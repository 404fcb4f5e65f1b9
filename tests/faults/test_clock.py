"""The wall clock is set back or forward: nothing waits, ends, or comes before or after because of it."""

import ast
import time
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import pytest

from service.retrains import Runs, State
from service.settings import Settings
from tests.fakes import fake_client
from tests.test_architecture import MODULES, module_name

# Who may ask what time it is, and for what; all else, deadlines before all, goes by `time.monotonic`.
TELLERS = {
    "service.labels.store": "when an idempotency key may be forgotten, in a month; a key that is forgotten early makes a label that is there already",
    "service.labels.tally": "the day of a verdict",
    "service.api.quotes": "when a label was given; what is given now comes after what is there all the same",
    "service.keys": "when a key was made, for people",
    "service.registry": "when a model was promoted; the history is in the order of its lines",
    "service.retrains": "the name of a run, and how long its process may take to begin; tests below",
    "service.commands.labels": "when a file of labels was taken in",
    "service.logs": "the time of a line",
    "training.retrain": "when a run began and ended, for people",
    "training.candidate": "when a model was made, for people",
    "training.__main__": "the name of a model that was given none",
}
CLOCKS = {("datetime", "now"), ("datetime", "today"), ("datetime", "utcnow"), ("date", "today"), ("time", "time"), ("time", "time_ns"), ("time", "localtime")}


def asks(path: Path) -> bool:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    named = {(node.value.id, node.attr) for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)}
    return bool(named & CLOCKS)


def test_nobody_asks_the_wall_clock_but_for_a_date() -> None:
    assert {module_name(path) for path in MODULES if asks(path)} == set(TELLERS) - {"service.logs"}  # which is given it with each line


class Clock:
    """Set to another time whenever `ahead` is."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def kind(self) -> type[datetime]:
        clock = self

        class Set(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> Any:
                return datetime.now(tz) + clock.ahead

        return Set


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    for module in ("service.retrains", "service.api.quotes", "service.labels.store"):
        monkeypatch.setattr(f"{module}.datetime", found.kind())
    return found


JUMPS = pytest.mark.parametrize("ahead", [timedelta(days=-400), timedelta(minutes=-1), timedelta(days=400)], ids=["back", "a minute back", "forward"])


@JUMPS
def test_the_last_word_on_a_quote_is_the_last_that_was_said(clock: Clock, ahead: timedelta, labels_url: str) -> None:
    with fake_client(settings=Settings(labels=labels_url)) as client:
        quote = {"text": "They will pay for it.", "labeller": "anna"}
        client.post("/v1/quotes", json=quote | {"label": "deny"}).raise_for_status()
        clock.ahead = ahead
        client.post("/v1/quotes", json=quote | {"label": "appeal"}).raise_for_status()
        (found,) = client.post("/v1/quotes", json=quote | {"label": "threat"}, headers={"Idempotency-Key": "one"}).raise_for_status().json()["quotes"]
        assert (found["label"], found["status"]) == ("threat", "agreed")
        history = client.patch(f"/v1/quotes/{found['id']}", json={"labeller": "anna", "label": "other"}).raise_for_status().json()["history"]
        assert [change["label"] for change in history] == ["deny", "appeal", "threat", "other"]


@JUMPS
def test_runs_are_in_the_order_in_which_they_were_made(clock: Clock, ahead: timedelta, tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    made = []
    for jump in (timedelta(), ahead, ahead):
        clock.ahead = jump
        run = runs.create("anna", "strike news")
        runs.write(replace(run, state=State.REFUSED))
        made.append(run.id)
    assert [run.id for run in runs.listed()] == made[::-1]


@JUMPS
def test_a_run_whose_process_is_about_to_begin_waits_and_one_without_a_process_does_not(clock: Clock, ahead: timedelta, tmp_path: Path) -> None:
    stop = tmp_path / "stop"
    runs = Runs(tmp_path / "runs", ["sh", "-c", f"while ! test -e {stop}; do sleep 0.05; done"])
    run = runs.create("anna", "strike news")
    runs.start(run, {})
    clock.ahead = ahead
    assert runs.get(run.id).state is State.WAITING
    stop.touch()
    deadline = time.monotonic() + 60
    while runs.get(run.id).state is State.WAITING:
        assert time.monotonic() < deadline
        time.sleep(0.02)  # another process: there is nothing here to wait on
    assert runs.get(run.id).state is State.INTERRUPTED
