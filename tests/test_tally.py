"""Verdicts are counted by day, model and stance, over all services that share a database, and no count is lost while it cannot be reached."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from service.errors import StoreUnavailable
from service.labels.database import Database
from service.labels.tally import Tally
from service.settings import Settings
from service.stance import Stance, Verdict
from tests.fakes import fake_client


def verdict(stance: Stance, *, certain: bool = True) -> Verdict:
    return Verdict(stance, 0.9, (0.1, 0.9, 0.0, 0.0, 0.0), certain, False)


@pytest.fixture
def tally(labels_url: str) -> Iterator[Tally]:
    opened = Tally(Database(labels_url))
    yield opened
    opened.close()


def rows(tally: Tally) -> list[tuple[str, Stance, int, int]]:
    return [(count.model, count.stance, count.n, count.n_certain) for count in tally.daily(1)]


def test_counts_add_up_over_writes_models_and_services(tally: Tally, labels_url: str) -> None:
    tally.count("a", [verdict(Stance.DENY), verdict(Stance.DENY, certain=False), verdict(Stance.OTHER)])
    tally.write()
    tally.count("a", [verdict(Stance.DENY)])
    other = Tally(Database(labels_url))
    other.count("a", [verdict(Stance.DENY)])
    other.count("b", [verdict(Stance.THREAT)])
    other.close()  # writes what is left
    assert rows(tally) == [("a", Stance.DENY, 4, 3), ("a", Stance.OTHER, 1, 1), ("b", Stance.THREAT, 1, 1)]
    assert rows(tally) == rows(tally)  # asking counts nothing


def test_databases_that_are_brought_up_to_date_at_once_in_one_process_do_not_disturb_each_other(tmp_path: Path) -> None:
    tallies = [Tally(Database(f"sqlite:///{tmp_path}/{number}.db")) for number in range(12)]
    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(rows, tallies)) == [[]] * 12
    for tally in tallies:
        tally.close()


def test_nothing_is_lost_while_the_database_cannot_be_used(tmp_path: Path) -> None:
    folder = tmp_path / "away"
    folder.write_text("a file where a folder should be", encoding="utf-8")
    tally = Tally(Database(f"sqlite:///{folder}/labels.db"))
    tally.count("a", [verdict(Stance.DENY)])
    with pytest.raises(StoreUnavailable):
        tally.write()
    tally.count("a", [verdict(Stance.DENY)])
    folder.unlink()
    assert rows(tally) == [("a", Stance.DENY, 2, 2)]
    tally.close()


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with fake_client(settings=Settings(labels=f"sqlite:///{tmp_path}/labels.db")) as opened:
        yield opened


def test_every_way_of_asking_is_counted_and_no_text_is_kept(client: TestClient, tmp_path: Path) -> None:
    client.post("/v1/predict", json={"statements": ["He denied it.", "They urged her on."]})
    client.post("/predict", json={"inputs": "He denied it."})
    client.post("/v1/articles", json={"article": "Ana Ruiz denied any role in the deal."})
    days = client.get("/v1/verdicts/daily").json()["days"]
    assert {(day["stance"], day["n"]) for day in days} == {("deny", 3), ("appeal", 1)}
    assert b"any role in the deal" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


@pytest.mark.parametrize("days", ["0", "367", "x"])
def test_days_out_of_range_are_refused(client: TestClient, days: str) -> None:
    assert client.get("/v1/verdicts/daily", params={"days": days}).status_code == 422
