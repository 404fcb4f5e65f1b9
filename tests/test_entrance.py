"""What is not let in gets the same answer from the protocol, before there is a task for it, as from the application, and stands in log and counts once."""

import asyncio
import logging
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.api import connections
from service.api.connections import GuardedProtocol
from service.classifier import Classifier
from service.keys import Keys, Role
from service.settings import Settings
from service.stance import Verdict
from tests.conftest import all_of, connected, listening
from tests.fakes import FakePool, fake_client, fake_served

BODY = b'{"statements": ["They denied it."]}'
POST = b"POST /v1/predict HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nContent-Length: %d\r\n" % len(BODY)


@contextmanager
def asked(pool: FakePool, settings: Settings | None = None, **options: object) -> Iterator[int]:
    with listening(fake_served(pool), settings, **{"http": GuardedProtocol, "limit_concurrency": 1_000, **options}) as port:
        yield port


def statuses(answers: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answers)]


def head(connection: socket.socket) -> bytes:
    """Up to the end of the first answer's head, and what came with it."""
    came = b""
    while b"\r\n\r\n" not in came:
        came += connection.recv(65_536)
    return came


def count(port: int, status: int) -> float:
    found = re.search(
        rf'onrecord_requests_total{{method="POST",path="/v1/predict",status="{status}"}} (\S+)', httpx.get(f"http://127.0.0.1:{port}/metrics").text
    )
    return float(found[1]) if found else 0.0


def test_the_protocol_refuses_as_the_application_does(caplog: pytest.LogCaptureFixture) -> None:
    found = []
    for protocol in (GuardedProtocol, "httptools"):
        pool = FakePool()
        with asked(pool, http=protocol) as port, caplog.at_level(logging.INFO, logger="onrecord.requests"):
            pool.waits = 2.3
            caplog.clear()
            response = httpx.post(f"http://127.0.0.1:{port}/v1/predict", json={"statements": ["They denied it."]}, headers={"X-Request-Id": "mine-1"})
            (facts,) = [record.facts for record in caplog.records if record.name == "onrecord.requests"]  # type: ignore[attr-defined]
            assert count(port, 429) == 1
            found.append((response.status_code, [pair for pair in response.headers.raw if pair[0] != b"date"], response.content, facts | {"ms": 0}))
    assert found[0] == found[1]
    assert found[0][0] == 429
    assert {b"retry-after", b"x-request-id", b"x-content-type-options", b"x-frame-options", b"referrer-policy"} <= {name for name, _ in found[0][1]}


def test_a_refused_connection_is_used_again_and_what_is_let_in_is_answered() -> None:
    pool = FakePool()
    with asked(pool) as port, connected(port) as connection:
        pool.waits = 1
        for _ in range(3):
            connection.sendall(POST + b"\r\n" + BODY)
            assert statuses(head(connection)) == [429]
        pool.waits = 0
        connection.sendall(POST + b"Connection: close\r\n\r\n" + BODY)
        assert statuses(all_of(connection)) == [200]


def test_a_body_that_comes_after_its_refusal_is_passed_over() -> None:
    pool = FakePool()
    with asked(pool) as port, connected(port) as connection:
        pool.waits = 1
        connection.sendall(POST + b"\r\n")
        assert statuses(head(connection)) == [429]
        for byte in BODY:
            connection.sendall(bytes([byte]))
        pool.waits = 0
        connection.sendall(POST + b"Connection: close\r\n\r\n" + BODY)
        assert statuses(all_of(connection)) == [200]


@pytest.mark.parametrize("head_of_it", [POST + b"Connection: close\r\n\r\n", POST.replace(b"HTTP/1.1", b"HTTP/1.0") + b"\r\n"], ids=["close", "HTTP/1.0"])
def test_a_caller_who_wants_no_more_is_left(head_of_it: bytes) -> None:
    pool = FakePool()
    with asked(pool, timeout_keep_alive=600) as port, connected(port) as connection:
        pool.waits = 1
        connection.sendall(head_of_it + BODY)
        assert statuses(all_of(connection)) == [429]


