"""Strangers at the door: heads and bodies that never end, connections that stop half way, and what stands in the log about it."""

import json
import logging
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest

from service.api import connections, limits
from service.logs import REQUESTS, LogForm, set_up
from tests.conftest import all_of, connected, listening
from tests.fakes import fake_client, fake_served

GOOD = b"POST /v1/predict HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nContent-Length: 33\r\n\r\n"
BODY = b'{"statements": ["They denied it"]}'[:33]


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Of a service in this process whose patience is short."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.5)
    monkeypatch.setattr(connections, "READ_SECONDS", 0.5)
    monkeypatch.setattr(limits, "BODY_SECONDS", 0.5)
    with listening(fake_served(), http=connections.GuardedProtocol, limit_concurrency=1_000) as found:
        yield found


def answers(port: int) -> bool:
    return httpx.post(f"http://127.0.0.1:{port}/predict", json={"inputs": "They denied it."}, timeout=20).is_success


@pytest.mark.parametrize(
    "sent", [b"", b"GET /healthz HTTP/1.1\r\n", b"GET /healthz HTTP/1.1\r\nHost: here\r\nX-Slow: "], ids=["nothing", "a line", "half a header"]
)
def test_a_head_that_does_not_come_is_waited_for_no_longer_than_it_may(port: int, sent: bytes) -> None:
    with connected(port) as connection:
        connection.sendall(sent)
        began = time.monotonic()
        assert all_of(connection, ConnectionError) == b""
        assert time.monotonic() - began < 10
    assert answers(port)


def test_the_next_head_of_a_connection_has_to_come_in_time_too(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n")
        answer = b""
        while not answer.endswith(b"}"):  # head and body may come one after the other
            answer += connection.recv(65_536)
        assert answer.startswith(b"HTTP/1.1 200")
        connection.sendall(b"GET /healthz HTTP/1.1\r\n")
        assert all_of(connection, ConnectionError) == b""


def test_a_drip_of_header_lines_does_not_keep_a_connection_open(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\n")
        began = time.monotonic()
        with suppress(ConnectionError):
            for number in range(200):
                connection.sendall(b"X-%d: drip\r\n" % number)
                time.sleep(0.05)
        assert time.monotonic() - began < 5


def test_a_head_without_end_is_refused(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: here\r\nX-Long: ")
        with suppress(ConnectionError):
            for _ in range(100):
                connection.sendall(b"x" * 10_000)
        answer = all_of(connection, ConnectionError)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")  # a client that goes on sending may lose the answer to a reset
    assert answers(port)


def test_many_headers_are_refused_in_words(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: here\r\n" + b"X-Many: 0123456789\r\n" * 4_000)
        head, _, body = all_of(connection, ConnectionError).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 431 ")
    assert json.loads(body)["status"] == 431


def test_a_body_that_does_not_come_gets_an_answer(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(GOOD + BODY[:10])
        head, _, body = all_of(connection, ConnectionError).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert json.loads(body)["errors"] == [{"where": "body", "came": "a part of it in 0.5 s", "wanted": "the whole of it"}]
    assert answers(port)


def test_a_body_that_drips_is_waited_for_no_longer_than_it_may(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(GOOD)
        began = time.monotonic()
        with suppress(ConnectionError):
            for byte in BODY[:-1]:
                connection.sendall(bytes([byte]))
                time.sleep(0.05)
        assert all_of(connection, ConnectionError).startswith(b"HTTP/1.1 408 ")
        assert time.monotonic() - began < 10
    assert answers(port)


def test_a_client_that_does_not_take_its_answers_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "READ_SECONDS", 0.5)
    is_left = threading.Event()

    class Noted(connections.GuardedProtocol):
        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            is_left.set()

    with listening(fake_served(), http=Noted, timeout_keep_alive=600) as port, connected(port) as connection:
        connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: here\r\n\r\n" * 1_000)  # far more answers than the buffers between the two hold
        assert is_left.wait(timeout=120)
        assert answers(port)


def test_a_client_that_closes_its_half_or_goes_away_does_no_harm(port: int) -> None:
    for sent in (b"POST", GOOD, GOOD + BODY[:5], GOOD + BODY):
        with connected(port) as connection:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            all_of(connection, ConnectionError)
        with connected(port) as connection:
            connection.sendall(sent)
    assert answers(port)


def test_every_answer_has_the_id_of_its_request_and_the_log_has_it_too(caplog: pytest.LogCaptureFixture) -> None:
    client = fake_client()
    with caplog.at_level(logging.INFO, logger="onrecord.requests"):
        own = client.post("/v1/predict?who=anna", json={"statements": ["A secret denied it."]}, headers={"X-Request-Id": "mine-1"})
        given = client.get("/nowhere", headers={"X-Request-Id": "two words\t"})
        client.get("/healthz")
    assert own.headers["X-Request-Id"] == "mine-1"
    assert re.fullmatch(r"[0-9a-f]{16}", given.headers["X-Request-Id"])
    facts = [record.facts for record in caplog.records if record.name == "onrecord.requests"]  # type: ignore[attr-defined]
    assert [(fact["id"], fact["path"], fact["status"]) for fact in facts] == [("mine-1", "/v1/predict", 200), (given.headers["X-Request-Id"], "/nowhere", 404)]
    assert "secret" not in caplog.text
    assert "anna" not in str(facts)


def test_answers_tell_browsers_what_not_to_do_and_let_no_other_site_read_them() -> None:
    client = fake_client()
    for path in ("/", "/healthz", "/v1/model", "/nowhere"):
        headers = client.get(path, headers={"Origin": "https://example.org"}).headers
        assert (headers["X-Content-Type-Options"], headers["X-Frame-Options"], headers["Referrer-Policy"]) == ("nosniff", "DENY", "no-referrer")
        assert not [name for name in headers if name.startswith("access-control")]


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_log_line_is_one_line_in_its_form(form: LogForm, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.Logger("root of its own")
    requests = logging.getLogger(REQUESTS)
    before = requests.level
    monkeypatch.setattr(logging, "basicConfig", lambda level, handlers: root.addHandler(handlers[0]))
    set_up(form)
    assert requests.isEnabledFor(logging.INFO) == (form == "json")
    requests.setLevel(before)
    root.info("request", extra={"facts": {"path": "/a\nINFO: forged\x1b[31m", "status": 404}})
    (line,) = capsys.readouterr().err.splitlines()
    if form == "json":
        row = json.loads(line)
        assert (row["level"], row["message"], row["path"], row["status"]) == ("info", "request", "/a\nINFO: forged\x1b[31m", 404)
    else:
        assert line == 'INFO: request path="/a\\nINFO: forged\\u001b[31m" status=404'
