"""Settings and a model -> the HTTP application."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Query, Request, Response
from fastapi_offline import FastAPIOffline
from pydantic_core import to_json
from starlette.concurrency import run_in_threadpool

from service.api import metrics
from service.api.callers import Within, answered
from service.api.direct import DirectRoute, json_response
from service.api.documents import documents
from service.api.entrance import Entrance
from service.api.guard import Guard
from service.api.models import models
from service.api.openapi import document
from service.api.pages import PageFiles, pages
from service.api.problems import add_handlers
from service.api.quotes import quotes
from service.api.rates import Rates
from service.api.retrains import retrains
from service.api.schemas import (
    ArticleRequest,
    ArticleResponse,
    DailyResponse,
    Health,
    LabelOut,
    LabelScoreOut,
    LabelsResponse,
    ModelResponse,
    PipelineParameters,
    PipelineRequest,
    PredictRequest,
    PredictResponse,
    Problem,
    attribution_out,
    pipeline_out,
    verdict_out,
)
from service.api.served import ServedModel
from service.documents import language_of
from service.errors import NotReady
from service.keys import KeyRing, Keys
from service.labels.store import LabelStore
from service.labels.tally import Tally
from service.registry import Registry
from service.retrains import Runs
from service.settings import Settings
from service.stance import DEFINITIONS, Verdict
from service.statements.article import Attribution, statements_in
from service.statements.statement import Statement

_PROBLEM: dict[str, Any] = {"model": Problem}
_REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {**_PROBLEM, "description": "The body is no JSON."},
    413: {**_PROBLEM, "description": "The body is too large."},
    415: {**_PROBLEM, "description": "The content type is not JSON."},
    422: {**_PROBLEM, "description": "The JSON, or a header, is not what was wanted; `errors` says where."},
    429: {**_PROBLEM, "description": "More is asked than can be answered soon; `Retry-After` says when to ask again."},
    503: {**_PROBLEM, "description": "The model is not ready."},
    504: {**_PROBLEM, "description": "The caller's own `X-Request-Timeout` is over."},
}
_DAILY_REFUSALS: dict[int | str, dict[str, Any]] = {
    422: {**_PROBLEM, "description": "`days` is not what was wanted."},
    503: {**_PROBLEM, "description": "The database of counts and labels cannot be used."},
}
_DESCRIPTION = "Reads news: who says what, and what they do by saying it: **confirm**, **deny**, **threat**, **appeal**, or **other**."
_PipelineResponse = list[LabelScoreOut] | list[list[LabelScoreOut]]
_HUB_CLIENTS = ("hf_hub/", "@huggingface/inference")

predicting = APIRouter(route_class=DirectRoute, responses=_REFUSALS, tags=["verdicts"])
about = APIRouter(tags=["about"])
health = APIRouter(tags=["health"])


def create_app(served: ServedModel, settings: Settings) -> FastAPI:
    """The application; it begins to load `served` when it starts up."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        loading = served.start()
        app.state.tally.start()
        yield
        loading.join(timeout=10)  # an interpreter that ends with a thread inside ONNX Runtime aborts with a core dump
        served.stop()
        app.state.tally.close()
        app.state.labels.close()

    # FastAPI with the scripts of its API docs in a package, not at somebody else's address: no request leaves the machine. The page that runs them is ours.
    app = FastAPIOffline(
        docs_url=None,
        title="On Record",
        version="1",
        description=_DESCRIPTION,
        lifespan=lifespan,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # FastAPI's own would send what was refused, texts and all, to a collector
    )
    app.state.served = served
    app.state.metrics = metrics.Metrics()
    app.state.labels = LabelStore(settings.labels)
    app.state.tally = Tally(app.state.labels.database)
    app.state.registry = Registry(settings.models)
    app.state.runs = Runs(settings.retrains)
    app.state.places = settings.places
    app.state.is_closing = False  # whoever stops the service sets it, so that streams end
    app.state.max_body_bytes = settings.max_body_bytes
    app.state.max_import_bytes = settings.max_import_bytes
    app.router.routes[:0] = predicting.routes  # included routers are looked through twice for each request
    for router in (documents, quotes, retrains, models, about, pages, health):
        app.include_router(router)
    app.mount("/page", PageFiles(), name="page")
    add_handlers(app)
    app.openapi = lambda: document(app)  # type: ignore[method-assign]  # FastAPI's own way to change its document
    guard = Guard(KeyRing(Keys(settings.keys)), Rates(), is_open_without_keys=settings.is_open_without_keys)
    direct = [route for route in predicting.routes if isinstance(route, DirectRoute)]
    entrance = Entrance(app.build_middleware_stack(), guard, served.check_room, direct, app.state.metrics)
    app.middleware_stack = entrance  # around all of FastAPI's own: what is refused, and what fails, leaves a trail too
    app.state.refusal = entrance.refusal
    return app


