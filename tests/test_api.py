"""What the service answers over HTTP, with a fake network behind it. Refusals are in test_problems.py."""

import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from huggingface_hub import InferenceClient, close_session, set_client_factory
from prometheus_client.parser import text_string_to_metric_families

import service
from service.api.app import create_app
from service.api.served import ServedModel
from service.classifier import Classifier
from service.settings import Settings
from service.stance import DEFINITIONS, STANCES
from service.statements.statement import Statement
from tests.fakes import CERTAIN, CUES, MAX_WORDS, NO_KEYS, UNSURE, FakePool, card, fake_classifier, fake_client, fake_served

DENIED = {"text": "any role in the bombing", "context": "The group denied any role in the bombing.", "speaker": "the group"}


@pytest.fixture
def network() -> FakePool:
    return FakePool()


@pytest.fixture
def client(network: FakePool) -> TestClient:
    return fake_client(network)


def predict(client: TestClient, *statements: Any) -> list[dict[str, Any]]:
    response = client.post("/v1/predict", json={"statements": statements})
    assert response.status_code == 200, response.text
    return list(response.json()["verdicts"])


def metrics(client: TestClient) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Sample name and sorted labels -> value."""
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value for family in families for sample in family.samples}


def test_a_statement_gets_its_whole_verdict(client: TestClient) -> None:
    response = client.post("/v1/predict", json={"statements": ["They denied it."]})
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert set(body) == {"model", "verdicts"}
    assert body["model"] == "fake"
    (verdict,) = body["verdicts"]
    assert set(verdict) == {"stance", "probability", "probabilities", "certain", "truncated"}
    assert (verdict["stance"], verdict["certain"], verdict["truncated"]) == ("deny", True, False)
    assert verdict["probability"] == verdict["probabilities"]["deny"] == pytest.approx(CERTAIN, abs=1e-4)
    assert list(verdict["probabilities"]) == list(STANCES)
    assert sum(verdict["probabilities"].values()) == pytest.approx(1)


def test_strings_and_objects_may_be_mixed_and_keep_their_order(client: TestClient) -> None:
    statements = ["They will regret this.", DENIED, {"text": "She urged them to stop."}, {"text": "Nothing.", "context": None, "speaker": None}]
    assert [verdict["stance"] for verdict in predict(client, *statements)] == ["threat", "deny", "appeal", "other"]


def test_every_field_of_a_statement_reaches_the_network(client: TestClient, network: FakePool) -> None:
    predict(client, DENIED, "Nothing.")
    assert network.asked[-1] == [Statement(**DENIED), Statement("Nothing.")]


def test_an_unsure_verdict_says_so(client: TestClient) -> None:
    (verdict,) = predict(client, "We are looking into it.")
    assert verdict["certain"] is False
    assert verdict["probability"] == pytest.approx(UNSURE, abs=1e-4)


def test_a_text_longer_than_the_model_reads_is_answered_and_marked(client: TestClient) -> None:
    assert [verdict["truncated"] for verdict in predict(client, "word " * MAX_WORDS, "word " * (MAX_WORDS + 1))] == [False, True]


def test_256_statements_are_one_request(client: TestClient) -> None:
    cues = [list(CUES)[number % 5] for number in range(256)]
    assert [verdict["stance"] for verdict in predict(client, *(f"It is {cue}." for cue in cues))] == [CUES[cue] for cue in cues]


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "👩‍🚒🔥 They denied it 🏳️‍🌈",
        "نفى المتحدث أي دور في الهجوم denied",
        "\u202eeht dna deined\u202c denied",
        "Представитель отверг обвинения",
        "我们与此事无关",
        "Z̸̡̢͎̲͛̀a̷l̴g̵o̶",
        "null",
        '{"text": "a"}',
        "<script>alert(1)</script> & 'quotes' \"double\"",
        "one\r\ntwo\tthree",
        "\ufeff\u200b denied",
        "a" * 10_000,
        "é" * 10_000,
        "👩" * 10_000,
        "They denied it. " * 1_250,
    ],
    ids=lambda text: ascii(text[:20]),
)
@pytest.mark.parametrize("path", ["/v1/predict", "/predict"])
def test_text_of_any_script_and_up_to_twice_10_000_characters_is_answered(client: TestClient, path: str, text: str) -> None:
    body = {"inputs": [text]} if path == "/predict" else {"statements": [{"text": text, "context": text, "speaker": text[:50]}]}
    for ensure_ascii in (True, False):
        content = json.dumps(body, ensure_ascii=ensure_ascii).encode("utf-8")
        response = client.post(path, content=content, headers={"Content-Type": "application/json"})
        assert response.status_code == 200, response.text


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.api+json"])
def test_json_may_be_called_by_any_of_its_names(client: TestClient, content_type: str) -> None:
    response = client.post("/v1/predict", content=b'{"statements": ["No."]}', headers={"Content-Type": content_type})
    assert response.status_code == 200


def test_one_input_gets_labels_with_scores_likeliest_first(client: TestClient) -> None:
    rows = client.post("/predict", json={"inputs": "They denied it."}).json()
    assert [row["label"] for row in rows] == ["deny", "other", "confirm", "threat", "appeal"]
    assert [set(row) for row in rows] == [{"label", "score"}] * 5
    assert rows[0]["score"] == pytest.approx(CERTAIN, abs=1e-4)
    assert sum(row["score"] for row in rows) == pytest.approx(1)


def test_a_list_of_inputs_gets_a_list_for_each(client: TestClient) -> None:
    answer = client.post("/predict", json={"inputs": ["They denied it.", "They will regret this."]}).json()
    assert [rows[0]["label"] for rows in answer] == ["deny", "threat"]
    assert [len(rows) for rows in answer] == [5, 5]
    (alone,) = client.post("/predict", json={"inputs": ["They denied it."]}).json()
    assert alone == answer[0]


@pytest.mark.parametrize(("parameters", "n_labels"), [({"top_k": 1}, 1), ({"top_k": 3}, 3), ({"top_k": 99}, 5), ({"top_k": None}, 5), ({}, 5), (None, 5)])
def test_top_k_says_how_many_labels_are_wanted(client: TestClient, parameters: dict[str, Any] | None, n_labels: int) -> None:
    rows = client.post("/predict", json={"inputs": "They denied it.", "parameters": parameters}).json()
    assert [row["label"] for row in rows] == ["deny", "other", "confirm", "threat", "appeal"][:n_labels]
    many = client.post("/predict", json={"inputs": ["They denied it."] * 2, "parameters": parameters}).json()
    assert many == [rows, rows]


def test_what_only_other_hosts_know_is_passed_over(client: TestClient) -> None:
    body = {"inputs": "No.", "options": {"wait_for_model": True}, "parameters": {"truncation": True, "function_to_apply": "softmax"}}
    assert client.post("/predict", json=body).status_code == 200


def test_both_ways_to_ask_give_the_same_probabilities(client: TestClient) -> None:
    (verdict,) = predict(client, "They denied it.")
    rows = client.post("/predict", json={"inputs": "They denied it."}).json()
    assert {row["label"]: row["score"] for row in rows} == verdict["probabilities"]


@pytest.fixture
def hugging_face(client: TestClient) -> Iterator[InferenceClient]:
    """Hugging Face's own client, whose requests go to the application without a socket."""

    def answer(request: httpx.Request) -> httpx.Response:
        response = client.request(request.method, request.url.path, content=request.read(), headers=dict(request.headers))
        return httpx.Response(response.status_code, headers=dict(response.headers), content=response.content)

    set_client_factory(lambda: httpx.Client(transport=httpx.MockTransport(answer)))
    close_session()
    yield InferenceClient(model="http://testserver/predict", token="none", timeout=30)  # noqa: S106 - that there is none
    set_client_factory(httpx.Client)
    close_session()


