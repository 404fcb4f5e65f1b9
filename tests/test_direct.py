"""The short way from a body to its endpoint gives what FastAPI's own way gives, whatever comes."""

import json
import math
from collections.abc import Iterator

import pytest
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.testclient import TestClient

from service.api.callers import TIMEOUT, Within
from service.api.direct import DirectRoute
from service.api.limits import JsonRoute
from service.api.problems import add_handlers
from service.api.schemas import LabelScoreOut, PipelineRequest, PredictRequest
from service.errors import Conflict, NotReady

FINE = b'{"statements": ["They denied it.", {"text": "\\u0064enied", "context": null}]}'
BODIES = {
    "fine": FINE,
    "blanks around it": b" \n" + FINE + b"\t",
    "UTF-16": FINE.decode().encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + FINE,
    "nothing": b"",
    "null": b"null",
    "a number": b"17",
    "a list": b"[]",
    "an empty object": b"{}",
    "no statement": b'{"statements": []}',
    "no list": b'{"statements": {"text": "a"}}',
    "a number among them": b'{"statements": ["a", 3, null, {"text": 4}, {"context": "b"}]}',
    "a field of another kind": b'{"statements": ["a"], "model": "b"}',
    "blank text": b'{"statements": ["  "]}',
    "a control character": b'{"statements": ["a\\u0000b"]}',
    "half a character": b'{"statements": ["\\ud83d"]}',
    "the same field twice": b'{"statements": ["a"], "statements": []}',
    "not a number": b'{"statements": [NaN, Infinity]}',
    "broken": b'{"statements": ["a"',
    "a comma too many": b'{"statements": ["a",]}',
    "two values": FINE + FINE,
    "not UTF-8": b'{"statements": ["\xff"]}',
    "deep": b"[" * 200_000,
    "a number of many digits": b'{"statements": [' + b"9" * 5_000 + b"]}",
    "too many statements": b'{"statements": [' + b'"a",' * 256 + b'"a"]}',
}


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    async def count(body: PredictRequest, request: Request, within: Within) -> list[LabelScoreOut]:
        return [LabelScoreOut(label="deny", score=len(statement.text) + (0 if math.isinf(within) else within)) for statement in body.as_statements()]

    async def fail(body: PipelineRequest, request: Request, within: Within) -> Response:
        if body.inputs == "busy":
            raise NotReady("the model is being loaded")
        if body.inputs == "taken":
            raise Conflict("that is there already")
        return Response(b"[]", headers={"Vary": "User-Agent"}, media_type="application/json")

    app = FastAPI()
    app.state.max_body_bytes = 300_000
    add_handlers(app)
    for path, kind in (("/short", DirectRoute), ("/long", JsonRoute)):
        router = APIRouter(prefix=path, route_class=kind)
        router.post("/count")(count)
        router.post("/fail", response_model=list[LabelScoreOut])(fail)
        app.include_router(router)
    with TestClient(app) as found:
        yield found


def assert_same(client: TestClient, path: str, body: bytes, headers: dict[str, str]) -> Response:
    short, long = (client.post(f"{way}{path}", content=body, headers={"Content-Type": "application/json"} | headers) for way in ("/short", "/long"))
    assert (short.status_code, short.content, dict(short.headers)) == (long.status_code, long.content, dict(long.headers))
    return short  # type: ignore[return-value]


@pytest.mark.parametrize("within", [None, "2.5", "0", "soon", "nan"])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_bodies_and_headers_are_taken_and_refused_alike(client: TestClient, body: bytes, within: str | None) -> None:
    response = assert_same(client, "/count", body, {TIMEOUT: within} if within else {})
    assert response.status_code in (200, 400, 422)


@pytest.mark.parametrize(("inputs", "status"), [(b'"a"', 200), (b'"busy"', 503), (b'"taken"', 409)])
def test_what_an_endpoint_raises_or_answers_itself_comes_out_alike(client: TestClient, inputs: bytes, status: int) -> None:
    assert assert_same(client, "/fail", b'{"inputs": ' + inputs + b"}", {}).status_code == status


@pytest.mark.parametrize("content_type", ["text/plain", "", "application/json; charset=utf-8", "application/geo+json"])
def test_content_types_are_taken_and_refused_alike(client: TestClient, content_type: str) -> None:
    assert_same(client, "/count", FINE, {"Content-Type": content_type})


def test_the_api_docs_are_alike(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    for name in ("count", "fail"):
        short, long = (json.dumps(paths[f"/{way}/{name}"]["post"]).lower().replace(way, "way") for way in ("short", "long"))
        assert short == long
