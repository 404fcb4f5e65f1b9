"""The database of labels is gone for a while: labels are refused in words, verdicts go on, and all is well once it is back."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from service.settings import Settings
from tests.databases import PostgresServer, new_database, postgres_programs, postgres_server
from tests.fakes import fake_client


def put(client: TestClient, text: str) -> Any:
    return client.post("/v1/quotes", json={"text": text, "label": "deny", "labeller": "anna"})


def texts(client: TestClient) -> list[str]:
    return sorted(quote["text"] for quote in client.get("/v1/quotes").raise_for_status().json()["quotes"])


def check_gone(client: TestClient) -> None:
    for answer in (put(client, "lost"), client.get("/v1/quotes"), client.get("/v1/quotes/export"), client.get("/v1/verdicts/daily")):
        assert answer.status_code == 503, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert "cannot be used" in answer.json()["detail"]
    assert client.post("/v1/predict", json={"statements": ["They denied it."]}).is_success
    assert client.post("/v1/articles", json={"article": "They denied it."}).is_success
    assert client.get("/readyz").is_success


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "labels"


@pytest.fixture
def client(folder: Path) -> Iterator[TestClient]:
    with fake_client(settings=Settings(labels=f"sqlite:///{folder}/labels.db")) as opened:
        yield opened


def test_labels_wait_for_a_folder_that_is_gone_and_no_empty_store_takes_its_place(client: TestClient, folder: Path) -> None:
    put(client, "one").raise_for_status()
    folder.rename(folder.with_name("away"))
    check_gone(client)
    assert not folder.exists()
    folder.with_name("away").rename(folder)
    put(client, "two").raise_for_status()
    assert texts(client) == ["one", "two"]


def test_a_store_that_was_removed_and_is_brought_back_from_a_copy_serves_on(client: TestClient, folder: Path) -> None:
    put(client, "one").raise_for_status()
    copy = shutil.copytree(folder, folder.with_name("copy"))
    put(client, "after the copy").raise_for_status()
    shutil.rmtree(folder)
    check_gone(client)
    shutil.copytree(copy, folder)
    put(client, "two").raise_for_status()
    assert texts(client) == ["one", "two"]


def test_a_label_is_not_written_to_a_file_that_another_has_taken_the_place_of(client: TestClient, folder: Path) -> None:
    put(client, "one").raise_for_status()
    copy = shutil.copytree(folder, folder.with_name("copy"))
    folder.rename(folder.with_name("old"))
    copy.rename(folder)
    put(client, "two").raise_for_status()
    with fake_client(settings=Settings(labels=f"sqlite:///{folder}/labels.db")) as other:
        assert texts(other) == ["one", "two"]


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    programs = postgres_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    with postgres_server(programs) as started:
        yield started


@pytest.mark.postgres
def test_labels_wait_for_a_postgresql_that_is_gone(server: PostgresServer) -> None:
    with fake_client(settings=Settings(labels=new_database(server.url))) as client:
        put(client, "one").raise_for_status()
        server.stop()
        try:
            check_gone(client)
        finally:
            server.start()
        put(client, "two").raise_for_status()
        assert texts(client) == ["one", "two"]