def test_the_hugging_face_client_understands_the_answer(hugging_face: InferenceClient) -> None:
    labels = hugging_face.text_classification("They denied it.", top_k=2)
    assert [label.label for label in labels] == ["deny", "other"]
    assert labels[0].score == pytest.approx(CERTAIN, abs=1e-4)


def test_the_javascript_client_of_hugging_face_gets_a_list_in_a_list_too(client: TestClient) -> None:
    headers = {"user-agent": "@huggingface/inference/4.8.0 node/22"}
    ((likeliest,),) = client.post("/predict", json={"inputs": "They denied it.", "parameters": {"top_k": 1}}, headers=headers).json()
    assert likeliest["label"] == "deny"


def test_the_labels_come_with_definition_and_examples_in_the_order_of_the_outputs(client: TestClient) -> None:
    expected = [{"name": str(stance), "definition": known.text, "examples": list(known.examples)} for stance, known in DEFINITIONS.items()]
    assert client.get("/v1/labels").json() == {"labels": expected}


def test_the_model_says_where_it_comes_from_and_what_it_scored(client: TestClient) -> None:
    body, known = client.get("/v1/model").json(), card()
    assert body["results"] == {"macro_f1": 0.8125, "n": 400}
    assert body["thresholds"] == known.thresholds
    for name in ("name", "base_model", "created", "git_commit", "data_digest", "seed", "max_tokens", "temperature"):
        assert body[name] == getattr(known, name)
    assert "files" not in body


