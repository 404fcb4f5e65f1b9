"""Models over HTTP: which there are, which one serves and why, and back to an earlier one."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from service.api.limits import JsonRoute
from service.api.quote_schemas import Name, Note
from service.api.schemas import Problem
from service.classifier import try_out
from service.registry import GateVerdict, Listed, Promotion, Registry

_PROBLEM: dict[str, Any] = {"model": Problem}
models = APIRouter(prefix="/v1/models", route_class=JsonRoute, tags=["models"])
_REFUSALS: dict[int | str, dict[str, Any]] = {
    404: {**_PROBLEM, "description": "There is no such model."},
    409: {**_PROBLEM, "description": "The gate did not let it pass; `detail` says which bars it missed. The served model stays."},
    422: {**_PROBLEM, "description": "Something is not what was wanted; `errors` says where."},
    503: {**_PROBLEM, "description": "The folder is damaged or not of this version. The served model stays."},
}


class ModelOut(BaseModel):
    """A model, its results and its history."""

    name: str
    is_served: bool
    created: str | None
    base_model: str | None
    data_digest: str | None
    results: dict[str, Any]
    gate: GateVerdict | None
    problem: Annotated[str | None, Field(description="Why its folder cannot be used.")]
    promotions: Sequence[Promotion]


class ModelsResponse(BaseModel):
    """All models, newest first."""

    served: Annotated[str, Field(description="The folder of the model that is to serve.")]
    in_use: Annotated[str, Field(description="The name, by its card, of the model that answers now.")]
    refusal: Annotated[str | None, Field(description="Why the model that is to serve is not the one that answers.")]
    models: list[ModelOut]


class PromoteRequest(BaseModel):
    """Who wants a model to serve, and why; `force` overrules the gate, and is recorded."""

    model_config = ConfigDict(extra="forbid")

    by: Name
    reason: Annotated[Note, Field(min_length=1)]
    force: Annotated[bool, Field(strict=True)] = False


class RollbackRequest(BaseModel):
    """Who wants an earlier model back, and why; without `to`, the one that served before."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"by": "anna", "reason": "too many threats since Monday"}]})

    by: Name
    reason: Annotated[Note, Field(min_length=1)]
    to: Name | None = None


@models.get("", summary="All models, with results, gate and history")
def list_models(request: Request) -> ModelsResponse:
    """Newest first."""
    return _response(request)


@models.post("/rollback", summary="Back to an earlier model", responses=_REFUSALS)
def rollback(body: RollbackRequest, request: Request) -> ModelsResponse:
    """The change has taken place when this answers; requests that have begun end with the model that they began with."""
    registry: Registry = request.app.state.registry
    registry.rollback(body.to, by=body.by, reason=body.reason, check=try_out)
    return _changed(request)


@models.post("/{name}/promote", summary="Let a model serve", responses=_REFUSALS)
def promote(name: str, body: PromoteRequest, request: Request) -> ModelsResponse:
    """Only where the gate let it pass beside the model that serves now, unless `force`."""
    registry: Registry = request.app.state.registry
    try_out(registry.open(name))
    if body.force:
        registry.promote(name, by=body.by, reason=body.reason, forced=True)
    else:
        registry.promote_gated(name, by=body.by, reason=body.reason)
    return _changed(request)


def _changed(request: Request) -> ModelsResponse:
    served = request.app.state.served
    served.change()
    return _response(request)


def _response(request: Request) -> ModelsResponse:
    registry, served = request.app.state.registry, request.app.state.served
    found = [_model_out(model) for model in registry.listed()]
    return ModelsResponse(served=registry.served_name(), in_use=served.card.name, refusal=served.refusal, models=found)


def _model_out(model: Listed) -> ModelOut:
    card = model.card
    return ModelOut(
        name=model.name,
        is_served=model.is_served,
        created=card.created if card else None,
        base_model=card.base_model if card else None,
        data_digest=card.data_digest if card else None,
        results=dict(card.results) if card else {},
        gate=model.gate,
        problem=model.problem,
        promotions=model.promotions,
    )
