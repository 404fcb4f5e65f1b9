"""The disk is full: nothing that was taken is lost, verdicts go on, and it works again once there is room."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from service.api.app import create_app
from service.retrains import Runs
from service.settings import Settings
from tests.fakes import fake_served, write_toy_model

WHO = {"by": "anna", "reason": "strike news"}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of a megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount, umount = shutil.which("mount"), shutil.which("umount")
    command = [str(mount), "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or not mount or not umount or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a small disk needs root, and the right to mount one")
    yield folder
    subprocess.run([umount, "--lazy", str(folder)], check=True)


@pytest.fixture
def client(disk: Path) -> Iterator[TestClient]:
    write_toy_model(disk / "models" / "one", name="one")
    settings = Settings(labels=f"sqlite:///{disk}/labels.db", retrains=disk / "retrains", models=disk / "models")
    app = create_app(fake_served(), settings)
    app.state.runs = Runs(settings.retrains, [sys.executable, "-c", ""])
    app.state.served.start().join()
    with TestClient(app, raise_server_exceptions=False) as opened:
        opened.get("/v1/quotes").raise_for_status()  # the database is made, and gives no room back once the disk is full
        yield opened


def fill(disk: Path) -> Path:
    """A file that takes all the room that is left."""
    with (disk / "ballast").open("wb", buffering=0) as out:
        try:
            while out.write(bytes(1024)) == 1024:
                pass
        except OSError:
            pass
    return disk / "ballast"


def check_refusal(answer: Any) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["Retry-After"]) > 0
    assert "full" in answer.json()["detail"] or "No space left" in answer.json()["detail"]


def check_verdicts(client: TestClient) -> None:
    assert client.post("/v1/predict", json={"statements": ["They denied it."]}).json()["verdicts"][0]["stance"] == "deny"
    assert client.get("/readyz").is_success


def label(client: TestClient, number: int) -> Any:
    return client.post("/v1/quotes", json={"text": f"They denied it ({number}).", "note": "x" * 1_900, "label": "deny", "labeller": "anna"})


def test_a_full_disk_takes_no_label_loses_none_and_takes_them_again_once_there_is_room(client: TestClient, disk: Path) -> None:
    kept = {label(client, 0).raise_for_status().json()["quotes"][0]["id"]}
    ballast = fill(disk)
    for number in range(1, 1_000):  # what is left inside the files of the database takes a few more
        answer = label(client, number)
        if not answer.is_success:
            break
        kept.add(answer.json()["quotes"][0]["id"])
    check_refusal(answer)
    check_verdicts(client)
    assert {quote["id"] for quote in client.get("/v1/quotes", params={"limit": 1_000}).json()["quotes"]} == kept
    ballast.unlink()
    kept.add(label(client, 1_000).raise_for_status().json()["quotes"][0]["id"])
    assert {quote["id"] for quote in client.get("/v1/quotes", params={"limit": 1_000}).json()["quotes"]} == kept


def test_a_retraining_for_which_there_is_no_room_is_refused_and_leaves_nothing(client: TestClient, disk: Path) -> None:
    ballast = fill(disk)
    check_refusal(client.post("/v1/retrains", json=WHO))
    assert client.get("/v1/retrains").json()["retrains"] == []
    check_verdicts(client)
    ballast.unlink()
    assert client.post("/v1/retrains", json=WHO).status_code == 202


def test_a_promotion_that_cannot_be_written_down_does_not_take_place(client: TestClient, disk: Path) -> None:
    ballast = fill(disk)
    check_refusal(client.post("/v1/models/one/promote", json=WHO | {"force": True}))
    assert client.get("/v1/models").json()["served"] == "released"
    ballast.unlink()
    assert client.post("/v1/models/one/promote", json=WHO | {"force": True}).json()["served"] == "one"