def test_a_service_whose_model_still_loads_is_alive_but_not_ready() -> None:
    client = TestClient(create_app(fake_served(), Settings(keys=NO_KEYS)))
    assert client.get("/healthz").json() == {"status": "alive"}
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["detail"] == "the model is being loaded"
    assert client.get("/v1/labels").status_code == client.get("/v1/model").status_code == client.get("/").status_code == 200


def test_a_service_with_a_model_is_ready(client: TestClient) -> None:
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (200, {"status": "ready"})


def test_a_service_whose_network_has_died_is_alive_but_no_longer_ready(client: TestClient, network: FakePool) -> None:
    network.alive = False
    assert client.get("/readyz").status_code == 503
    assert client.get("/healthz").status_code == 200


def test_the_model_loads_when_the_service_starts_up() -> None:
    served = fake_served()
    with TestClient(create_app(served, Settings(keys=NO_KEYS))) as client:
        for thread in threading.enumerate():
            if thread.name == "load-model":
                thread.join(timeout=30)
        assert client.get("/readyz").status_code == 200


def test_a_service_that_stops_lets_its_model_load_to_the_end() -> None:
    """An interpreter that ends while ONNX Runtime opens a file aborts, as `serve` on a port that is taken once did."""
    never, loaded = threading.Event(), threading.Event()

    def load() -> Classifier:
        never.wait(timeout=0.2)
        loaded.set()
        return fake_classifier()

    with TestClient(create_app(ServedModel(card(), load), Settings(keys=NO_KEYS))):
        pass
    assert loaded.is_set()


def test_requests_are_counted_by_path_method_and_status(client: TestClient) -> None:
    predict(client, "No.")
    predict(client, "No.")
    client.post("/v1/predict", json={})
    client.get("/nowhere")
    client.get("/elsewhere?secret=1")
    client.request("BREW", "/healthz")
    counted = metrics(client)

    def n(path: str, method: str, status: str) -> float:
        return counted["onrecord_requests_total", (("method", method), ("path", path), ("status", status))]

    assert (n("/v1/predict", "POST", "200"), n("/v1/predict", "POST", "422")) == (2, 1)
    assert n("unknown", "GET", "404") == 2
    assert n("/healthz", "other", "405") == 1
    assert counted["onrecord_request_seconds_count", (("path", "/v1/predict"),)] == 3


