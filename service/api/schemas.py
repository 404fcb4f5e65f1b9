"""What crosses HTTP, as pydantic models; the API docs are made from them."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag
from pydantic_core import PydanticCustomError

from service.errors import Fault
from service.labels.tally import DayCount
from service.stance import STANCES, Stance, Verdict
from service.statements.article import MAX_ARTICLE_CHARS, Attribution
from service.statements.report import Form
from service.statements.statement import MAX_TEXT_CHARS, Statement, blank_fault, text_fault

MAX_STATEMENTS = 256
MAX_TITLE_CHARS = 1_000
UNFIT = "unfit_text"


def _fit(value: str) -> str:
    fault = text_fault("", value)
    if fault:
        raise _custom(fault)
    return value


def _said(value: str) -> str:
    if not value.strip():
        raise _custom(blank_fault("", value))
    return _fit(value)


def _custom(fault: Fault) -> PydanticCustomError:
    return PydanticCustomError(UNFIT, "{wanted}", {"came": fault.came, "wanted": fault.wanted})


def _kind(value: Any) -> str:
    return "as-string" if isinstance(value, str) else "as-object"


def _kind_of_inputs(value: Any) -> str:
    return "as-string" if isinstance(value, str) else "as-list"


# For the API docs: what `text_fault` and `blank_fault` refuse, whose sentences say more than a pattern does.
_CONTROLS = r"\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F-\u009F"
_FIT = {"pattern": f"^[^{_CONTROLS}]*$"}
_SAID = {"pattern": rf"^[^{_CONTROLS}]*[^{_CONTROLS}\s][^{_CONTROLS}]*$"}
Words = Annotated[str, AfterValidator(_fit), Field(json_schema_extra=_FIT)]
Said = Annotated[str, AfterValidator(_said), Field(json_schema_extra=_SAID)]
Text = Annotated[
    Said,
    Field(description="The words in quotation marks, or the reported clause.", json_schema_extra=_SAID | {"minLength": 1, "maxLength": MAX_TEXT_CHARS}),
]


class StatementIn(BaseModel):
    """A statement with what is known about it."""

    model_config = ConfigDict(extra="forbid")

    text: Text
    context: Annotated[Words | None, Field(description="The sentence or two that it stands in: often they hold the verb that decides.")] = None
    speaker: Annotated[Words | None, Field(description="Who said it, for your own use: the verdict does not depend on it.")] = None


class PredictRequest(BaseModel):
    """1 to 256 statements, each a string or an object."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "statements": [
                        "We had nothing to do with the attack.",
                        {"text": "any role in the bombing", "context": "The group has denied any role in the bombing.", "speaker": "the group"},
                    ]
                }
            ]
        },
    )

    statements: Annotated[
        list[Annotated[Annotated[Text, Tag("as-string")] | Annotated[StatementIn, Tag("as-object")], Discriminator(_kind)]],
        Field(min_length=1, max_length=MAX_STATEMENTS),
    ]

    def as_statements(self) -> list[Statement]:
        """In the order of the request."""
        return [Statement(given) if isinstance(given, str) else Statement(given.text, given.context, given.speaker) for given in self.statements]


class VerdictOut(BaseModel):
    """What the speaker of one statement does by making it."""

    stance: Annotated[Stance, Field(description="The likeliest stance.")]
    probability: Annotated[float, Field(description="Its calibrated probability, 0 to 1.")]
    probabilities: Annotated[dict[Stance, float], Field(description="Of all five; they sum to 1.")]
    certain: Annotated[bool, Field(description="Whether the probability reaches the model's threshold for this stance. Look at the others yourself.")]
    truncated: Annotated[bool, Field(description="Whether the text or its context was longer than the model reads.")]


class PredictResponse(BaseModel):
    """One verdict for each statement, in the order of the request."""

    model: str
    verdicts: list[VerdictOut]


def verdict_out(verdict: Verdict) -> VerdictOut:
    """A verdict as the API gives it."""
    return VerdictOut(
        stance=verdict.stance,
        probability=verdict.probability,
        probabilities=dict(zip(STANCES, verdict.probabilities, strict=True)),
        certain=verdict.certain,
        truncated=verdict.truncated,
    )