@predicting.post("/v1/predict", summary="What do these statements do?")
async def predict(body: PredictRequest, request: Request, within: Within) -> PredictResponse:
    """One verdict for each of 1 to 256 statements, in order. A verdict depends on its own statement and context alone."""
    model, verdicts = await _classify(request, body.as_statements(), within)
    return PredictResponse(model=model, verdicts=[verdict_out(verdict) for verdict in verdicts])


@predicting.post("/v1/articles", summary="Who says what in this article, and what do they do by saying it?")
async def read_article(body: ArticleRequest, request: Request, within: Within) -> ArticleResponse:
    """Every quoted or reported statement (direct, fragment, indirect) with its place, cue, speaker and verdict. A text without any has an empty list."""
    until = time.monotonic() + within
    found, language = await answered(request, run_in_threadpool(_read, body), within)
    model, verdicts = await _classify(request, [attribution.statement for attribution in found], until - time.monotonic())
    statements = [attribution_out(attribution, verdict) for attribution, verdict in zip(found, verdicts, strict=True)]
    return ArticleResponse(model=model, title=body.title, date=body.date, language=language, statements=statements)


def _read(body: ArticleRequest) -> tuple[Sequence[Attribution], str | None]:
    return statements_in(body.article, body.title), language_of(body.article)


@predicting.post("/predict", response_model=_PipelineResponse, summary="The same, in the shape of Hugging Face's text-classification task")
async def predict_as_pipeline(body: PipelineRequest, request: Request, within: Within) -> Response:
    """A list of labels with scores for one text; for a list of texts, a list of such lists.

    So say the task's specification and most servers. Hugging Face's own clients for Python and JavaScript, told by their User-Agent, look for the labels of
    one text in the first element of the answer, as their hosted API has it: they get a list in a list. There is no field for a context here: a text may hold it
    with the statement marked, as in "The group has denied « any role »."
    """
    texts = [body.inputs] if isinstance(body.inputs, str) else body.inputs
    _, verdicts = await _classify(request, [Statement(text) for text in texts], within)
    top_k = (body.parameters or PipelineParameters()).top_k
    rows = [pipeline_out(verdict, top_k) for verdict in verdicts]
    is_hub_client = any(name in request.headers.get("user-agent", "") for name in _HUB_CLIENTS)
    answer = rows[0] if isinstance(body.inputs, str) and not is_hub_client else rows
    return json_response(to_json(answer, inf_nan_mode="null"), {"Vary": "User-Agent"})


async def _classify(request: Request, statements: Sequence[Statement], within: float) -> tuple[str, list[Verdict]]:
    """The name of the model that gave all of the verdicts, and these, counted."""
    with request.app.state.served.using() as model:
        verdicts = await answered(request, model.classify_within(statements, within), within)
    request.app.state.metrics.count_verdicts(verdicts)
    request.app.state.tally.count(model.card.name, verdicts)
    return model.card.name, verdicts


@about.get("/v1/verdicts/daily", summary="How many verdicts of each stance a day", responses=_DAILY_REFUSALS)
def daily_verdicts(request: Request, days: Annotated[int, Query(ge=1, le=366, description="The last days, today included (UTC).")] = 30) -> DailyResponse:
    """By day, model and stance, oldest first, over all services that share the label store: shares that drift mean other news, or another model."""
    return DailyResponse(days=request.app.state.tally.daily(days))


@about.get("/v1/labels", summary="The labels and what they mean")
def labels() -> LabelsResponse:
    """In the order of a model's outputs."""
    return LabelsResponse(
        labels=[LabelOut(name=stance, definition=definition.text, examples=definition.examples) for stance, definition in DEFINITIONS.items()]
    )


@about.get("/v1/model", summary="The served model and its results")
def model(request: Request) -> ModelResponse:
    """The card of the model in use."""
    return ModelResponse.model_validate(request.app.state.served.card, from_attributes=True)


@health.get("/healthz", summary="Is the process alive?")
async def healthz() -> Health:
    """Answers as long as the process does, whatever the model's state."""
    return Health(status="alive")


@health.get("/readyz", summary="Would a statement be answered?", responses={503: _REFUSALS[503]})
async def readyz(request: Request) -> Health:
    """503 until a real forward pass has run, and again when the inference threads are gone."""
    reason = request.app.state.served.why_not_ready()
    if reason is not None:
        raise NotReady(reason)
    return Health(status="ready")


@health.get("/metrics", summary="Counts, in Prometheus' text format", response_class=Response, status_code=HTTPStatus.OK)
async def prometheus(request: Request) -> Response:
    """Requests by path and status, their seconds, verdicts by stance, truncated statements, readiness."""
    is_ready = request.app.state.served.why_not_ready() is None
    return Response(request.app.state.metrics.text(is_ready=is_ready), media_type=metrics.MEDIA_TYPE)
