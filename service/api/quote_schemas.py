"""Labelled quotes as they cross HTTP."""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from service.api.schemas import FaultOut, Said, StatementIn, Words
from service.labels.agreement import Agreement
from service.labels.quote import MAX_NAME_CHARS, MAX_NOTE_CHARS, Change, Given, Kind, Label, Quote, Source, Status
from service.labels.search import Search
from service.labels.store import MAX_PAGE, Outcome
from service.stance import Stance
from service.statements.statement import Statement

MAX_QUOTES = 1_000
Name = Annotated[Said, Field(min_length=1, max_length=MAX_NAME_CHARS)]
Note = Annotated[Words, Field(max_length=MAX_NOTE_CHARS)]
_LABELLER = "Who says so: a name that is the same each time."


def _in_utc(time: datetime) -> datetime:
    try:
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        raise ValueError("a time between the years 1 and 9999, in UTC too") from None


def _no_number(value: Any) -> Any:
    try:
        float(value)
    except (TypeError, ValueError):
        return value
    raise ValueError("a time such as 2026-03-01T09:30:00+00:00")


Time = Annotated[datetime, AfterValidator(_in_utc), BeforeValidator(_no_number)]  # pydantic would take a number for seconds since 1970


class Strategy(StrEnum):
    """What to label next: what the model is least sure of, what people or model and people disagree on, or anything."""

    UNCERTAIN = "uncertain"
    DISAGREEMENT = "disagreement"
    RANDOM = "random"


class GivenVerdict(BaseModel):
    """The verdict that the labeller had before their eyes."""

    model_config = ConfigDict(extra="forbid")

    model: Name
    stance: Stance
    probability: Annotated[float, Field(strict=True, ge=0, le=1)]


class QuoteIn(StatementIn):
    """A statement and, if it has one, its label."""

    label: Annotated[Label | None, Field(description="What the statement does; null puts it among those that wait for a label.")] = None
    labeller: Annotated[Name | None, Field(description=_LABELLER)] = None
    story: Annotated[Name | None, Field(description="A name that quotes about one event share: they are never on both sides of a test.")] = None
    note: Note | None = None
    verdict: Annotated[GivenVerdict | None, Field(description="What the label corrects or upholds; the served model's own if absent.")] = None


class QuotesIn(BaseModel):
    """1 to 1,000 quotes by one labeller, or each by its own."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "labeller": "anna",
                    "quotes": [
                        {"text": "any role in the bombing", "context": "The group has denied any role in the bombing.", "label": "deny"},
                        {"text": "They will be back.", "label": None},
                    ],
                }
            ]
        },
    )

    quotes: Annotated[list[QuoteIn], Field(min_length=1, max_length=MAX_QUOTES)]
    labeller: Annotated[Name | None, Field(description="Of those quotes that name none.")] = None
    source: Annotated[Literal["api", "page"], Field(description="Where the labels were given.")] = "api"


def _one_or_many(value: Any) -> str:
    return "as-quotes" if isinstance(value, QuotesIn) or (isinstance(value, dict) and "quotes" in value) else "as-quote"


OneOrMany = Annotated[Annotated[QuoteIn, Tag("as-quote")] | Annotated[QuotesIn, Tag("as-quotes")], Discriminator(_one_or_many)]


class ChangeIn(BaseModel):
    """What to change of a quote: at least one thing besides the labeller."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"labeller": "anna", "label": "deny", "note": "rule 7"}]})

    labeller: Annotated[Name, Field(description=_LABELLER)]
    label: Annotated[Label | None, Field(description="This labeller's label from now on.")] = None
    settle: Annotated[bool, Field(strict=True, description="Whether `label` decides a dispute, for all labellers.")] = False
    withdraw: Annotated[bool, Field(strict=True, description="Takes this labeller's label back.")] = False
    speaker: Annotated[Words | None, Field(description="Who said it, put right.")] = None
    note: Note | None = None
    verdict: GivenVerdict | None = None
    source: Literal["api", "page"] = "api"


class FindQuery(BaseModel):
    """What to look for; what is left out may be anything."""

    model_config = ConfigDict(extra="forbid")

    label: Label | None = None
    stance: Annotated[Stance | None, Field(description="The verdict's.")] = None
    status: Annotated[Status | None, Field(description="Deleted quotes are found by this alone.")] = None
    labeller: Name | None = None
    since: Annotated[Time | None, Field(description="Last changed then or later.")] = None
    until: Annotated[Time | None, Field(description="Last changed before.")] = None
    corrected: Annotated[bool | None, Field(description="Whether the label is another than the verdict's stance.")] = None
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 100
    cursor: Annotated[str | None, Field(description="`next` of the page before.", json_schema_extra={"pattern": "^[0-9]{1,18}$"})] = None

    def as_search(self) -> Search:
        """Without the page."""
        return Search(self.label, self.stance, self.status, self.labeller, self.since, self.until, self.corrected)


