"""The API against what nobody thought of: requests drawn from its own description, and bodies that keep to none."""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from service.api.app import create_app
from service.keys import Keys, Role
from service.retrains import Runs
from service.settings import Settings
from tests.fakes import fake_served, write_toy_model

# The same requests each time: what is found can be found again, and a change is not refused for what was there before it.
DRAWN = {
    # A parameter that nobody knows is no fault: services are asked with `?utm_source=…` all day.
    "generation": {"max-examples": 25, "deterministic": True, "database": "none", "allow-extra-parameters": False},
    "checks": {"not_a_server_error": {"expected-statuses": ["2xx", "3xx", "4xx", "504"]}},  # a caller's own deadline may be a nanosecond
    # What these take is no matter of fields alone: files, labels of which two have to fit together, models that have to be there. All other checks hold.
    "operations": [
        {"include-path": path, "checks": {"positive_data_acceptance": {"enabled": False}}}
        for path in ("/v1/documents", "/v1/quotes", "/v1/quotes/import", "/v1/quotes/{quote}", "/v1/models/rollback")
    ],
}
_folder = tempfile.TemporaryDirectory()  # made when this is imported, since the tests are made from the schema


def described() -> tuple[schemathesis.BaseSchema, dict[str, str]]:
    """The API of a service with a model that is a rule, retrainings that end at once, and a key; and the header that has it."""
    folder = Path(_folder.name)
    header = {"Authorization": f"Bearer {Keys(folder / 'keys.json').add('anna', Role.ADMIN)}"}
    write_toy_model(folder / "models" / "released", name="released")
    app = create_app(fake_served(), Settings(labels=f"sqlite:///{folder}/labels.db", models=folder / "models", keys=folder / "keys.json"))
    app.state.runs = Runs(folder / "retrains", [sys.executable, "-c", ""])
    app.state.served.start().join()
    return schemathesis.openapi.from_asgi("/openapi.json", app, config=schemathesis.Config.from_dict(DRAWN), headers=header), header


schema, header = described()
client = TestClient(schema.app, raise_server_exceptions=False, headers=header)
drawn = settings(max_examples=150, derandomize=True, database=None, deadline=None)


@schema.parametrize()
def test_every_answer_is_one_that_the_api_docs_tell_of(case: schemathesis.Case) -> None:
    case.call_and_validate(headers=header)


# Any text that JSON can carry, lone surrogates included, often one with what texts of articles are made of.
TEXTS = st.text(st.characters(), max_size=60) | st.lists(
    st.sampled_from(["“", "”", '"', "’", " said", "He", " denied ", "Ana Ruiz", ". ", "\n", ", ", "that"])
).map("".join)
NAMES = st.sampled_from(
    ["statements", "text", "context", "speaker", "inputs", "parameters", "top_k", "article", "title", "quotes", "label", "labeller", "verdict"]
)
NUMBERS = st.integers() | st.floats() | st.integers(-(10**400), 10**400)
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS | st.sampled_from(["deny", "other", "not_a_statement"]),
    lambda parts: st.lists(parts, max_size=5) | st.dictionaries(NAMES | TEXTS, parts, max_size=5),
    max_leaves=20,
)
# Bodies that have the right form but for one thing or two.
BODIES: dict[str, st.SearchStrategy[Any]] = {
    "/v1/predict": st.fixed_dictionaries(
        {"statements": st.lists(TEXTS | st.fixed_dictionaries({"text": TEXTS}, optional={"context": ANYTHING, "speaker": TEXTS}))}
    ),
    "/v1/articles": st.fixed_dictionaries({"article": TEXTS}, optional={"title": TEXTS | ANYTHING, "date": TEXTS}),
    "/predict": st.fixed_dictionaries({"inputs": TEXTS | st.lists(TEXTS)}, optional={"parameters": st.dictionaries(NAMES, NUMBERS), "options": ANYTHING}),
    "/v1/quotes": st.fixed_dictionaries({"text": TEXTS, "labeller": TEXTS}, optional={"label": ANYTHING, "note": TEXTS, "verdict": ANYTHING, "story": TEXTS}),
}
FORMATS = ("jsonl", "csv", "datasets", "label-studio", "prodigy")
ROWS = st.dictionaries(
    st.sampled_from(
        ["text", "context", "label", "by", "at", "kind", "history", "story", "model", "stance", "probability", "data", "annotations", "meta", "accept"]
    )
    | st.sampled_from(["answer", "_timestamp", "_annotator_id", "source", "note", "speaker", "completions"]),
    ANYTHING | st.sampled_from(["deny", "add", "label", "accept", "9999-12-31T23:59:59-14:00", "0001-01-01", "api"]),
)


def check(answer: Any) -> None:
    assert answer.status_code < 500, answer.text
    if answer.is_error:
        assert answer.headers["content-type"] == "application/problem+json"
        told = answer.json()
        assert (told["status"], told["detail"] != "") == (answer.status_code, True)


@pytest.mark.parametrize("path", BODIES)
def test_a_body_of_any_kind_gets_an_answer_or_a_problem(path: str) -> None:
    @drawn
    @given(BODIES[path] | ANYTHING)
    def send(body: Any) -> None:
        check(client.post(path, content=json.dumps(body).encode(), headers={"Content-Type": "application/json"}))

    send()


@pytest.mark.parametrize("path", BODIES)
def test_bytes_of_any_kind_get_an_answer_or_a_problem(path: str) -> None:
    @drawn
    @given(st.binary(max_size=200), st.sampled_from(["application/json", "application/json; charset=utf-16", "application/problem+json", "text/plain", ""]))
    def send(body: bytes, kind: str) -> None:
        check(client.post(path, content=body, headers={"Content-Type": kind}))

    send()


@pytest.mark.parametrize("format", FORMATS)
def test_a_file_of_any_kind_is_taken_in_or_each_of_its_faults_is_told(format: str) -> None:  # noqa: A002 - as the API calls it
    lines = st.lists(ROWS | ANYTHING, max_size=4).map(lambda rows: "\n".join(map(json.dumps, rows)).encode())
    table = st.lists(st.lists(TEXTS | st.sampled_from(["text", "label", "by", "deny"]), max_size=4).map(",".join), max_size=5).map("text,label\n{}".format)
    tasks = st.lists(ROWS, max_size=4).map(lambda rows: json.dumps(rows).encode())

    @drawn
    @given(st.binary(max_size=200) | lines | tasks | table.map(lambda text: text.encode(errors="surrogatepass")), st.sampled_from(["refuse", "skip"]))
    def send(body: bytes, on_fault: str) -> None:
        check(client.post("/v1/quotes/import", params={"format": format, "labeller": "anna", "on_fault": on_fault}, content=body))

    send()
