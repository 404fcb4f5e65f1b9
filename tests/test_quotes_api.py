"""Labelled quotes over HTTP, with a fake network behind the verdicts and a real database behind the labels."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from service.labels.writers import WRITERS
from service.settings import Settings
from tests.fakes import FakePool, fake_client

DENIAL = {"text": "any role", "context": "He denied any role.", "label": "deny", "labeller": "anna"}


@pytest.fixture
def client(labels_url: str) -> Iterator[TestClient]:
    with fake_client(settings=Settings(labels=labels_url)) as opened:
        yield opened


@pytest.fixture
def sqlite_client(tmp_path: Path) -> Iterator[TestClient]:
    """Where the kind of database does not matter."""
    with fake_client(settings=Settings(labels=f"sqlite:///{tmp_path}/labels.db", max_import_bytes=100_000)) as opened:
        yield opened


def put(client: TestClient, *quotes: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    answer = client.post("/v1/quotes", json={"quotes": quotes} | more)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["quotes"])


def faults(answer: httpx.Response, status: int = 422) -> list[str]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return [fault["where"] for fault in answer.json().get("errors", [])]


def test_a_correction_is_kept_with_the_verdict_that_it_corrects(client: TestClient) -> None:
    sent = {"text": "We regret it.", "label": "other", "labeller": "anna", "speaker": "the bank", "note": "no threat", "story": "bank"}
    answer = client.post("/v1/quotes", json=sent)
    assert answer.status_code == 200
    (quote,) = answer.json()["quotes"]
    assert quote["outcome"] == "created"
    assert (quote["label"], quote["status"], quote["speaker"], quote["story"]) == ("other", "agreed", "the bank", "bank")
    assert (quote["verdict"]["model"], quote["verdict"]["stance"]) == ("fake", "threat")
    found = client.get(f"/v1/quotes/{quote['id']}").json()
    assert [(change["kind"], change["by"], change["source"], change["note"]) for change in found["history"]] == [("label", "anna", "api", "no threat")]


def test_a_verdict_that_is_sent_along_is_the_one_that_is_kept(client: TestClient) -> None:
    given = {"model": "r7", "stance": "appeal", "probability": 0.5}
    (quote,) = put(client, DENIAL | {"verdict": given}, source="page")
    assert quote["verdict"] == given
    assert client.get(f"/v1/quotes/{quote['id']}").json()["history"][0]["source"] == "page"


def test_a_label_is_kept_although_the_model_is_not_ready(tmp_path: Path) -> None:
    with fake_client(FakePool(alive=False), Settings(labels=f"sqlite:///{tmp_path}/labels.db")) as client:
        (quote,) = put(client, DENIAL)
        assert (quote["label"], quote["verdict"]) == ("deny", None)
        assert client.get("/v1/quotes/next").status_code == 200


def test_two_labellers_who_differ_are_both_shown_until_somebody_settles_it(client: TestClient) -> None:
    put(client, DENIAL)
    (quote,) = put(client, DENIAL | {"label": "other", "labeller": "ben"})
    assert (quote["outcome"], quote["status"], quote["label"]) == ("changed", "disputed", None)
    assert {(opinion["labeller"], opinion["label"]) for opinion in quote["labels"]} == {("anna", "deny"), ("ben", "other")}
    assert [found["id"] for found in client.get("/v1/quotes", params={"status": "disputed"}).json()["quotes"]] == [quote["id"]]
    settled = client.patch(f"/v1/quotes/{quote['id']}", json={"labeller": "chief", "label": "deny", "settle": True}).json()
    assert (settled["status"], settled["label"], len(settled["history"])) == ("agreed", "deny", 3)


def test_changes_leave_their_traces(client: TestClient) -> None:
    (quote,) = put(client, DENIAL)
    place = f"/v1/quotes/{quote['id']}"
    client.patch(place, json={"labeller": "anna", "label": "other"})
    client.patch(place, json={"labeller": "ben", "speaker": "Ana Ruiz"})
    client.patch(place, json={"labeller": "anna", "withdraw": True})
    client.delete(place, params={"labeller": "ben", "note": "no quote"})
    found = client.get(place).json()
    assert [change["kind"] for change in found["history"]] == ["label", "label", "speaker", "withdraw", "delete"]
    assert (found["status"], found["speaker"]) == ("deleted", "Ana Ruiz")
    assert client.get("/v1/quotes").json()["total"] == 0
    assert client.get("/v1/quotes", params={"status": "deleted"}).json()["total"] == 1


def test_a_request_that_is_sent_again_under_its_key_is_answered_the_same(client: TestClient) -> None:
    headers = {"Idempotency-Key": "f3a1"}
    answers = [client.post("/v1/quotes", json=DENIAL, headers=headers).json() for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    assert answers[0]["quotes"][0]["outcome"] == "created"
    assert faults(client.post("/v1/quotes", json=DENIAL | {"label": "other"}, headers=headers)) == ["header Idempotency-Key"]
    assert client.get(f"/v1/quotes/{answers[0]['quotes'][0]['id']}").json()["label"] == "deny"


def test_all_of_many_quotes_are_taken_or_none(client: TestClient) -> None:
    assert faults(client.post("/v1/quotes", json={"labeller": "anna", "quotes": [DENIAL, DENIAL | {"label": "denial"}]})) == ["quotes[1].label"]
    assert client.get("/v1/quotes").json()["total"] == 0


def test_quotes_are_found_page_by_page(client: TestClient) -> None:
    put(client, *({"text": f"Statement {number}.", "label": "other"} for number in range(7)), labeller="anna")
    seen, cursor = [], None
    while True:
        page = client.get("/v1/quotes", params={"limit": 3} | ({"cursor": cursor} if cursor else {})).json()
        assert page["total"] == 7
        seen += [quote["text"] for quote in page["quotes"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == [f"Statement {number}." for number in reversed(range(7))]


def test_quotes_are_found_by_time_and_correction(client: TestClient) -> None:
    put(client, DENIAL, {"text": "We regret it.", "label": "other", "labeller": "anna"})
    at = client.get("/v1/quotes").json()["quotes"][0]["labels"][0]["at"]
    assert client.get("/v1/quotes", params={"since": at}).json()["total"] == 2
    assert client.get("/v1/quotes", params={"until": at}).json()["total"] == 0
    assert [quote["label"] for quote in client.get("/v1/quotes", params={"corrected": "true"}).json()["quotes"]] == ["other"]


def test_what_the_model_is_unsure_of_is_asked_first(client: TestClient) -> None:
    put(client, {"text": "The harvest denied."}, {"text": "He denied it, denied it."}, {"text": "Grey weather."}, labeller="anna")
    asked = client.get("/v1/quotes/next", params={"n": 3}).json()
    assert [quote["text"] for quote in asked["quotes"]] == ["Grey weather.", "The harvest denied.", "He denied it, denied it."]
    assert asked["counts"]["unlabelled"] == 3
    client.patch(f"/v1/quotes/{asked['quotes'][0]['id']}", json={"labeller": "anna", "label": "other"})
    assert [quote["text"] for quote in client.get("/v1/quotes/next").json()["quotes"]] == ["The harvest denied."]


def test_disagreements_are_asked_of_those_who_have_not_answered_yet(client: TestClient) -> None:
    put(client, DENIAL, DENIAL | {"label": "other", "labeller": "ben"})
    for labeller, n in (("anna", 0), ("ben", 0), ("cleo", 1)):
        answer = client.get("/v1/quotes/next", params={"strategy": "disagreement", "labeller": labeller}).json()
        assert len(answer["quotes"]) == n, labeller


def test_an_export_makes_the_same_store_again(client: TestClient, tmp_path: Path) -> None:
    put(client, DENIAL, DENIAL | {"label": "other", "labeller": "ben"}, {"text": "Perhaps."}, labeller="anna")
    for kind in ("jsonl", "csv"):
        exported = client.get("/v1/quotes/export", params={"format": kind})
        assert "attachment" in exported.headers["content-disposition"]
        with fake_client(settings=Settings(labels=f"sqlite:///{tmp_path}/{kind}.db")) as other:
            taken = other.post("/v1/quotes/import", params={"format": kind}, content=exported.content).json()
            assert (taken["created"], taken["faults"]) == (2, [])
            assert other.get("/v1/quotes/export", params={"format": kind}).content == exported.content
            again = other.post("/v1/quotes/import", params={"format": kind}, content=exported.content).json()
            assert (again["created"], again["changed"]) == (0, 0)


@pytest.mark.parametrize("kind", WRITERS)
def test_every_format_goes_out_over_http(kind: str, sqlite_client: TestClient) -> None:
    put(sqlite_client, DENIAL)
    answer = sqlite_client.get("/v1/quotes/export", params={"format": kind})
    assert answer.status_code == 200
    assert "any role" in answer.text


def test_an_empty_store_can_be_exported(sqlite_client: TestClient) -> None:
    assert sqlite_client.get("/v1/quotes/export").text == ""
    assert json.loads(sqlite_client.get("/v1/quotes/export", params={"format": "label-studio"}).text) == []


def test_a_faulty_file_is_refused_whole_unless_its_faults_are_to_be_skipped(sqlite_client: TestClient) -> None:
    lines = '{"text": "No.", "label": "deny"}\nnonsense\n{"text": "Yes.", "label": "yes"}\n'
    refused = sqlite_client.post("/v1/quotes/import", params={"labeller": "anna"}, content=lines)
    assert faults(refused) == ["line 2", "line 3, label"]
    assert sqlite_client.get("/v1/quotes").json()["total"] == 0
    taken = sqlite_client.post("/v1/quotes/import", params={"labeller": "anna", "on_fault": "skip"}, content=lines).json()
    assert (taken["read"], taken["created"], [fault["where"] for fault in taken["faults"]]) == (1, 1, ["line 2", "line 3, label"])


def test_a_file_with_nothing_but_faults_is_refused_although_they_are_to_be_skipped(sqlite_client: TestClient) -> None:
    assert faults(sqlite_client.post("/v1/quotes/import", params={"on_fault": "skip"}, content="nonsense")) == ["line 1"]


def test_thousands_of_faults_make_a_short_answer(sqlite_client: TestClient) -> None:
    refused = sqlite_client.post("/v1/quotes/import", content="nonsense\n" * 5_000)
    assert len(faults(refused)) == 20
    assert "and 4997 more" in refused.json()["detail"]
    assert len(refused.content) < 10_000


def test_a_file_that_is_too_long_or_no_text_is_refused(sqlite_client: TestClient) -> None:
    assert faults(sqlite_client.post("/v1/quotes/import", content=b"x" * 100_001), 413) == ["body"]
    assert faults(sqlite_client.post("/v1/quotes/import", content=b"\xff\xfe")) == ["body, byte 0"]


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, ["text"]),
        ([], ["body"]),
        ({"text": "No.", "label": "deny"}, ["labeller"]),
        ({"quotes": []}, ["quotes"]),
        ({"quotes": [{"text": "No."}]}, ["quotes[0].labeller"]),
        ({"text": "No.", "label": "no", "labeller": "anna"}, ["label"]),
        ({"text": "No.", "labeller": "an\x00na"}, ["labeller"]),
        ({"text": "No.", "labeller": "x" * 201}, ["labeller"]),
        ({"text": "No.", "labeller": " "}, ["labeller"]),
        ({"text": "No.", "labeller": "anna", "verdict": {"model": "r1", "stance": "deny", "probability": 1.5}}, ["verdict.probability"]),
        ({"text": "No.", "labeller": "anna", "verdict": {"model": "r1", "stance": "deny", "probability": False}}, ["verdict.probability"]),
        ({"text": "No.", "labeller": "anna", "story": " "}, ["story"]),
        ({"text": "No.", "labeller": "anna", "lable": "deny"}, ["lable"]),
        ({"quotes": [{"text": "No."}] * 1_001, "labeller": "anna"}, ["quotes"]),
    ],
)
def test_a_quote_that_cannot_be_used_is_refused_with_its_place(body: Any, where: list[str], sqlite_client: TestClient) -> None:
    assert faults(sqlite_client.post("/v1/quotes", json=body)) == where


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"labeller": "anna"}, ["body"]),
        ({"label": "deny"}, ["labeller"]),
        ({"labeller": "anna", "settle": True}, ["label"]),
        ({"labeller": "anna", "label": "deny", "settle": 1}, ["settle"]),
        ({"labeller": "anna", "label": "deny", "withdraw": True}, ["withdraw"]),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(body: dict[str, Any], where: list[str], sqlite_client: TestClient) -> None:
    (quote,) = put(sqlite_client, DENIAL)
    assert faults(sqlite_client.patch(f"/v1/quotes/{quote['id']}", json=body)) == where


@pytest.mark.parametrize(
    "query", [{"label": "no"}, {"limit": "0"}, {"since": "yesterday"}, {"since": "1.5"}, {"cursor": "x"}, {"stnace": "deny"}, {"labeller": "\x00"}]
)
def test_a_search_that_makes_no_sense_is_refused(query: dict[str, str], sqlite_client: TestClient) -> None:
    assert len(faults(sqlite_client.get("/v1/quotes", params=query))) == 1


@pytest.mark.parametrize("identity", ["0" * 16, "x", "%00", "a" * 500])
def test_a_quote_that_is_not_there_is_a_404(identity: str, client: TestClient) -> None:
    for answer in (client.get(f"/v1/quotes/{identity}"), client.delete(f"/v1/quotes/{identity}", params={"labeller": "anna"})):
        assert answer.status_code == 404
        assert "there is no quote" in answer.json()["detail"]


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}])
def test_a_page_of_another_site_changes_nothing(headers: dict[str, str], sqlite_client: TestClient) -> None:
    (quote,) = put(sqlite_client, DENIAL)
    for answer in (
        sqlite_client.post("/v1/quotes", json=DENIAL | {"label": "other"}, headers=headers),
        sqlite_client.post("/v1/quotes/import", content="{}", headers=headers | {"Content-Type": "text/plain"}),
        sqlite_client.delete(f"/v1/quotes/{quote['id']}", params={"labeller": "x"}, headers=headers),
        sqlite_client.post("/v1/retrains/20260101-000000/resume", headers=headers),
        sqlite_client.post("/v1/models/rollback", json={"by": "x", "reason": "x"}, headers=headers),
    ):
        assert answer.status_code == 403, answer.text
    assert sqlite_client.get("/v1/quotes").json()["quotes"][0]["label"] == "deny"


def test_the_services_own_page_may_change_labels(sqlite_client: TestClient) -> None:
    headers = {"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"}
    assert sqlite_client.post("/v1/quotes", json=DENIAL, headers=headers).status_code == 200


def test_a_store_that_fails_is_a_503_and_statements_are_answered_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "labels.db").write_text("no database " * 100)
    with fake_client(settings=Settings(labels=f"sqlite:///{tmp_path}/labels.db")) as client:
        for answer in (client.get("/v1/quotes"), client.post("/v1/quotes", json=DENIAL), client.get("/v1/quotes/export")):
            assert answer.status_code == 503
            assert "label store" in answer.json()["detail"]
        assert client.post("/v1/predict", json={"statements": ["No."]}).status_code == 200
