"""The service is told to end, or killed: who is answered, and what is still there afterwards."""

import json
import random
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.bench.loop import Service
from tests.conftest import running_service
from tests.fakes import write_toy_model

BODY = json.dumps({"statements": ["They denied it."]}).encode()
HEAD = b"POST /v1/predict HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(BODY)
ENDS_WITHIN = 50  # seconds on a machine with much else to do; a body is waited for longer


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_model(tmp_path_factory.mktemp("models") / "toy", name="toy").path


def begun(port: int) -> socket.socket:
    """A request whose head the service has read, and that waits for its body."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    connection.sendall(HEAD)
    assert connection.recv(65_536).startswith(b"HTTP/1.1 100 ")  # sent when the body is asked for
    return connection


def takes_nobody(port: int) -> bool:
    with suppress(ConnectionError), socket.create_connection(("127.0.0.1", port), timeout=5):
        return False
    return True


def test_sigterm_answers_who_has_begun_refuses_who_comes_and_ends_with_0(model: Path) -> None:
    with running_service("--model", str(model)) as (process, address, log):
        port = int(address.rpartition(":")[2])
        with begun(port) as connection:
            process.send_signal(signal.SIGTERM)
            while not takes_nobody(port):
                time.sleep(0.02)  # another process: there is nothing here to wait on
            connection.sendall(BODY)
            head, _, body = b"".join(iter(lambda: connection.recv(65_536), b"")).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert json.loads(body)["verdicts"][0]["stance"] == "deny"
        assert process.wait(timeout=ENDS_WITHIN) == 0
        assert "Traceback" not in log.read_text(encoding="utf-8")


def test_a_request_that_never_ends_does_not_keep_the_service_from_ending(model: Path) -> None:
    with running_service("--model", str(model)) as (process, address, _), begun(int(address.rpartition(":")[2])):
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=ENDS_WITHIN) == 0


@pytest.fixture
def killed_often(tmp_path: Path) -> Iterator[Service]:
    write_toy_model(tmp_path / "models" / "released", name="released")
    service = Service(tmp_path)
    service.start()
    yield service
    service.close()


def test_a_service_that_is_killed_at_any_moment_has_every_label_that_it_said_it_has(killed_often: Service) -> None:
    said: set[str] = set()
    moments = random.Random(7)  # noqa: S311 - moments, no secrets
    for number in range(3):
        killer = threading.Timer(moments.uniform(0.05, 1), killed_often.kill)
        killer.start()
        with suppress(httpx.HTTPError):
            for n in range(100_000):
                quote = {"text": f"They denied it ({number}-{n}).", "label": "deny", "labeller": "anna"}
                said.update(row["id"] for row in killed_often.post("/v1/quotes", quote)["quotes"])
        killer.join()
        killed_often.start()
        found = killed_often.http.get("/v1/quotes/export").raise_for_status().text.splitlines()
        assert not said - {json.loads(line)["id"] for line in found}
    assert said
