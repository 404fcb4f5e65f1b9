"""Labelled quotes over HTTP: send in, look up, correct, choose what to label next, take out and take in files."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from service.api.documents import FILE
from service.api.limits import JsonRoute, whole_body
from service.api.quote_schemas import (
    AgreementResponse,
    ChangeIn,
    FindQuery,
    ImportOut,
    Name,
    NextQuotes,
    Note,
    OneOrMany,
    QuoteHistory,
    QuoteIn,
    QuotePage,
    QuotesIn,
    QuotesPut,
    Strategy,
    changes_of,
    given_of,
    quote_history,
    quote_of,
    quote_out,
    quotes_put,
)
from service.api.schemas import FaultOut, Problem
from service.api.served import ServedModel
from service.errors import Fault, InvalidInput, NotReady, Overloaded
from service.labels.agreement import agreements
from service.labels.quote import Change, Given, Kind, Quote, Source, Status
from service.labels.readers import Origin, read
from service.labels.store import LabelStore, Outcome
from service.labels.writers import WRITERS
from service.statements.statement import Statement

FileKind = Literal["jsonl", "csv", "datasets", "label-studio", "prodigy"]
_MEDIA_TYPES = {"csv": "text/csv", "label-studio": "application/json"}
_EXTENSIONS = {"csv": "csv", "label-studio": "json"}
_MAX_JUDGED = 256  # quotes that `next` asks the model about in one request
_MAX_FAULTS_TOLD = 1_000

_PROBLEM: dict[str, Any] = {"model": Problem}
quotes = APIRouter(
    prefix="/v1/quotes",
    route_class=JsonRoute,
    tags=["labels"],
    responses={
        422: {**_PROBLEM, "description": "Something is not what was wanted; `errors` says where."},
        503: {**_PROBLEM, "description": "The store of labels cannot be used."},
    },
)
_MISSING: dict[int | str, dict[str, Any]] = {404: {**_PROBLEM, "description": "There is no such quote."}}


@quotes.post("", summary="Send in labelled quotes, or quotes to be labelled")
def put_quotes(
    body: OneOrMany,
    request: Request,
    idempotency_key: Annotated[str | None, Header(max_length=255, description="The same key with the same body is answered again, not done again.")] = None,
) -> QuotesPut:
    """One quote, or 1 to 1,000 of them, all or none.

    The same statement in the same context is one record: a second labeller's label stands beside the first, the same labeller's takes its place, and the
    earlier one stays in the history.
    """
    given = QuotesIn(quotes=[body]) if isinstance(body, QuoteIn) else body
    _check_labellers(given, is_one=isinstance(body, QuoteIn))
    sent = _with_verdicts(given, request.app.state.served)
    store: LabelStore = request.app.state.labels
    if idempotency_key is None:
        return quotes_put(store.merge(sent, are_made_now=True))
    digest = hashlib.sha256(given.model_dump_json().encode()).hexdigest()
    return QuotesPut.model_validate_json(store.answer_once(idempotency_key, digest, lambda merged: quotes_put(merged).model_dump_json(), sent))


@quotes.get("", summary="Look quotes up")
def find_quotes(request: Request, wanted: Annotated[FindQuery, Query()]) -> QuotePage:
    """Newest first. A quote that comes in while you turn pages is not in them; none is shown twice or left out."""
    page = request.app.state.labels.find(wanted.as_search(), wanted.limit, wanted.cursor)
    return QuotePage(quotes=[quote_out(quote) for quote in page.quotes], next=page.next, total=page.total)


@quotes.get("/next", summary="What should be labelled next?")
def next_quotes(
    request: Request,
    strategy: Annotated[Strategy, Query(description="uncertain: least probable verdicts first; disagreement: disputes, then corrected verdicts.")] = (
        Strategy.UNCERTAIN
    ),
    labeller: Annotated[Name | None, Query(description="Leaves out what this labeller has labelled.")] = None,
    n: Annotated[int, Query(ge=1, le=100)] = 1,
) -> NextQuotes:
    """Quotes that wait for a label come in by `POST /v1/quotes` with `label` null. The served model judges those that it has not judged yet, 256 a request."""
    store: LabelStore = request.app.state.labels
    if strategy is Strategy.DISAGREEMENT:
        found = store.next_disagreements(n, labeller=labeller)
    else:
        if strategy is Strategy.UNCERTAIN:
            _judge(store, request.app.state.served)
        found = store.next_unlabelled(n, labeller=labeller, at_random=strategy is Strategy.RANDOM)
    return NextQuotes(quotes=[quote_out(quote) for quote in found], counts={Status(name): count for name, count in store.counts().items()})


@quotes.get("/agreement", summary="How far do the labellers agree?")
def labellers_agreement(request: Request) -> AgreementResponse:
    """Of each two who have labelled quotes in common: how many, the share with the same label, and Cohen's kappa."""
    return AgreementResponse(pairs=agreements(request.app.state.labels.everything()))


@quotes.get("/export", summary="Take all quotes out as a file", response_class=StreamingResponse)
def export_quotes(request: Request, format: FileKind = "jsonl") -> StreamingResponse:  # noqa: A002 - a name in the address, not in the code
    """`jsonl` and `csv` hold everything, history included, and make the same store when they are taken in again. `datasets` has agreed quotes only."""
    request.app.state.labels.counts()  # a store that fails does so before the answer has begun
    lines = WRITERS[format](request.app.state.labels.everything())
    name = f"labels.{_EXTENSIONS.get(format, 'jsonl')}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(_in_blocks(lines), media_type=_MEDIA_TYPES.get(format, "application/x-ndjson"), headers=headers)