def test_a_request_that_fails_is_counted_too(client: TestClient, network: FakePool) -> None:
    network.raises = RuntimeError("a fault of ours")
    client.post("/v1/predict", json={"statements": ["No."]})
    assert metrics(client)["onrecord_requests_total", (("method", "POST"), ("path", "/v1/predict"), ("status", "500"))] == 1


def test_verdicts_are_counted_by_stance_and_certainty(client: TestClient) -> None:
    predict(client, "They denied it.", "They denied that.", "Well.", "word " * (MAX_WORDS + 1))
    client.post("/predict", json={"inputs": ["They denied it.", "They will regret this."]})
    counted = metrics(client)
    n_verdicts = {labels: value for (name, labels), value in counted.items() if name == "onrecord_verdicts_total"}
    assert n_verdicts[("certain", "true"), ("stance", "deny")] == 3
    assert n_verdicts[("certain", "true"), ("stance", "threat")] == 1
    assert n_verdicts[("certain", "false"), ("stance", "other")] == 2
    assert n_verdicts[("certain", "true"), ("stance", "appeal")] == 0
    assert counted["onrecord_truncated_statements_total", ()] == 1


def test_readiness_is_a_metric(client: TestClient, network: FakePool) -> None:
    assert metrics(client)["onrecord_ready", ()] == 1
    network.alive = False
    assert metrics(client)["onrecord_ready", ()] == 0


def test_two_services_in_one_process_count_for_themselves(client: TestClient) -> None:
    predict(client, "They denied it.")
    assert metrics(fake_client())["onrecord_verdicts_total", (("certain", "true"), ("stance", "deny"))] == 0


def test_the_docs_can_be_opened(client: TestClient) -> None:
    response = client.get("/docs")
    assert response.status_code == 200
    assert "/openapi.json" in response.text
    assert "//" not in response.text.replace("<!-- `SwaggerUIBundle` is now available on the page -->", ""), "the docs would ask another machine"
    for path in re.findall(r'(?:src|href)="([^"]+)"', response.text):
        assert client.get(path).status_code == 200, path