def test_a_pipeline_is_answered_in_order_however_long_it_is() -> None:
    pool = FakePool()
    with asked(pool, timeout_keep_alive=600) as port, connected(port) as connection:
        pool.waits = 1
        page = b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n"
        connection.sendall(page * 2 + (POST + b"\r\n" + BODY) * 1_000 + page.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert statuses(all_of(connection)) == [200] * 2 + [429] * 1_000 + [200]


def test_what_comes_behind_a_refusal_is_waited_for_as_long_as_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    classify = Classifier.classify_within

    async def slowly(*args: Any) -> list[Verdict]:
        await asyncio.sleep(1.5)
        return await classify(*args)

    monkeypatch.setattr(Classifier, "classify_within", slowly)
    pool = FakePool()
    with asked(pool, timeout_keep_alive=1) as port, connected(port) as connection:
        rooms = iter([1.0])
        monkeypatch.setattr(pool, "check_room", lambda n_chars: setattr(pool, "waits", next(rooms, 0.0)) or FakePool.check_room(pool, n_chars))
        connection.sendall((POST + b"\r\n" + BODY) * 2)
        answers = b""
        while len(statuses(answers)) < 2 and (part := connection.recv(65_536)):
            answers += part
        assert statuses(answers) == [429, 200]


def test_of_many_that_come_at_once_one_alone_is_refused_before_others_have_their_turn() -> None:
    within: list[int] = []  # how many requests were looked at while bytes came in

    class Noted(GuardedProtocol):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            refusal, self.takes = self._refusal, False

            def noted(scope: Any) -> Any:
                if self.takes:
                    within[-1] += 1
                return refusal(scope)

            self._refusal = noted

        def data_received(self, data: bytes) -> None:
            within.append(0)
            self.takes = True
            super().data_received(data)
            self.takes = False

    pool = FakePool()
    with asked(pool, http=Noted) as port, connected(port) as connection:
        pool.waits = 1
        connection.sendall((POST + b"\r\n" + BODY) * 200 + POST + b"Connection: close\r\n\r\n" + BODY)
        assert statuses(all_of(connection)) == [429] * 201
        assert max(within) == 1
        assert count(port, 429) == 201


def test_what_comes_behind_an_answer_that_closes_is_not_done(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    secret = keys.add("anna", Role.ADMIN)
    pool = FakePool()
    with asked(pool, replace(Settings(keys=keys.path), host="127.0.0.1")) as port, connected(port) as connection:
        n_asked = len(pool.asked)
        connection.sendall(POST + b"\r\n" + BODY + POST + f"Authorization: Bearer {secret}\r\n\r\n".encode() + BODY)
        assert statuses(all_of(connection)) == [401]
        time.sleep(0.2)
        assert len(pool.asked) == n_asked


def test_a_client_that_does_not_take_its_refusals_is_left(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(connections, "READ_SECONDS", 0.5)
    made: list[GuardedProtocol] = []
    lost = threading.Event()

    class Noted(GuardedProtocol):
        def connection_made(self, transport: Any) -> None:
            made.append(self)
            super().connection_made(transport)

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            if self is made[0]:
                lost.set()

    pool = FakePool()
    with asked(pool, http=Noted, timeout_keep_alive=1) as port, socket.socket() as connection:
        pool.waits = 1
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.connect(("127.0.0.1", port))
        for _ in range(20_000):  # until a little is left that the system's own buffers have no room for
            connection.sendall(POST + b"\r\n" + BODY)
            if made and made[0].transport.get_write_buffer_size():
                break
            time.sleep(0.0005)
        assert lost.wait(timeout=60)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_a_refused_connection_is_idle_once_its_body_is_there() -> None:
    pool = FakePool()
    with asked(pool, timeout_keep_alive=1) as port, connected(port) as connection:
        pool.waits = 1
        connection.sendall(POST + b"\r\n")
        assert statuses(head(connection)) == [429]
        time.sleep(0.1)
        connection.sendall(BODY[:5])
        time.sleep(0.1)
        connection.sendall(BODY[5:])
        began = time.monotonic()
        all_of(connection)
        assert time.monotonic() - began < 10


def test_a_key_is_counted_once_a_request(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    secret = keys.add("slow", Role.PREDICT, per_minute=3)
    with asked(FakePool(), replace(Settings(keys=keys.path), host="127.0.0.1")) as port:
        found = []
        for _ in range(5):
            response = httpx.post(
                f"http://127.0.0.1:{port}/v1/predict", content=BODY, headers={"Content-Type": "application/json", "Authorization": f"Bearer {secret}"}
            )
            found.append(response.status_code)
        assert httpx.post(f"http://127.0.0.1:{port}/v1/predict", content=BODY).status_code == 401
    assert found == [200, 200, 200, 429, 429]


@pytest.mark.parametrize("protocol", [GuardedProtocol, "httptools"])
def test_nobody_is_let_in_where_looking_at_a_request_fails(protocol: object, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    pool = FakePool()
    with asked(pool, http=protocol) as port:

        def fail(n_chars: int) -> None:
            raise RuntimeError("secret/path")

        monkeypatch.setattr(pool, "check_room", fail)
        n_asked = len(pool.asked)
        response = httpx.post(f"http://127.0.0.1:{port}/v1/predict", content=BODY, headers={"Content-Type": "application/json"})
        assert (response.status_code, response.json()["detail"]) == (500, "the service failed at this request; its log says why")
        assert len(pool.asked) == n_asked
        assert count(port, 500) == 1
    assert "secret/path" in caplog.text


def test_an_answer_to_a_fault_of_ours_can_be_found_in_the_log_too() -> None:
    pool = FakePool()
    client = fake_client(pool)
    for path, body in (("/v1/predict", BODY), ("/v1/quotes", b'{"text": "They denied it.", "label": "deny", "labeller": "anna"}')):
        pool.raises = RuntimeError("secret/path")
        client.app.state.labels = None  # type: ignore[attr-defined]  # whoever asks it for anything fails
        response = client.post(path, content=body, headers={"Content-Type": "application/json", "X-Request-Id": "mine-1"})
        assert (response.status_code, response.headers["X-Request-Id"], response.headers["X-Frame-Options"]) == (500, "mine-1", "DENY")


@pytest.mark.parametrize("sent", [b"\r\n", b""], ids=["a blank line", "half of a body"])
def test_what_is_no_request_keeps_no_connection_open(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "READ_SECONDS", 0.5)
    pool = FakePool()
    with asked(pool, timeout_keep_alive=1) as port, connected(port) as connection:
        pool.waits = 1
        connection.sendall(POST + b"\r\n" + (BODY if sent else b""))
        assert statuses(head(connection)) == [429]
        began = time.monotonic()
        connection.sendall(sent or BODY[:5])
        assert all_of(connection) == b""
        assert time.monotonic() - began < 10


@pytest.mark.parametrize("path", ["/v1/predict", "/v1/quotes", "/v1/quotes/import?labeller=anna"])
def test_a_caller_who_goes_away_in_the_middle_of_a_body_is_no_fault_of_ours(path: str, caplog: pytest.LogCaptureFixture) -> None:
    with asked(FakePool()) as port, caplog.at_level(logging.INFO):
        with connected(port) as connection:
            connection.sendall(POST.replace(b"/v1/predict", path.encode()) + b"\r\n" + BODY[:5])
            time.sleep(0.2)
        deadline = time.monotonic() + 20
        found: list[int] = []
        while not found:
            assert time.monotonic() < deadline
            time.sleep(0.02)
            found = [record.facts["status"] for record in caplog.records if record.name == "onrecord.requests" and record.facts["method"] == "POST"]  # type: ignore[attr-defined]
    assert found == [499]
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
