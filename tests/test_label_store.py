"""The store of labelled quotes, on SQLite and on a real PostgreSQL: what goes in, what is found, and what several at once may not break."""

import os
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from service.errors import InvalidInput, NotFound, StoreUnavailable
from service.labels.quote import Change, Given, Kind, Quote, Source, Status
from service.labels.search import Search
from service.labels.store import LabelStore, Outcome
from service.labels.tables import metadata
from service.stance import Stance, Verdict
from service.statements.statement import Statement

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
_minutes = count()


def labelled(text: str, label: str | None, by: str = "anna", at: datetime | None = None, **fields: object) -> Quote:
    """A quote with one change, a minute later than the last one made here."""
    kind = Kind.ADD if label is None else Kind.LABEL
    time = at or NOON + timedelta(minutes=next(_minutes))
    story = fields.pop("story", None)
    return Quote(Statement(text, f"He said: {text}"), (Change(kind, by, time, Source.API, label, **fields),), story)  # type: ignore[arg-type]


def put(store: LabelStore, *quotes: Quote) -> list[Quote]:
    return [quote for quote, _ in store.merge(quotes)]


def texts(quotes: list[Quote]) -> list[str]:
    return [quote.statement.text for quote in quotes]


def verdict(stance: Stance, probability: float) -> Verdict:
    return Verdict(stance, probability, (0.0, 0.0, 0.0, 0.0, 0.0), False, False)


def test_a_quote_comes_back_as_it_went_in(store: LabelStore) -> None:
    given = Given("r1", Stance.OTHER, 0.625)
    quote = labelled("We “never” signed – 協定", "deny", speaker="Ana Ruiz", note="plain", verdict=given, story="pact")
    assert store.merge([quote]) == [(quote, Outcome.CREATED)]
    assert store.get(quote.id) == quote
    assert list(store.everything()) == [quote]


def test_the_same_statement_twice_is_one_record(store: LabelStore) -> None:
    first, second = labelled("No.", "deny"), labelled("No.", "other", "ben")
    outcomes = [outcome for _, outcome in store.merge([first, second])]
    assert outcomes == [Outcome.CREATED, Outcome.CHANGED]
    (found,) = store.everything()
    assert (found.status, set(found.opinions)) == (Status.DISPUTED, {"anna", "ben"})
    assert store.merge([second])[0][1] is Outcome.UNCHANGED


