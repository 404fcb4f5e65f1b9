"""Who may ask what over HTTP, once there are keys; and how everybody else is answered."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from starlette.routing import Mount

from service.api.guard import is_named, wanted_role
from service.keys import Keys, Role
from service.labels.store import LabelStore
from service.logs import REQUESTS
from service.settings import Settings
from tests.fakes import fake_client

STATEMENTS = {"statements": ["They denied it."]}
OPEN = {"/", "/healthz", "/readyz", "/page", "/static-offline-docs", "/docs"}


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "keys.json")


Opened = Callable[..., TestClient]


@pytest.fixture
def opened(keys: Keys, tmp_path: Path) -> Iterator[Opened]:
    """A client of a service with the keys that there are by then; `role` makes one that it sends."""
    clients: list[TestClient] = []

    def opened(role: Role | None = None, **options: Any) -> TestClient:
        headers = {"Authorization": f"Bearer {keys.add(str(role), role)}"} if role else {}
        client = fake_client(settings=Settings(keys=keys.path, labels=f"sqlite:///{tmp_path}/labels.db", retrains=tmp_path / "retrains", **options))
        client.headers.update(headers)
        clients.append(client)
        return client

    yield opened
    for client in clients:
        store: LabelStore = client.app.state.labels  # type: ignore[attr-defined]
        store.close()


def problem(response: httpx2.Response, status: int) -> str:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    return str(response.json()["detail"])


def routes(client: TestClient) -> list[tuple[str, str]]:
    """Method and path of all that the application answers, whether the docs tell of it or not."""
    found = []
    for route in iter_route_contexts(client.app.routes):  # type: ignore[attr-defined]
        assert route.path is not None
        if isinstance(route.original_route, Mount):
            found.append(("GET", route.path))
            continue
        assert route.methods, f"{route.path} is no HTTP route: service/api/guard.py lets it through unseen"
        found += [(method, route.path) for method in sorted(route.methods)]
    assert len(found) > 30
    return found


def test_somebody_has_said_of_every_route_who_may_ask_for_it(opened: Opened) -> None:
    for _, path in routes(opened()):
        assert is_named(path), f"give {path} a role in service/api/guard.py"
    assert wanted_role("GET", "/v9/forgotten") is Role.ADMIN


def test_nothing_but_the_page_and_the_probes_is_answered_without_a_key(opened: Opened, keys: Keys) -> None:
    keys.add("anna", Role.ADMIN)
    client = opened()
    seen = set()
    for method, path in routes(client):
        if path in OPEN:
            seen.add(path)
            continue
        for headers in ({}, {"Authorization": "Bearer onrecord_wrong"}):
            response = client.request(method, path.replace("{", "").replace("}", ""), headers=headers)
            assert response.status_code == 401, (method, path)
            assert response.headers["www-authenticate"] == "Bearer"
    assert seen == OPEN
    assert client.get("/").status_code == client.get("/page/app.js").status_code == client.get("/docs").status_code == client.get("/healthz").status_code == 200


READS = {"predict": ("/v1/labels", "/v1/model", "/v1/models", "/v1/example", "/openapi.json", "/metrics"), "label": ("/v1/quotes", "/v1/verdicts/daily")}
READS |= {"admin": ("/v1/retrains",)}
WRITES = {"predict": ("/v1/predict", "/predict", "/v1/articles", "/v1/documents"), "label": ("/v1/quotes", "/v1/quotes/import")}
WRITES |= {"admin": ("/v1/retrains", "/v1/retrains/x/cancel", "/v1/models/rollback", "/v1/models/released/promote", "/v9/unknown")}


@pytest.mark.parametrize("role", Role)
def test_a_key_may_do_what_its_role_says_and_no_more(opened: Opened, role: Role) -> None:
    client = opened(role)
    for method, paths in (("GET", READS), ("POST", WRITES)):
        for wanted, group in paths.items():
            for path in group:
                response = client.request(method, path)
                if role.covers(Role(wanted)):
                    assert response.status_code not in (401, 403), (method, path)
                else:
                    assert problem(response, 403) == f"key {role}: wanted the role {wanted}, got the role {role}"


def test_without_keys_this_machine_asks_as_before(opened: Opened) -> None:
    assert opened().post("/v1/predict", json=STATEMENTS).status_code == 200
    assert opened().post("/v1/predict", json=STATEMENTS, headers={"Authorization": "Bearer hf_unused"}).status_code == 200


def test_where_others_can_reach_it_no_key_means_nobody_unless_it_was_said_to_be_open(opened: Opened, keys: Keys) -> None:
    for host in ("0.0.0.0", "192.168.1.7", "::", "example.org"):  # noqa: S104
        assert opened(host=host).get("/v1/labels").status_code == 401
        assert opened(host=host, open=True).get("/v1/labels").status_code == 200
    for host in ("127.0.0.1", "127.8.8.8", "::1", "localhost"):
        assert opened(host=host).get("/v1/labels").status_code == 200
    keys.add("anna", Role.LABEL)
    assert opened(host="0.0.0.0", open=True).get("/v1/labels").status_code == 401, "with keys, they count"  # noqa: S104


def test_all_keys_work_however_the_scheme_is_written(opened: Opened, keys: Keys) -> None:
    secrets = [keys.add(name, Role.PREDICT) for name in ("anna", "ben")]
    client = opened()
    for secret in secrets:
        for header in (f"Bearer {secret}", f"bearer {secret}", f"BEARER  {secret} "):
            assert client.get("/v1/labels", headers={"Authorization": header}).status_code == 200
    for header in ("", "Bearer", secrets[0], f"Basic {secrets[0]}", f"Bearer {secrets[0]}x", f"Bearer {secrets[0][:-1]}", "Bearer \xff"):
        assert client.get("/v1/labels", headers={"Authorization": header.encode("latin-1")}).status_code == 401


def test_who_may_not_ask_is_refused_before_the_body_is_read(opened: Opened, keys: Keys) -> None:
    low, slow = keys.add("low", Role.PREDICT), keys.add("slow", Role.ADMIN, 1)
    app: Any = opened().app
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        raise AssertionError("the body was asked for")

    async def send(message: Any) -> None:
        sent.append(message)

    def ask(method: str, *headers: tuple[bytes, bytes]) -> tuple[int, bool]:
        """The status, and whether the connection is closed, since a stranger's body may be without end."""
        sent.clear()
        asyncio.run(app({"type": "http", "method": method, "path": "/v1/retrains", "query_string": b"", "headers": list(headers)}, receive, send))
        return sent[0]["status"], (b"connection", b"close") in sent[0]["headers"]

    body = (b"transfer-encoding", b"chunked")
    assert ask("POST", body) == (401, True)
    assert ask("POST", body, (b"authorization", f"Bearer {low}".encode())) == (403, True)
    assert ask("GET") == (401, False)
    assert ask("GET", (b"authorization", f"Bearer {slow}".encode()))[0] == 200
    assert ask("POST", body, (b"authorization", f"Bearer {slow}".encode())) == (429, False)


