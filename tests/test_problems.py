"""Whatever is wrong with a request, the answer is a problem that says where, what came and what was wanted; never a fault of the service."""

import asyncio
import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from service.api.app import create_app
from service.errors import InvalidModelFolder, NotReady
from service.settings import Settings
from service.statements.statement import MAX_TEXT_CHARS
from tests.fakes import NO_KEYS, FakePool, fake_client, fake_served

MAX_BODY_BYTES = 200_000
JSON = {"Content-Type": "application/json"}
DEEP = b"[" * 50_000 + b"]" * 50_000
TOO_LONG = f"at most {MAX_TEXT_CHARS} characters"
TEXTS = "a string, or a list of strings"
STRING_OR_OBJECT = "a string, or an object with `text`"


@pytest.fixture(scope="module")
def client() -> TestClient:
    """One for all: no test here changes its network."""
    return fake_client(settings=Settings(max_body_bytes=MAX_BODY_BYTES))


def problem(response: httpx2.Response, status: int) -> dict[str, Any]:
    """The body, held to RFC 9457 and to what every problem of ours has."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert (body["type"], body["title"], body["status"]) == ("about:blank", HTTPStatus(status).phrase, status)
    assert body["detail"]
    assert "Traceback" not in response.text
    assert len(response.content) < 10_000
    return body


def fault(response: httpx2.Response, status: int) -> tuple[str, str, str]:
    """Where, came and wanted of a problem with one fault."""
    body = problem(response, status)
    (only,) = body["errors"]
    assert set(only) == {"where", "came", "wanted"}
    assert body["detail"] == f"{only['where']}: wanted {only['wanted']}, got {only['came']}"
    return only["where"], only["came"], only["wanted"]


def post(client: TestClient, path: str, body: Any) -> httpx2.Response:
    """Sends bytes as they are, anything else as JSON."""
    return client.post(path, content=body if isinstance(body, bytes) else json.dumps(body).encode(), headers=JSON)


@pytest.mark.parametrize(
    ("body", "where", "came", "wanted"),
    [
        ({}, "statements", "nothing", "this field"),
        ([], "body", "[]", "a JSON object"),
        (None, "body", "null", "a JSON object"),
        ("No.", "body", '"No."', "a JSON object"),
        (b"", "body", "nothing", "a JSON object"),
        ({"statements": None}, "statements", "null", "a list"),
        ({"statements": "No."}, "statements", '"No."', "a list"),
        ({"statements": {"text": "No."}}, "statements", '{"text": "No."}', "a list"),
        ({"statements": []}, "statements", "0 items", "1 at least"),
        ({"statements": ["No."] * 257}, "statements", "257 items", "256 at most"),
        ({"statements": ["No.", 3]}, "statements[1]", "3", STRING_OR_OBJECT),
        ({"statements": [None]}, "statements[0]", "null", STRING_OR_OBJECT),
        ({"statements": [["No."]]}, "statements[0]", '["No."]', STRING_OR_OBJECT),
        (b'{"statements": [NaN]}', "statements[0]", "NaN", STRING_OR_OBJECT),
        ({"statements": [{}]}, "statements[0].text", "nothing", "this field"),
        ({"statements": ["No.", {"text": 3}]}, "statements[1].text", "3", "a string"),
        ({"statements": [{"text": None}]}, "statements[0].text", "null", "a string"),
        ({"statements": [{"text": "No.", "context": 3}]}, "statements[0].context", "3", "a string"),
        ({"statements": [{"text": "No.", "speaker": []}]}, "statements[0].speaker", "[]", "a string"),
        ({"statements": [{"text": "No.", "contxt": "He said no."}]}, "statements[0].contxt", '"He said no."', "no such field"),
        ({"statements": ["No."], "top_k": 1}, "top_k", "1", "no such field"),
        ({"statements": [""]}, "statements[0]", '""', "a text that is not blank"),
        ({"statements": ["No.", " \n\t\u3000"]}, "statements[1]", '" \\n\\t\\u3000"', "a text that is not blank"),
        ({"statements": [{"text": ""}]}, "statements[0].text", '""', "a text that is not blank"),
        ({"statements": ["a\ud800b"]}, "statements[0]", "the lone surrogate U+D800 at character 1", "printable Unicode text"),
        (
            {"statements": [{"text": "\udc00"}]},
            "statements[0].text",
            "the lone surrogate U+DC00 at character 0",
            "printable Unicode text",
        ),
        (
            {"statements": [{"text": "a", "context": "\ud800"}]},
            "statements[0].context",
            "the lone surrogate U+D800 at character 0",
            "printable Unicode text",
        ),
        ({"statements": ["a\x00"]}, "statements[0]", "the control character U+0000 at character 1", "printable Unicode text"),
        (
            {"statements": [{"text": "a", "speaker": "\x1b"}]},
            "statements[0].speaker",
            "the control character U+001B at character 0",
            "printable Unicode text",
        ),
        ({"statements": ["x" * 20_001]}, "statements[0]", "20001 characters", TOO_LONG),
        ({"statements": [{"text": "a", "context": "x" * 20_001}]}, "statements[0].context", "20001 characters", TOO_LONG),
        ({"statements": ["No."], "\ud800": 1}, "body", '"\\ud800"', "Unicode text"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_request_for_verdicts_that_cannot_be_used_is_told_why(client: TestClient, body: Any, where: str, came: str, wanted: str) -> None:
    assert fault(post(client, "/v1/predict", body), 422) == (where, came, wanted)


@pytest.mark.parametrize(
    ("body", "where", "came", "wanted"),
    [
        ({}, "inputs", "nothing", "this field"),
        ({"inputs": None}, "inputs", "null", TEXTS),
        ({"inputs": {"text": "No."}}, "inputs", '{"text": "No."}', TEXTS),
        ({"inputs": []}, "inputs", "0 items", "1 at least"),
        ({"inputs": ["No."] * 257}, "inputs", "257 items", "256 at most"),
        ({"inputs": ["No.", 3]}, "inputs[1]", "3", "a string"),
        ({"inputs": ""}, "inputs", '""', "a text that is not blank"),
        ({"inputs": ["No.", " "]}, "inputs[1]", '" "', "a text that is not blank"),
        ({"inputs": "\ud800"}, "inputs", "the lone surrogate U+D800 at character 0", "printable Unicode text"),
        ({"inputs": ["\x00"]}, "inputs[0]", "the control character U+0000 at character 0", "printable Unicode text"),
        ({"inputs": "x" * 20_001}, "inputs", "20001 characters", TOO_LONG),
        ({"inputs": "No.", "parameters": []}, "parameters", "[]", "a JSON object"),
        ({"inputs": "No.", "parameters": {"top_k": 0}}, "parameters.top_k", "0", "1 at least"),
        ({"inputs": "No.", "parameters": {"top_k": 2.5}}, "parameters.top_k", "2.5", "a whole number"),
        ({"inputs": "No.", "parameters": {"top_k": "two"}}, "parameters.top_k", '"two"', "a whole number"),
        ({"inputs": "No.", "parameters": {"function_to_apply": "sigmoid"}}, "parameters.function_to_apply", '"sigmoid"', "'softmax'"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_request_in_the_hugging_face_shape_that_cannot_be_used_is_told_why(client: TestClient, body: Any, where: str, came: str, wanted: str) -> None:
    assert fault(post(client, "/predict", body), 422) == (where, came, wanted)


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b"{", "body, character 1"),
        (b'{"statements": ["No."]', "body, character 22"),
        (b'{"statements": ["No.",]}', "body, character 22"),
        (b"statements=No.", "body, character 0"),
        (b'{"statements": ["a\nb"]}', "body, character 18"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/predict", "/predict"])
def test_broken_json_is_told_with_its_place(client: TestClient, path: str, body: bytes, where: str) -> None:
    came = fault(post(client, path, body), 400)
    assert came[:2] == (where, "broken JSON")
    assert came[2].startswith("JSON (")


@pytest.mark.parametrize(
    "body",
    [b'{"statements": ["\xff"]}', b"\xff\xfe\x00", b"\x80", b'{"statements": ' + DEEP + b"}", DEEP, b'{"statements": [' + b"1" * 5_000 + b"]}"],
    ids=["not UTF-8", "half UTF-16", "one byte", "deep", "deep and bare", "a number of 5,000 digits"],
)
def test_bytes_that_no_json_is_made_of_are_refused(client: TestClient, body: bytes) -> None:
    assert fault(post(client, "/v1/predict", body), 400) == ("body", "bytes that cannot be parsed", "JSON in UTF-8, not nested beyond reason")


def test_every_fault_of_a_request_is_told_but_no_more_than_20(client: TestClient) -> None:
    two = problem(post(client, "/v1/predict", {"statements": ["", "No.", {"text": 3}]}), 422)
    assert [entry["where"] for entry in two["errors"]] == ["statements[0]", "statements[2].text"]
    many = problem(post(client, "/v1/predict", {"statements": [""] * 256}), 422)
    assert [entry["where"] for entry in many["errors"]] == [f"statements[{number}]" for number in range(20)]


@pytest.mark.parametrize(
    "body",
    [
        {"statements": [{"a": "x" * 100_000}]},
        {"statements": {"x" * 100_000: 1}},
        {"x" * 100_000: 1, "statements": ["No."]},
        {"statements": [{"text": "No.", "x" * 100_000: 1}]},
        {"statements": ["No."], **{f"field {number} {'x' * 200}": number for number in range(500)}},
    ],
    ids=["value", "key for a list", "unknown key", "unknown key of a statement", "500 unknown keys"],
)
def test_a_problem_stays_short_however_long_what_came(client: TestClient, body: Any) -> None:
    problem(post(client, "/v1/predict", body), 422)


ANY_TEXT = st.text(st.characters(codec=None), max_size=8)  # with surrogates and control characters
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["text", "context", "speaker"]) | ANY_TEXT, inner, max_size=3),
    max_leaves=6,
)
ANY_KEY = st.sampled_from(["statements", "inputs", "parameters"]) | ANY_TEXT


@settings(deadline=None)
@given(path=st.sampled_from(["/v1/predict", "/predict"]), body=ANY_JSON | st.dictionaries(ANY_KEY, ANY_JSON, max_size=3))
def test_any_json_is_answered_or_refused_and_breaks_nothing(client: TestClient, path: str, body: Any) -> None:
    response = post(client, path, body)
    if response.status_code != 200:
        assert problem(response, 422)["errors"]


@settings(deadline=None)
@given(path=st.sampled_from(["/v1/predict", "/predict"]), body=st.binary(max_size=40))
def test_any_bytes_are_refused_and_break_nothing(client: TestClient, path: str, body: bytes) -> None:
    response = post(client, path, body)
    assert problem(response, response.status_code)["errors"]
    assert response.status_code in (400, 422)


@pytest.mark.parametrize(
    ("content_type", "came"),
    [
        (None, "nothing"),
        ("text/plain", '"text/plain"'),
        ("application/x-www-form-urlencoded", '"application/x-www-form-urlencoded"'),
        ("multipart/form-data; boundary=x", '"multipart/form-data; boundary=x"'),
        ("text/json; charset=application/json", '"text/json; charset=application/json"'),
        ("jsonp", '"jsonp"'),
    ],
)
@pytest.mark.parametrize("path", ["/v1/predict", "/predict"])
def test_a_body_that_is_not_called_json_is_refused(client: TestClient, path: str, content_type: str | None, came: str) -> None:
    response = client.post(path, content=b'{"statements": ["No."]}', headers={"Content-Type": content_type} if content_type else {})
    assert fault(response, 415) == ("header Content-Type", came, "application/json")


def padded(n_bytes: int) -> bytes:
    body = b'{"statements": ["No."]}'
    return body + b" " * (n_bytes - len(body))


def chunks(body: bytes) -> Iterator[bytes]:
    """Sent without a Content-Length."""
    for start in range(0, len(body), 10_000):
        yield body[start : start + 10_000]


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_body_may_be_as_large_as_the_limit_and_no_larger(client: TestClient, is_chunked: bool) -> None:
    fits, over = padded(MAX_BODY_BYTES), padded(MAX_BODY_BYTES + 1)
    assert client.post("/v1/predict", content=chunks(fits) if is_chunked else fits, headers=JSON).status_code == 200
    response = client.post("/v1/predict", content=chunks(over) if is_chunked else over, headers=JSON)
    came = f"more than {MAX_BODY_BYTES} bytes" if is_chunked else f"{MAX_BODY_BYTES + 1} bytes"
    assert fault(response, 413) == ("body", came, f"at most {MAX_BODY_BYTES} bytes; send several requests")
    assert response.headers["connection"] == "close"


@pytest.mark.parametrize(
    ("length", "came"),
    [("999999999999", "999999999999 bytes"), ("9" * 5_000, "a Content-Length of 5000 digits")],
    ids=["a terabyte", "5,000 digits"],
)
def test_a_body_that_announces_too_much_is_refused_by_its_header(client: TestClient, length: str, came: str) -> None:
    response = client.post("/v1/predict", content=b"{}", headers=JSON | {"Content-Length": length})
    assert fault(response, 413)[1] == came


def test_a_body_without_end_is_not_read_to_its_end() -> None:
    n_read = 0
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        nonlocal n_read
        n_read += 1
        return {"type": "http.request", "body": b" " * 1_000, "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    served = fake_served()
    served.start().join()
    scope = {"type": "http", "method": "POST", "path": "/v1/predict", "query_string": b"", "headers": [(b"content-type", b"application/json")]}
    asyncio.run(create_app(served, Settings(max_body_bytes=5_000, keys=NO_KEYS))(scope, receive, send))
    assert sent[0]["status"] == 413
    assert n_read == 6


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/predict", "POST"),
        ("PUT", "/predict", "POST"),
        ("DELETE", "/v1/labels", "GET"),
        ("POST", "/healthz", "GET"),
        ("PATCH", "/metrics", "GET"),
        ("BREW", "/", "GET"),
        ("OPTIONS", "/v1/quotes/0123456789abcdef", "DELETE, GET, PATCH"),
        ("PUT", "/v1/quotes/next", "GET"),
    ],
)
def test_a_method_that_a_path_does_not_have_is_refused_with_the_one_it_has(client: TestClient, method: str, path: str, allowed: str) -> None:
    response = client.request(method, path)
    assert fault(response, 405) == ("method", f'"{method}"', f"{allowed} for this path")
    assert response.headers["allow"] == allowed


@pytest.mark.parametrize(
    ("path", "came"),
    [
        ("/nowhere", '"/nowhere"'),
        ("/v2/predict", '"/v2/predict"'),
        ("/v1/predict/7?x=1", '"/v1/predict/7"'),
        ("/%00%1b", '"/\\u0000\\u001b"'),
        ("/../../etc/passwd", '"/etc/passwd"'),
    ],
)
def test_a_path_that_is_none_is_refused(client: TestClient, path: str, came: str) -> None:
    assert fault(client.get(path), 404) == ("path", came, "a path listed at /docs")


@pytest.mark.parametrize(("path", "body"), [("/v1/predict", {"statements": ["No."]}), ("/predict", {"inputs": "No."})])
@pytest.mark.parametrize(
    ("network", "detail"),
    [
        (FakePool(raises=NotReady("the queue is closed")), "the model cannot be loaded: the queue is closed"),
        (FakePool(raises=InvalidModelFolder("models/x: torn")), "the model cannot be loaded: models/x: torn"),
        (FakePool(raises=ValueError("secret")), "the model cannot be loaded; the service's log says why"),
    ],
    ids=["not ready", "no model", "a fault of ours"],
)
def test_a_service_without_a_model_asks_to_come_again(path: str, body: Any, network: FakePool, detail: str) -> None:
    response = post(fake_client(network), path, body)
    assert problem(response, 503)["detail"] == detail
    assert int(response.headers["retry-after"]) > 0


def test_a_service_that_still_loads_asks_to_come_again() -> None:
    client = TestClient(create_app(fake_served(), Settings(keys=NO_KEYS)))
    response = post(client, "/v1/predict", {"statements": ["No."]})
    assert problem(response, 503)["detail"] == "the model is being loaded"
    assert problem(client.get("/readyz"), 503)["detail"] == "the model is being loaded"


def test_a_request_that_cannot_be_used_is_told_so_even_without_a_model() -> None:
    client = TestClient(create_app(fake_served(), Settings(keys=NO_KEYS)))
    assert fault(post(client, "/v1/predict", {"statements": []}), 422)[0] == "statements"


@pytest.mark.parametrize(
    ("raised", "status", "detail"),
    [
        (NotReady("the inference threads are gone; restart the service"), 503, "the inference threads are gone; restart the service"),
        (InvalidModelFolder("models/x: torn"), 503, "models/x: torn"),
        (RuntimeError("secret/path"), 500, "the service failed at this request; its log says why"),
    ],
    ids=["not ready", "no model", "a fault of ours"],
)
def test_a_network_that_fails_later_is_a_problem_too_and_the_service_goes_on(raised: Exception, status: int, detail: str) -> None:
    network = FakePool()
    client = fake_client(network)
    network.raises = raised
    response = post(client, "/v1/predict", {"statements": ["No."]})
    assert problem(response, status)["detail"] == detail
    network.raises = None
    assert post(client, "/v1/predict", {"statements": ["No."]}).status_code == 200


def test_the_docs_name_every_refusal(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    for path in ("/v1/predict", "/predict"):
        responses = paths[path]["post"]["responses"]
        for status in ("400", "413", "415", "422", "503"):
            assert "application/problem+json" in responses[status]["content"]