class OpinionOut(BaseModel):
    """One labeller's label as it stands."""

    labeller: str
    label: Label
    at: datetime
    note: str | None


class ChangeOut(BaseModel):
    """One thing that somebody did to a quote."""

    kind: Kind
    by: str
    at: datetime
    source: Source
    label: Label | None
    speaker: str | None
    note: str | None
    verdict: GivenVerdict | None


class QuoteOut(BaseModel):
    """A quote with what people say of it."""

    id: str
    text: str
    context: str | None
    speaker: str | None
    story: str | None
    status: Annotated[Status, Field(description="A disputed quote has no label, and teaches nothing, until its labellers agree or it is settled.")]
    label: Annotated[Label | None, Field(description="What the labellers agree on, or what a dispute was settled as.")]
    labels: Annotated[list[OpinionOut], Field(description="Each labeller's, as they stand.")]
    verdict: Annotated[GivenVerdict | None, Field(description="The last that a labeller had before their eyes.")]


class QuoteHistory(QuoteOut):
    """A quote with all that was ever done to it."""

    history: list[ChangeOut]


class QuotePut(QuoteOut):
    """A quote that was sent in."""

    outcome: Outcome


class QuotesPut(BaseModel):
    """The quotes as they are now, in the order in which they were sent."""

    quotes: list[QuotePut]


class QuotePage(BaseModel):
    """Quotes, newest first."""

    quotes: list[QuoteOut]
    next: Annotated[str | None, Field(description="`cursor` of the next page; null on the last one.")]
    total: Annotated[int, Field(description="How many the search finds.")]


class NextQuotes(BaseModel):
    """What to label now, most worthwhile first."""

    quotes: list[QuoteOut]
    counts: Annotated[dict[Status, int], Field(description="How many quotes the store has of each status.")]


class AgreementResponse(BaseModel):
    """Each two labellers who have labelled quotes in common, those with the most first."""

    pairs: list[Agreement]


class ImportOut(BaseModel):
    """What became of a file; `faults` holds what was left out."""

    read: int
    created: int
    changed: int
    unchanged: int
    faults: list[FaultOut] = []


def quote_of(given: QuoteIn, labeller: str, source: Source, at: datetime, verdict: Given | None) -> Quote:
    """What was sent, as a quote with one change."""
    kind = Kind.ADD if given.label is None else Kind.LABEL
    change = Change(kind, labeller, at, source, given.label, given.speaker, given.note, verdict)
    return Quote(Statement(given.text, given.context), (change,), given.story)


def changes_of(given: ChangeIn, at: datetime) -> list[Change]:
    """The changes that a request asks for; none where it asks for nothing."""
    source, verdict = Source(given.source), given_of(given.verdict)
    if given.withdraw:
        return [Change(Kind.WITHDRAW, given.labeller, at, source, note=given.note)]
    if given.label is not None:
        kind = Kind.SETTLE if given.settle else Kind.LABEL
        return [Change(kind, given.labeller, at, source, given.label, given.speaker, given.note, verdict)]
    return [Change(Kind.SPEAKER, given.labeller, at, source, None, given.speaker, given.note)] if given.speaker else []


def given_of(verdict: GivenVerdict | None) -> Given | None:
    """The verdict that came with a label."""
    return Given(verdict.model, verdict.stance, verdict.probability) if verdict else None


def quote_out(quote: Quote) -> QuoteOut:
    """A quote as lists show it."""
    return QuoteOut(**_fields(quote))


def quote_history(quote: Quote) -> QuoteHistory:
    """A quote with its history."""
    history = [ChangeOut(**(vars(change) | {"verdict": _verdict_out(change.verdict)})) for change in quote.changes]
    return QuoteHistory(**_fields(quote), history=history)


def quotes_put(merged: Sequence[tuple[Quote, Outcome]]) -> QuotesPut:
    """What became of quotes that were sent in."""
    return QuotesPut(quotes=[QuotePut(**_fields(quote), outcome=outcome) for quote, outcome in merged])


def _fields(quote: Quote) -> dict[str, Any]:
    return {
        "id": quote.id,
        "text": quote.statement.text,
        "context": quote.statement.context,
        "speaker": quote.speaker,
        "story": quote.story,
        "status": quote.status,
        "label": quote.label,
        "labels": [
            OpinionOut(labeller=by, label=change.label, at=change.at, note=change.note) for by, change in quote.opinions.items() if change.label is not None
        ],
        "verdict": _verdict_out(quote.verdict),
    }


def _verdict_out(given: Given | None) -> GivenVerdict | None:
    return GivenVerdict(model=given.model, stance=given.stance, probability=given.probability) if given else None