def test_a_key_with_a_limit_is_told_when_to_ask_again(opened: Opened, keys: Keys) -> None:
    secret = keys.add("slow", Role.PREDICT, 3)
    client = opened()
    headers = {"Authorization": f"Bearer {secret}"}
    assert [client.get("/v1/labels", headers=headers).status_code for _ in range(3)] == [200] * 3
    response = client.get("/v1/labels", headers=headers)
    assert "the key slow may ask 3 times a minute" in problem(response, 429)
    assert 15 <= int(response.headers["retry-after"]) <= 20
    assert client.get("/healthz", headers=headers).status_code == 200


def test_a_broken_file_of_keys_lets_nobody_in_and_keeps_the_probes(opened: Opened, keys: Keys, caplog: pytest.LogCaptureFixture) -> None:
    secret = keys.add("anna", Role.ADMIN)
    keys.path.write_text('{"keys": [', encoding="utf-8")
    client = opened()
    with caplog.at_level(logging.ERROR):
        for headers in ({}, {"Authorization": f"Bearer {secret}"}):
            detail = problem(client.get("/v1/labels", headers=headers), 503)
            assert "python -m service keys list" in detail
            assert str(keys.path) not in detail, "a stranger need not know where it lies"
    assert str(keys.path) in caplog.text
    assert len(caplog.records) == 1, "once for each change"
    assert client.get("/healthz").status_code == client.get("/").status_code == 200


def test_the_log_says_whose_key_it_was_and_nobody_ever_sees_the_key(opened: Opened, keys: Keys, caplog: pytest.LogCaptureFixture) -> None:
    secret = keys.add("anna", Role.PREDICT)
    client = opened()
    with caplog.at_level(logging.DEBUG):
        answers = [
            client.get("/v1/labels", headers={"Authorization": f"Bearer {secret}"}),
            client.get("/v1/quotes", headers={"Authorization": f"Bearer {secret}"}),
            client.get("/v1/labels", headers={"Authorization": f"Bearer {secret}x"}),
            client.get("/metrics", headers={"Authorization": f"Bearer {secret}"}),
        ]
    facts = [record.facts for record in caplog.records if record.name == REQUESTS]  # type: ignore[attr-defined]
    assert [fact.get("key") for fact in facts] == ["anna", "anna", None, "anna"]
    assert [fact["status"] for fact in facts] == [200, 403, 401, 200]
    seen = "".join(f"{record.__dict__}" for record in caplog.records if record.name.startswith("onrecord")) + "".join(answer.text for answer in answers)
    assert secret not in seen
    assert keys.read()[0].sha256 not in seen


def test_the_docs_say_that_a_key_is_wanted_and_how_the_lack_of_one_is_answered(opened: Opened) -> None:
    client = opened()
    for _ in range(2):  # the document is made once and handed out many times
        document = client.get("/openapi.json").json()
    assert document["components"]["securitySchemes"]["key"] | {"description": ""} == {"type": "http", "scheme": "bearer", "description": ""}
    n_guarded = 0
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            role = wanted_role(method.upper(), path)
            assert operation.get("security") == ([{"key": []}] if role else None), path
            if role:
                n_guarded += 1
                assert {"401", "403", "429", "503"} <= set(operation["responses"])
                assert f"`{role}`" in operation["responses"]["403"]["description"]
                assert all("application/problem+json" in operation["responses"][status]["content"] for status in ("401", "403", "429", "503"))
    assert n_guarded > 20
