"""The web page: its files as they lie in `service/page`, under a policy by which they talk to nobody but this service."""

from importlib import resources
from typing import Any

from fastapi import APIRouter
from fastapi.responses import FileResponse
from pydantic import BaseModel
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from service.settings import EXAMPLE

_FOLDER = resources.files("service") / "page"
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",  # asked each time whether it is still the same, so that an update is seen at once
}
# Swagger UI, which runs on that page alone, writes styles and HTML of its own.
_DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
pages = APIRouter()


class Example(BaseModel):
    """A text to try."""

    article: str


class PageFiles(StaticFiles):
    """The page's files with its headers."""

    def __init__(self) -> None:
        super().__init__(directory=str(_FOLDER))

    def file_response(self, *args: Any, **options: Any) -> Response:
        response = super().file_response(*args, **options)
        response.headers.update(_HEADERS)
        return response


@pages.get("/", include_in_schema=False)
def page() -> FileResponse:
    return FileResponse(str(_FOLDER / "index.html"), headers=_HEADERS)


@pages.get("/docs", include_in_schema=False)
def docs() -> FileResponse:
    return FileResponse(str(_FOLDER / "docs.html"), headers=_HEADERS | {"Content-Security-Policy": _DOCS_POLICY})


@pages.get("/v1/example", summary="A text to try", tags=["about"])
def example() -> Example:
    """The article that the page offers; its people and events are invented."""
    return Example(article=EXAMPLE.read_text(encoding="utf-8"))
