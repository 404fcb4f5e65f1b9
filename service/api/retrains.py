"""Retraining over HTTP: start, watch, cancel, resume. The work is done by a process of its own."""

import asyncio
from collections.abc import AsyncIterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.sse import EventSourceResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from service.api.limits import JsonRoute
from service.api.quote_schemas import Name, Note
from service.api.schemas import Problem
from service.retrains import ENDED, Run, Runs

_LOOK_SECONDS = 1.0
_LINES_FOLLOWED = 12

_PROBLEM: dict[str, Any] = {"model": Problem}
_MISSING: dict[int | str, dict[str, Any]] = {404: {**_PROBLEM, "description": "There is no such retraining."}}
_CONFLICT: dict[int | str, dict[str, Any]] = {409: {**_PROBLEM, "description": "Another one runs, or this one cannot do that now; `detail` says why."}}
_INVALID: dict[int | str, dict[str, Any]] = {422: {**_PROBLEM, "description": "Something is not what was wanted; `errors` says where."}}
retrains = APIRouter(prefix="/v1/retrains", route_class=JsonRoute, tags=["retraining"], responses=_INVALID)


class RetrainRequest(BaseModel):
    """Who wants a new model, and why."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"by": "anna", "reason": "40 corrections on strike news"}]})

    by: Name
    reason: Annotated[Note, Field(min_length=1)]
    promote: Annotated[bool, Field(strict=True, description="Whether the new model is to serve at once where the gate lets it pass.")] = True


@dataclass(frozen=True)
class RunWithLog(Run):
    """A retraining, how far it is, how it ended, and the end of its log."""

    log: Sequence[str] = ()


class RunsResponse(BaseModel):
    """All retrainings, newest first."""

    running: str | None
    retrains: list[Run]


@retrains.post("", summary="Train a new model on the labels of the store", status_code=HTTPStatus.ACCEPTED, responses=_CONFLICT)
def start(body: RetrainRequest, request: Request) -> Run:
    """One at a time. It goes on when the service is stopped, and the model that serves is changed only where the gate lets the new one pass."""
    runs: Runs = request.app.state.runs
    runs.check_installed()
    run = runs.create(body.by, body.reason, promote=body.promote)
    runs.start(run, request.app.state.places)
    return run


@retrains.get("", summary="All retrainings")
def list_retrains(request: Request) -> RunsResponse:
    """Newest first."""
    runs: Runs = request.app.state.runs
    return RunsResponse(running=runs.running(), retrains=runs.listed())


@retrains.get("/{run}", summary="How far is it?", responses=_MISSING)
def get_retrain(run: str, request: Request, log: Annotated[int, Query(ge=0, le=1_000, description="Lines of its log.")] = 40) -> RunWithLog:
    """Stage, progress, learning curve, the gate's sentences, and the end of the log."""
    return _with_log(request.app.state.runs, run, log)


def _with_log(runs: Runs, run: str, n_lines: int) -> RunWithLog:
    return RunWithLog(**vars(runs.get(run)), log=runs.log_tail(run, n_lines) if n_lines else ())


def _known(run: str, request: Request) -> Runs:
    """The runs, of which `run` is one: what streams its answer has to know before it begins."""
    runs: Runs = request.app.state.runs
    runs.path(run)
    return runs


@retrains.get("/{run}/events", summary="Watch it", responses=_MISSING, response_class=EventSourceResponse)
async def follow(run: str, request: Request, runs: Annotated[Runs, Depends(_known)]) -> AsyncIterable[RunWithLog]:
    """Server-sent events: the run as it is, whenever it has changed, until it has ended."""
    told = None
    while not request.app.state.is_closing:
        found = await run_in_threadpool(_with_log, runs, run, _LINES_FOLLOWED)
        if found != told:
            yield found
            told = found
        if found.state in ENDED:
            return
        await asyncio.sleep(_LOOK_SECONDS)


@retrains.post("/{run}/cancel", summary="Stop it", status_code=HTTPStatus.ACCEPTED, responses=_MISSING | _CONFLICT)
def cancel(run: str, request: Request) -> Run:
    """It ends within seconds and leaves no half model behind."""
    runs: Runs = request.app.state.runs
    runs.cancel(run)
    return runs.get(run)


@retrains.post("/{run}/resume", summary="Go on where it stopped", status_code=HTTPStatus.ACCEPTED, responses=_MISSING | _CONFLICT)
def resume(run: str, request: Request) -> Run:
    """With the quotes that it had collected, and the model, if it was finished. To begin anew, start another one."""
    runs: Runs = request.app.state.runs
    runs.check_installed()
    found = runs.resume(run)
    runs.start(found, request.app.state.places)
    return found
