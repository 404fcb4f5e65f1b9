"""Article -> statements with who made them. What they do is the classifier's to say."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from service.errors import Fault, InvalidInput
from service.statements.cast import Cast, Speaker
from service.statements.clauses import CLAUSE_RULES
from service.statements.cues import read_cues
from service.statements.fragments import quoted_words, with_more_quoted, without_tail
from service.statements.labels import labelled
from service.statements.marks import Quotation, blocks_of, paragraphs_of, quotations_of
from service.statements.objects import OBJECT_RULES
from service.statements.passage import Passage, parsing, passages_of
from service.statements.report import Form, Report, Span, report_of
from service.statements.speeches import is_speech, speeches_in
from service.statements.statement import MAX_TEXT_CHARS, Statement
from service.statements.syntax import sentence_around
from service.statements.talk import Talk

MAX_ARTICLE_CHARS = 200_000  # twice the longest that is promised
_SAME = 0.8  # share of characters from which two rules have found one statement
_GAP = " … "
_EDGES = " \t\r\n\u00a0,"
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True)
class Cue:
    """The words that report a statement: `article[start:end] == text`."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Attribution:
    """A statement as it stands in an article.

    `spans` are (start, end) in characters of the article as it came, ascending: one, unless its attribution interrupts it. `text` is what stands there,
    with an ellipsis for what is between; `statement` is what the classifier gets of it, with its context. `form` is direct, fragment (a clause with quoted
    words in it) or indirect. `cue` and `speaker` are None where the article names none.
    """

    text: str
    statement: Statement
    spans: tuple[Span, ...]
    form: Form
    cue: Cue | None
    speaker: Speaker | None


def statements_in(article: str, title: str | None = None) -> list[Attribution]:
    """In the order of the article; nested ones (a source who reports what another said) each for itself. None for a text that reports nothing.

    `title` only helps to name people: no statement is looked for in it. Takes about a second for 3,000 words; one article is read at a time.
    Raises `InvalidInput`.
    """
    if len(article) > MAX_ARTICLE_CHARS:
        raise InvalidInput(Fault("article", f"{len(article)} characters", f"at most {MAX_ARTICLE_CHARS} characters"))
    paragraphs = paragraphs_of(article)
    quotations = quotations_of(article, paragraphs)
    speeches = [quotation for quotation in quotations if is_speech(article, quotation)]
    spoken = set(speeches)
    fragments = [quotation for quotation in quotations if quotation not in spoken]
    with parsing():
        passages = list(passages_of(article, blocks_of(article, paragraphs, quotations), speeches))
        found = list(_attributions(article, passages, fragments, Cast(article, passages, title)))
    return sorted(found, key=lambda attribution: attribution.spans)


def _attributions(article: str, passages: Sequence[Passage], fragments: Sequence[Quotation], cast: Cast) -> Iterator[Attribution]:
    talk = Talk(article)
    for passage in passages:
        own = [quotation for quotation in fragments if passage.start <= quotation.outer_start < passage.end]
        for report in _reports(article, passage, own, talk):
            attribution = _attribution(article, report, passage, passages, cast)
            if attribution is not None:
                yield attribution


def _reports(article: str, passage: Passage, fragments: Sequence[Quotation], talk: Talk) -> list[Report]:
    cues = read_cues()
    finds = [find for token in passage.doc for rule in (*CLAUSE_RULES, *OBJECT_RULES) for find in rule(token, cues, passage) if find.said]
    speeches = {find.said[-1]: find.cue for find in speeches_in(passage)}
    # A clause that holds a speech of the same cue is that speech again: when it was over, she said, “we left”.
    finds = [find for find in finds if not any(number in speeches and speeches[number] == find.cue for number in find.said)]
    clauses = [without_tail(report_of(find, passage, fragments), passage, fragments) for find in finds]
    found = with_more_quoted(article, fragments, [*talk.reports(passage, clauses), *clauses])
    return list(_distinct([*labelled(article, passage), *found, *quoted_words(article, passage, fragments, found)]))


def _distinct(reports: Sequence[Report]) -> Iterator[Report]:
    """Without those that say again what an earlier rule has found."""
    kept: list[Report] = []
    for report in reports:
        if not any(_share(report, other) >= _SAME for other in kept):
            kept.append(report)
            yield report


def _share(one: Report, two: Report) -> float:
    """Characters in both reports, of those in either."""
    common = sum(max(0, min(end, other_end) - max(start, other_start)) for start, end in one.spans for other_start, other_end in two.spans)
    total = sum(end - start for start, end in (*one.spans, *two.spans)) - common
    return common / total if total else 0.0


def _attribution(article: str, report: Report, passage: Passage, passages: Sequence[Passage], cast: Cast) -> Attribution | None:
    spans = tuple(span for span in (_tight(article, *span) for span in report.spans) if span[0] < span[1])
    text = _GAP.join(article[start:end] for start, end in spans)
    if not any(char.isalnum() for char in text):
        return None
    speaker = None
    if report.source:
        home = bisect_right(passages, report.source[0], key=lambda other: other.start) - 1
        speaker = cast.speaker(report.source, passages[home])
    start, end = _context(passage, spans, report)
    cue = Cue(article[slice(*report.cue)], *report.cue) if report.cue else None
    statement = Statement(_readable(text), _readable(article[start:end]), _readable(speaker.name) if speaker else None)
    return Attribution(text, statement, spans, report.form, cue, speaker)


def _readable(text: str) -> str:
    """What the model is given of a text: no control characters, and no more than it takes; it reads far less."""
    return _CONTROL.sub(" ", text)[:MAX_TEXT_CHARS]


def _tight(article: str, start: int, end: int) -> Span:
    while start < end and article[start] in _EDGES:
        start += 1
    while end > start and article[end - 1] in _EDGES:
        end -= 1
    return start, end


def _context(passage: Passage, spans: Sequence[Span], report: Report) -> Span:
    """The sentences of the passage that hold the statement and, where it stands in the same passage, its cue."""
    marked = [*spans, *([report.cue] if report.cue and passage.start <= report.cue[0] < passage.end else [])]
    numbers = [number for span in marked for number in passage.numbers_at(span)]
    if not numbers:
        return spans[0][0], spans[-1][1]
    first, last = sentence_around(min(numbers), passage)[0], sentence_around(max(numbers), passage)[1]
    (start, end) = passage.span(first, last)
    return min(start, spans[0][0]), max(end, spans[-1][1])