def test_errors_have_their_own_media_type_in_the_docs(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    for path in document["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                if status >= "400":
                    assert response["content"] == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


def test_every_route_is_in_the_docs_with_a_summary(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    verdicts = {"/v1/articles", "/v1/predict", "/predict", "/v1/labels", "/v1/model", "/healthz", "/readyz", "/metrics"}
    verdicts |= {"/v1/documents", "/v1/example", "/v1/verdicts/daily"}
    quotes = {f"/v1/quotes{rest}" for rest in ("", "/{quote}", "/next", "/agreement", "/export", "/import")}
    models = {"/v1/models", "/v1/models/rollback", "/v1/models/{name}/promote"}
    retrains = {f"/v1/retrains{rest}" for rest in ("", "/{run}", "/{run}/cancel", "/{run}/resume", "/{run}/events")}
    assert set(paths) == verdicts | quotes | models | retrains
    assert all(operation["summary"] for path in paths.values() for operation in path.values())


@pytest.mark.parametrize("path", ["/v1/predict", "/predict"])
def test_the_example_in_the_docs_can_be_sent_as_it_stands(client: TestClient, path: str) -> None:
    document = client.get("/openapi.json").json()
    schema = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    examples = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]["examples"]
    assert examples
    for example in examples:
        assert client.post(path, json=example).status_code == 200


def page_files() -> list[Path]:
    return sorted((Path(service.__file__).parent / "page").iterdir())


@pytest.mark.parametrize("path", ["/", *(f"/page/{file.name}" for file in page_files())])
def test_the_page_brings_all_it_needs_and_talks_to_its_own_service_only(client: TestClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 200
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy
    assert "unsafe" not in policy
    assert response.headers["x-content-type-options"] == "nosniff"
    text = response.text.replace("http://www.w3.org/2000/svg", "")  # a name, not an address
    assert "http://" not in text
    assert "https://" not in text


def test_files_beside_the_page_are_not_given_away(client: TestClient) -> None:
    for path in ("/page/../settings.py", "/page/%2e%2e/settings.py", "/page/", "/page/none.js"):
        assert client.get(path).status_code == 404, path


def test_the_page_asks_by_paths_that_exist(client: TestClient) -> None:
    known = set(client.get("/openapi.json").json()["paths"])
    asked = {
        path
        for file in page_files()
        if file.suffix in (".js", ".html")
        for path in re.findall(r"[\"`](/(?:v1|readyz|metrics)[^\"`?]*)", file.read_text("utf-8"))
    }
    assert len(asked) > 12
    for path in asked:
        pattern = re.sub(r"\\\$\\\{[^}]*\\\}", "[^/]+", re.escape(path))
        assert any(re.fullmatch(pattern, re.sub(r"\{\w+\}", "x", route)) for route in known), path


ARTICLE = "It rained. Ana Ruiz, the mayor, denied any role in the deal.\n\n“You will regret this,” she added. “All of you.”"


def test_an_article_gives_its_statements_with_places_speakers_and_verdicts(client: TestClient) -> None:
    response = client.post("/v1/articles", json={"article": ARTICLE, "title": "Mayor denies role", "date": "2026-05-01"})
    assert response.status_code == 200, response.text
    body = response.json()
    assert (body["model"], body["title"], body["date"]) == ("fake", "Mayor denies role", "2026-05-01")
    denied, threatened = body["statements"]
    assert set(denied) == {"text", "start", "end", "spans", "context", "form", "cue", "speaker", "verdict"}
    assert ARTICLE[denied["start"] : denied["end"]] == denied["text"] == "any role in the deal"
    assert denied["context"] == "Ana Ruiz, the mayor, denied any role in the deal."
    assert denied["verdict"]["stance"] == "deny", "the act stands in the frame only"
    assert (denied["cue"]["text"], denied["speaker"]["name"], denied["form"]) == ("denied", "Ana Ruiz", "indirect")
    assert [ARTICLE[start:end] for start, end in threatened["spans"]] == ["You will regret this", "All of you."]
    assert (threatened["speaker"]["name"], threatened["speaker"]["mention"]) == ("Ana Ruiz", "she")
    assert threatened["verdict"]["stance"] == "threat"


@pytest.mark.parametrize("article", ["", "   \n", "The harvest was good.", "\x00\x07 “", "ברוך הבא", "<p>not HTML</p>"])
def test_a_text_without_statements_has_an_empty_list(client: TestClient, article: str) -> None:
    response = client.post("/v1/articles", json={"article": article})
    assert (response.status_code, response.json()["statements"]) == (200, [])


def test_the_statements_of_articles_are_counted(client: TestClient) -> None:
    client.post("/v1/articles", json={"article": ARTICLE})
    assert metrics(client)["onrecord_verdicts_total", (("certain", "true"), ("stance", "deny"))] == 1


@pytest.mark.parametrize(
    ("body", "where", "came", "wanted"),
    [
        ({}, "article", "nothing", "this field"),
        ({"article": 7}, "article", "7", "a string"),
        ({"article": "a" * 200_001}, "article", "200001 characters", "at most 200000 characters"),
        ({"article": "a", "title": "t" * 1_001}, "title", "1001 characters", "at most 1000 characters"),
        ({"article": "a", "url": "b"}, "url", '"b"', "no such field"),
        ({"article": "a\ud800"}, "article", '"a\\ud800"', "Unicode text"),
    ],
)
def test_an_article_that_cannot_be_read_is_refused_with_the_place(client: TestClient, body: dict[str, Any], where: str, came: str, wanted: str) -> None:
    response = client.post("/v1/articles", content=json.dumps(body), headers={"Content-Type": "application/json"})
    assert (response.status_code, response.headers["content-type"]) == (422, "application/problem+json")
    assert response.json()["errors"] == [{"where": where, "came": came, "wanted": wanted}]