class ArticleRequest(BaseModel):
    """A text as it was published; paragraphs apart by line breaks, if it has any."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "article": "The minister denied on Monday that the dam was leaking.\n\n“Leave the valley by Friday or we will flood it,” warned Ana Ruiz.",
                    "title": "Minister denies leak",
                }
            ]
        },
    )

    article: Annotated[str, Field(max_length=MAX_ARTICLE_CHARS, description="Plain text. Offsets in the answer count its characters as they came.")]
    title: Annotated[str | None, Field(max_length=MAX_TITLE_CHARS, description="Helps to name people; no statement is looked for in it.")] = None
    date: Annotated[str | None, Field(max_length=MAX_TITLE_CHARS, description="For your own use: it comes back as it is.")] = None


class CueOut(BaseModel):
    """The words that report a statement."""

    text: str
    start: int
    end: int


class SpeakerOut(BaseModel):
    """Who made a statement."""

    name: Annotated[str, Field(description="The fullest form that the article has, else the mention.")]
    mention: Annotated[str, Field(description="As it stands beside the statement: a name, a role, a pronoun.")]
    start: int
    end: int


class AttributionOut(BaseModel):
    """A statement as it stands in the article, and what it does."""

    text: Annotated[str, Field(description="What stands between `start` and `end`; with an ellipsis for an attribution that interrupts it.")]
    start: Annotated[int, Field(description="In characters of the article.")]
    end: int
    spans: Annotated[list[tuple[int, int]], Field(description="Its pieces; one, unless its attribution interrupts it.")]
    context: Annotated[str | None, Field(description="The sentences that it stands in, which the verdict depends on too.")]
    form: Annotated[Form, Field(description="direct: words in quotation marks; fragment: a clause with quoted words; indirect: a reported clause.")]
    cue: CueOut | None
    speaker: Annotated[SpeakerOut | None, Field(description="null where the article names nobody.")]
    verdict: VerdictOut


class ArticleResponse(BaseModel):
    """The statements in the order of the article."""

    model: str
    title: str | None
    date: str | None
    language: Annotated[str | None, Field(description="ISO 639-1 code of the language it seems to be in; only English (en) is read. null: too short to tell.")]
    statements: list[AttributionOut]


def attribution_out(found: Attribution, verdict: Verdict) -> AttributionOut:
    """A statement of an article as the API gives it."""
    return AttributionOut(
        text=found.text,
        start=found.spans[0][0],
        end=found.spans[-1][1],
        spans=list(found.spans),
        context=found.statement.context,
        form=found.form,
        cue=CueOut(**asdict(found.cue)) if found.cue else None,
        speaker=SpeakerOut(**asdict(found.speaker)) if found.speaker else None,
        verdict=verdict_out(verdict),
    )


class PipelineParameters(BaseModel):
    """What Hugging Face clients may ask for; fields that only other tasks or hosts know are passed over."""

    top_k: Annotated[int | None, Field(strict=True, ge=1, description="How many labels to return, likeliest first; all if absent.")] = None
    function_to_apply: Annotated[Literal["softmax"] | None, Field(description="The scores are softmax probabilities; nothing else is offered.")] = None


class PipelineRequest(BaseModel):
    """The shape of Hugging Face's text-classification task: one text, or 1 to 256."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"inputs": "We had nothing to do with the attack.", "parameters": {"top_k": 2}}]})

    inputs: Annotated[
        Annotated[Text, Tag("as-string")] | Annotated[Annotated[list[Text], Field(min_length=1, max_length=MAX_STATEMENTS)], Tag("as-list")],
        Discriminator(_kind_of_inputs),
    ]
    parameters: PipelineParameters | None = None


_NAMES = tuple(map(str, STANCES))  # plain strings become JSON seven times as fast as members of an enumeration


class LabelScoreOut(BaseModel):
    """A label and its probability."""

    label: Stance
    score: float


def pipeline_out(verdict: Verdict, top_k: int | None) -> list[dict[str, str | float]]:
    """Labels with scores, likeliest first, `top_k` of them (None: all): each as `LabelScoreOut` has it, which would be checked anew each time."""
    pairs = sorted(zip(_NAMES, verdict.probabilities, strict=True), key=lambda pair: -pair[1])
    return [{"label": name, "score": probability} for name, probability in pairs[:top_k]]


class LabelOut(BaseModel):
    """A label as the codebook defines it."""

    name: Stance
    definition: str
    examples: Sequence[str]


class LabelsResponse(BaseModel):
    """The labels, in the order of a model's outputs."""

    labels: list[LabelOut]


class DailyResponse(BaseModel):
    """Counts by day, model and stance, oldest first; a stance without verdicts that day has no row."""

    days: list[DayCount]


class ModelResponse(BaseModel):
    """The served model: where it comes from, what it scored on held-out quotes, from which probability its verdicts are certain."""

    name: str
    labels: list[Stance]
    base_model: str
    created: str
    git_commit: str
    data_digest: str
    seed: int
    max_tokens: int
    temperature: float
    thresholds: dict[Stance, float]
    settings: dict[str, Any]
    results: dict[str, Any]


class Health(BaseModel):
    """`status` is one word."""

    status: str


class FaultOut(BaseModel):
    """One thing that is wrong with a request."""

    where: str
    came: str
    wanted: str


class Problem(BaseModel):
    """An error by RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FaultOut] = []