def test_nothing_is_put_in_where_a_request_fails(store: LabelStore) -> None:
    with pytest.raises(ZeroDivisionError):
        store.answer_once("key", "digest", lambda _: str(1 // 0), [labelled("Yes.", "confirm"), labelled("No.", "deny")])
    assert list(store.everything()) == []


def test_history_is_kept_when_labels_change(store: LabelStore) -> None:
    (quote,) = put(store, labelled("No.", "deny"))
    later = NOON + timedelta(days=1)
    store.change(quote.id, [Change(Kind.LABEL, "anna", later, Source.PAGE, "other")])
    after = store.change(quote.id, [Change(Kind.DELETE, "ben", later, Source.API)])
    assert [(change.kind, change.label) for change in after.changes] == [(Kind.LABEL, "deny"), (Kind.LABEL, "other"), (Kind.DELETE, None)]
    assert store.get(quote.id) == after
    assert store.find(Search()).total == 0
    assert store.find(Search(status=Status.DELETED)).quotes == [after]


def test_a_quote_that_is_not_there_is_said_so(store: LabelStore) -> None:
    for act in (lambda: store.get("0" * 16), lambda: store.change("0" * 16, [])):
        with pytest.raises(NotFound, match="there is no quote"):
            act()


def test_quotes_are_found_by_what_they_are(store: LabelStore) -> None:
    agreed = labelled("A", "deny", verdict=Given("r1", Stance.OTHER, 0.5))
    upheld = labelled("B", "appeal", "ben", verdict=Given("r1", Stance.APPEAL, 0.9))
    disputed = labelled("C", "deny")
    put(store, agreed, upheld, disputed, labelled("C", "other", "ben"), labelled("D", None))
    for search, expected in {
        Search(): "DCBA",
        Search(label="deny"): "A",
        Search(stance=Stance.APPEAL): "B",
        Search(status=Status.DISPUTED): "C",
        Search(status=Status.UNLABELLED): "D",
        Search(labeller="ben"): "CB",
        Search(corrected=True): "A",
        Search(corrected=False): "B",
        Search(since=upheld.changes[0].at): "DCB",
        Search(until=upheld.changes[0].at): "A",
        Search(label="deny", labeller="ben"): "",
    }.items():
        page = store.find(search)
        assert "".join(texts(page.quotes)) == expected, search
        assert page.total == len(expected)


def test_pages_show_every_quote_once_although_new_ones_come_in(store: LabelStore) -> None:
    put(store, *(labelled(f"quote {number}", "other") for number in range(25)))
    seen, cursor = [], None
    while True:
        page = store.find(Search(), 10, cursor)
        seen += texts(page.quotes)
        put(store, labelled(f"late {len(seen)}", "other"))
        cursor = page.next
        if cursor is None:
            break
    assert seen == [f"quote {number}" for number in reversed(range(25))]


def test_a_cursor_that_we_did_not_give_is_refused(store: LabelStore) -> None:
    for cursor in ("x", "-1", "1e3", "", "9" * 40):
        with pytest.raises(InvalidInput, match="cursor"):
            store.find(Search(), cursor=cursor)


def test_what_the_model_is_least_sure_of_comes_first(store: LabelStore) -> None:
    sure, unsure, unjudged, done = put(store, *(labelled(text, None) for text in ("sure", "unsure", "unjudged")), labelled("done", "other"))
    assert len(store.without_verdict_of("r1", 10)) == 3
    store.keep_verdicts("r1", {sure.id: verdict(Stance.DENY, 0.95), unsure.id: verdict(Stance.OTHER, 0.41), done.id: verdict(Stance.OTHER, 0.2)})
    assert texts(store.next_unlabelled(5)) == ["unjudged", "unsure", "sure"]
    assert texts(store.without_verdict_of("r1", 10)) == ["unjudged"]
    assert len(store.without_verdict_of("r2", 10)) == 3
    assert sorted(texts(store.next_unlabelled(5, at_random=True))) == ["sure", "unjudged", "unsure"]
    assert unjudged.changes == store.get(unjudged.id).changes


def test_disagreements_come_disputes_first_then_what_the_model_is_surest_of(store: LabelStore) -> None:
    put(
        store,
        labelled("mild", "deny", verdict=Given("r1", Stance.OTHER, 0.5)),
        labelled("grave", "deny", verdict=Given("r1", Stance.OTHER, 0.9)),
        labelled("upheld", "deny", verdict=Given("r1", Stance.DENY, 0.9)),
        labelled("disputed", "deny"),
        labelled("disputed", "other", "ben"),
    )
    assert texts(store.next_disagreements(5)) == ["disputed", "grave", "mild"]
    assert texts(store.next_disagreements(5, labeller="anna")) == []
    assert texts(store.next_disagreements(5, labeller="ben")) == ["grave", "mild"]


def test_a_request_that_is_sent_again_is_answered_and_not_done_again(store: LabelStore) -> None:
    answers = [store.answer_once("key", "one", lambda merged: f"answer {merged[0][1]}", [labelled("No.", "deny")]) for _ in range(3)]
    assert answers == ["answer created"] * 3
    assert len(next(store.everything()).changes) == 1
    with pytest.raises(InvalidInput, match="another request"):
        store.answer_once("key", "two", lambda _: "", [])


def test_many_writers_at_once_lose_nothing(store: LabelStore) -> None:
    """Eight people label the same fifty quotes, each in an order of their own, in requests of ten."""
    people = [f"labeller {number}" for number in range(8)]

    def work(person: int) -> None:
        order = [f"quote {(number * 7 + person * 11) % 50}" for number in range(50)]
        for start in range(0, 50, 10):
            put(store, *(labelled(text, "deny" if person % 2 else "other", people[person]) for text in order[start : start + 10]))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    found = list(store.everything())
    assert len(found) == 50
    assert all(set(quote.opinions) == set(people) and quote.status is Status.DISPUTED for quote in found)
    assert store.counts() == {"unlabelled": 0, "agreed": 0, "disputed": 50, "deleted": 0}


def test_two_who_send_the_same_new_quotes_in_opposite_orders_get_on(store: LabelStore) -> None:
    rounds = [[labelled(f"round {number}, quote {part}", "deny") for part in range(300)] for number in range(3)]
    for quotes in rounds:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(store.merge, [quotes, quotes[::-1]]))
    assert len(list(store.everything())) == 900


def test_a_story_that_is_named_later_is_kept(store: LabelStore) -> None:
    quote = labelled("No.", "deny")
    store.merge([quote])
    ((after, outcome),) = store.merge([Quote(quote.statement, quote.changes, "pact")])
    assert (after.story, outcome, store.get(quote.id).story) == ("pact", Outcome.CHANGED, "pact")


def test_what_is_done_now_counts_although_a_clock_was_ahead(store: LabelStore) -> None:
    (quote,) = put(store, labelled("No.", "deny", at=NOON + timedelta(days=400_000)))
    for label in ("other", "appeal"):
        assert store.change(quote.id, [Change(Kind.LABEL, "anna", NOON, Source.API, label)]).label == label


def test_one_key_sent_by_many_at_once_is_done_once(store: LabelStore) -> None:
    def send(_: int) -> str:
        return store.answer_once("key", "one", lambda merged: str(merged[0][1]), [labelled("No.", "deny")])

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(send, range(16))) == {"created"}