@quotes.post("/import", summary="Take quotes in from a file", openapi_extra=FILE)
async def import_quotes(
    request: Request,
    format: FileKind = "jsonl",  # noqa: A002 - a name in the address, not in the code
    labeller: Annotated[Name | None, Query(description="Of those lines that name none.")] = None,
    on_fault: Annotated[Literal["refuse", "skip"], Query(description="Refuse the whole file, or leave faulty lines out.")] = "refuse",
) -> ImportOut:
    """The body is the file itself, UTF-8. A file with a fault is refused as a whole, unless `on_fault=skip`; either way each fault is told with its line."""
    body = await whole_body(request, request.app.state.max_import_bytes)
    return await run_in_threadpool(_take_in, request.app.state.labels, body, format, Origin(labeller, datetime.now(UTC)), skips=on_fault == "skip")


@quotes.get("/{quote}", summary="One quote with its history", responses=_MISSING)
def get_quote(quote: str, request: Request) -> QuoteHistory:
    """Deleted ones too."""
    return quote_history(request.app.state.labels.get(quote))


@quotes.patch("/{quote}", summary="Change a label, settle a dispute, put a speaker right", responses=_MISSING)
def change_quote(quote: str, body: ChangeIn, request: Request) -> QuoteHistory:
    """Nothing is overwritten: what was there before is in the history."""
    if body.withdraw and (body.label is not None or body.settle):
        raise InvalidInput(Fault("withdraw", "true beside a label", "one of the two"))
    if body.settle and body.label is None:
        raise InvalidInput(Fault("label", "nothing", "the label that the dispute is settled as"))
    made = changes_of(body, datetime.now(UTC))
    if not made:
        raise InvalidInput(Fault("body", "nothing to change", "a label, a speaker, or `withdraw`"))
    return quote_history(request.app.state.labels.change(quote, made))


@quotes.delete("/{quote}", summary="Leave a quote out", responses=_MISSING)
def delete_quote(quote: str, request: Request, labeller: Name, note: Note | None = None) -> QuoteHistory:
    """It is found no more, exported with its history only, and teaches nothing; the next label brings it back."""
    change = Change(Kind.DELETE, labeller, datetime.now(UTC), Source.API, note=note)
    return quote_history(request.app.state.labels.change(quote, [change]))


def _check_labellers(given: QuotesIn, *, is_one: bool) -> None:
    nameless = [number for number, quote in enumerate(given.quotes) if not quote.labeller]
    if nameless and not given.labeller:
        where = "labeller" if is_one else f"quotes[{nameless[0]}].labeller"
        raise InvalidInput(Fault(where, "nothing", "who labels it, here or once for all quotes"))


def _with_verdicts(given: QuotesIn, served: ServedModel) -> list[Quote]:
    """The quotes, each with the verdict that came with it or that the served model has for it; without one while the model cannot say."""
    at, source = datetime.now(UTC), Source(given.source)
    asked = [quote for quote in given.quotes if quote.verdict is None]
    try:
        with served.using() as model:
            verdicts = model.classify([Statement(quote.text, quote.context) for quote in asked])
        judged = {id(quote): Given(model.card.name, verdict.stance, verdict.probability) for quote, verdict in zip(asked, verdicts, strict=True)}
    except (NotReady, Overloaded):
        judged = {}
    return [quote_of(quote, quote.labeller or given.labeller or "", source, at, given_of(quote.verdict) or judged.get(id(quote))) for quote in given.quotes]


def _judge(store: LabelStore, served: ServedModel) -> None:
    """Asks the model about quotes that it has not judged; while it is not ready or has too much to do, the verdicts of an earlier one have to do."""
    try:
        with served.using() as model:
            waiting = store.without_verdict_of(model.card.name, _MAX_JUDGED)
            verdicts = model.classify([quote.statement for quote in waiting])
    except (NotReady, Overloaded):
        return
    store.keep_verdicts(model.card.name, {quote.id: verdict for quote, verdict in zip(waiting, verdicts, strict=True)})


def _take_in(store: LabelStore, body: bytes, kind: str, origin: Origin, *, skips: bool) -> ImportOut:
    try:
        content = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(Fault(f"body, byte {error.start}", f"0x{body[error.start]:02X}", "UTF-8 text")) from None
    found = read(kind, content, origin)
    if found.faults and not (skips and found.quotes):
        raise InvalidInput(*found.faults)
    outcomes = Counter(outcome for _, outcome in store.merge([quote for _, quote in found.quotes]))
    faults = [FaultOut(where=fault.where, came=fault.came, wanted=fault.wanted) for fault in found.faults[:_MAX_FAULTS_TOLD]]
    counts = {str(outcome): outcomes[outcome] for outcome in Outcome}
    return ImportOut(read=len(found.quotes), faults=faults, **counts)


def _in_blocks(lines: Iterable[str]) -> Iterator[bytes]:
    """The lines in blocks of about 64 kB: a block a line would cost more than the lines themselves."""
    block: list[str] = []
    n_chars = 0
    for line in lines:
        block.append(line)
        n_chars += len(line)
        if n_chars > 65_536:
            yield "".join(block).encode()
            block, n_chars = [], 0
    yield "".join(block).encode()
