"""A find, placed in the article in characters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from service.statements.find import Find
from service.statements.marks import Quotation
from service.statements.passage import Passage

Span = tuple[int, int]
Form = Literal["direct", "fragment", "indirect"]


@dataclass(frozen=True)
class Report:
    """Spans are (start, end) in characters of the article; `spans` ascend and do not overlap. `form` is direct, fragment or indirect; `source` is a mention."""

    spans: tuple[Span, ...]
    cue: Span | None
    source: Span | None
    form: Form
    rule: str

    @property
    def end(self) -> int:
        """Where the last of the spans ends."""
        return self.spans[-1][1]


def report_of(find: Find, passage: Passage, fragments: Sequence[Quotation] = ()) -> Report:
    """`find` in characters; quoted words are in a statement as a whole or not at all. `fragments` are the quotations without a stand-in."""
    spans = _joined([_whole(span, fragments) for span in spans_of(find.said, passage)])
    is_quoted = any(start <= quotation.outer_start < end for start, end in spans for quotation in fragments)
    return Report(
        spans,
        passage.span(*find.cue) if find.cue else None,
        passage.span(find.source[0], find.source[-1]) if find.source else None,
        "fragment" if is_quoted else "indirect",
        find.rule,
    )


def spans_of(numbers: Sequence[int], passage: Passage) -> tuple[Span, ...]:
    """One span for each run of tokens."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return tuple(passage.span(first, last) for first, last in runs)


def holds(report: Report, quotation: Quotation) -> bool:
    """Whether the quotation, with its marks, is a part of what was said."""
    return any(start <= quotation.outer_start and quotation.outer_end <= end for start, end in report.spans)


def _joined(spans: Sequence[Span]) -> tuple[Span, ...]:
    """Two pieces that both reach into one quotation are one."""
    joined: list[Span] = []
    for start, end in spans:
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return tuple(joined)


def _whole(span: Span, fragments: Sequence[Quotation]) -> Span:
    start, end = span
    for quotation in fragments:
        if quotation.outer_start < start < quotation.outer_end:
            start = quotation.outer_start
        if quotation.outer_start < end < quotation.outer_end:
            end = quotation.outer_end
    return start, end