def test_a_reader_sees_one_moment_while_others_write(store: LabelStore) -> None:
    put(store, *(labelled(f"quote {number}", "other") for number in range(600)))  # more than are read at a time
    reading = store.everything()
    first = next(reading)
    put(store, *(labelled(f"late {number}", "other") for number in range(600)))
    assert len([first, *reading]) == 600


def test_the_migrations_make_the_tables_that_the_code_knows(store: LabelStore, labels_url: str) -> None:
    store.counts()
    engine = sa.create_engine(labels_url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_stores_that_open_a_new_database_at_once_get_on(labels_url: str) -> None:
    stores = [LabelStore(labels_url) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        assert [counts["agreed"] for counts in pool.map(lambda store: store.counts(), stores)] == [0] * 6
    for store in stores:
        store.close()


def test_a_database_of_a_later_version_is_left_alone(store: LabelStore, labels_url: str) -> None:
    store.counts()
    store.close()
    engine = sa.create_engine(labels_url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(StoreUnavailable, match="another version"):
        store.counts()


@pytest.mark.parametrize("url", ["mysql://host/labels", "no url", "", "sqlite", "sqlite://", "sqlite:///:memory:", "postgresql://host:port/labels"])
def test_a_url_that_is_none_of_ours_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="sqlite:"):
        LabelStore(url)


def test_a_database_that_cannot_be_reached_is_said_without_its_password(tmp_path: Path) -> None:
    for url in (f"postgresql://anna:secret@/labels?host={tmp_path}", f"postgresql:///labels?host={tmp_path}&user=anna&password=secret"):
        with pytest.raises(StoreUnavailable) as refused:
            LabelStore(url).counts()
        assert "secret" not in str(refused.value)
        assert "anna" not in str(refused.value).partition("cannot be used")[0]
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable):
        LabelStore(f"sqlite:///{tmp_path}/file/labels.db").counts()


def test_a_file_that_is_no_database_is_said_so_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "labels.db").write_text("my thesis, chapter one. " * 100)
    with pytest.raises(StoreUnavailable, match="not a database"):
        LabelStore(f"sqlite:///{tmp_path}/labels.db").counts()
    assert (tmp_path / "labels.db").read_text().startswith("my thesis")


def test_a_full_disk_is_said_so_and_nothing_is_lost(tmp_path: Path) -> None:
    store = LabelStore(f"sqlite:///{tmp_path}/labels.db")
    put(store, labelled("kept", "other"))
    with store.database.writing() as connection:  # a limit on its pages is as near as one comes to a full disk without one
        connection.exec_driver_sql("PRAGMA max_page_count = 1")
    requests = [[labelled(f"quote {start + number} " + "word " * 300, "other") for number in range(200)] for start in range(0, 2_000, 200)]
    with pytest.raises(StoreUnavailable, match="full"):
        list(map(store.merge, requests))
    store.close()
    kept = texts(list(store.everything()))
    assert "kept" in kept
    assert (len(kept) - 1) % 200 == 0
    store.close()


_WRITER = """
import sys
from datetime import UTC, datetime
from itertools import count
from service.labels.quote import Change, Kind, Quote, Source
from service.labels.store import LabelStore
from service.statements.statement import Statement
store = LabelStore(sys.argv[1])
for number in count():
    change = Change(Kind.LABEL, "anna", datetime.now(UTC), Source.API, "deny")
    store.merge([Quote(Statement(f"{part} of {number}"), (change,)) for part in range(3)])
    print(number, flush=True)
"""


@pytest.fixture
def killed(tmp_path: Path) -> tuple[str, list[int]]:
    """A SQLite store whose writer was killed ten times in the middle of its work, and the numbers of the requests that it had answered."""
    url = f"sqlite:///{tmp_path}/labels.db"
    answered: list[int] = []
    for round_ in range(10):
        with subprocess.Popen([sys.executable, "-c", _WRITER, url], stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout
            answered += [int(writer.stdout.readline()) for _ in range(1 + round_ * 3)]
            os.kill(writer.pid, signal.SIGKILL)
            answered += [int(line) for line in writer.stdout.read().splitlines()]
    return url, answered


def test_kill_9_loses_no_answered_label_and_leaves_no_half_request(killed: tuple[str, list[int]]) -> None:
    url, answered = killed
    store = LabelStore(url)
    found = {quote.statement.text for quote in store.everything()}
    assert {f"{part} of {number}" for number in answered for part in range(3)} <= found
    assert len(found) % 3 == 0
    store.close()
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
