"""Files over HTTP: the article in a text, HTML or PDF file, so that it can be read."""

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from service.api.limits import JsonRoute, whole_body
from service.api.schemas import Problem
from service.documents import language_of, read_document

_PROBLEM: dict[str, Any] = {"model": Problem}
_REFUSALS: dict[int | str, dict[str, Any]] = {
    413: {**_PROBLEM, "description": "The file is too large."},
    415: {**_PROBLEM, "description": "The body is compressed."},
    422: {**_PROBLEM, "description": "There is no text in it, or more than one article may have; `errors` says which."},
}
FILE: dict[str, Any] = {"requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}}
documents = APIRouter(prefix="/v1/documents", route_class=JsonRoute, tags=["verdicts"], responses=_REFUSALS)


class DocumentResponse(BaseModel):
    """What `POST /v1/articles` takes, made of a file."""

    kind: Annotated[str, Field(description="text, html or pdf, as seen from its content.")]
    article: Annotated[str, Field(description="The main text, paragraphs apart by empty lines.")]
    title: str | None
    date: Annotated[str | None, Field(description="ISO 8601, where the file tells one.")]
    language: Annotated[str | None, Field(description="ISO 639-1 code; null where the text is too short to tell.")]


@documents.post("", summary="The article in a text, HTML or PDF file", openapi_extra=FILE)
async def take_document(request: Request) -> DocumentResponse:
    """The body is the file itself. Of HTML the main text is kept, of PDF the text layer. Nothing is stored."""
    content = await whole_body(request, request.app.state.max_import_bytes)
    return await run_in_threadpool(_response, content)


def _response(content: bytes) -> DocumentResponse:
    found = read_document(content)
    return DocumentResponse(kind=found.kind, article=found.text, title=found.title, date=found.date, language=language_of(found.text))
