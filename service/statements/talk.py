"""Speeches of an article in their order -> reports: which go on with the one before, and whose those are that name nobody."""

import re
from collections.abc import Sequence
from dataclasses import replace

from service.statements.cues import read_cues
from service.statements.find import Find
from service.statements.labels import TRANSCRIPT
from service.statements.passage import Passage
from service.statements.report import Report, Span, report_of
from service.statements.speeches import SPEECH, speeches_in
from service.statements.syntax import subject_of

_NAME_BEHIND_DASH = re.compile(r"\s*[-–—―]+\s*([A-Z][^\n!?]{1,80}?)[\s.]*")
_NAMES = ("PERSON", "ORG", "NORP", "GPE")
_MOST_LEAD_TOKENS = 4
_FULL_STOPS = (".", "!", "?")


class Talk:
    """Goes through an article's passages in order, and remembers who spoke last."""

    def __init__(self, article: str) -> None:
        self._article = article
        self._last: Report | None = None  # the last speech of the passages before
        self._announced: tuple[Span, Span] | None = None  # cue and source of a passage that ends with a colon

    def reports(self, passage: Passage, clauses: Sequence[Report]) -> list[Report]:
        """The speeches of the next passage; `clauses` are the other reports in it."""
        found: list[Report] = []
        before: int | None = None
        for find in speeches_in(passage):
            report = self._report(find, passage)
            n_stops = len(_FULL_STOPS) if before is None else _n_stops(before, find.said[0], passage)
            last = found[-1] if found else None
            if last and ((find.cue is not None and report.cue == last.cue) or (find.cue is None and n_stops <= 1 and report.source is None)):
                found[-1] = replace(last, spans=last.spans + report.spans)
            elif last and last.cue is None and n_stops == 0:
                found[-1] = replace(report, spans=last.spans + report.spans)
            else:
                found.append(report if find.cue is not None or report.source else self._owned(report, passage, clauses))
            before = find.said[-1]
        self._announced = self._announcement(passage)
        self._last = found[-1] if found else self._last
        return found

    def _report(self, find: Find, passage: Passage) -> Report:
        report = report_of(find, passage)
        if find.rule != SPEECH:
            return replace(report, form="fragment")
        quotation = passage.stand_ins[find.said[0]]
        label = TRANSCRIPT.match(self._article, quotation.start, quotation.end)  # “WALLACE: Let us begin.”
        if label:
            return replace(report, spans=((label.end(), quotation.end),), cue=None, source=label.span(1), form="direct")
        return replace(report, spans=((quotation.start, quotation.end),), form="direct")

    def _owned(self, report: Report, passage: Passage, clauses: Sequence[Report]) -> Report:
        """`report`, which names nobody, with the speaker whom its neighbours name; without one where they don't."""
        start = report.spans[0][0]
        lead = self._article[passage.start : start].rstrip("\"“„«‘' \u00a0")
        behind = _NAME_BEHIND_DASH.fullmatch(self._article, report.end + 1, passage.end)
        if behind:
            return replace(report, source=behind.span(1))
        if not lead.strip() and self._announced:
            return replace(report, cue=self._announced[0], source=self._announced[1])
        if lead.endswith(":") and (named := _named(passage, (passage.start, start))):
            return replace(report, source=named)
        near = [other for other in clauses if other.cue and max(other.end, other.cue[1]) < start]
        if near:
            return replace(report, source=near[-1].source)
        return replace(report, source=self._last.source) if self._last and not lead.strip() else report

    def _announcement(self, passage: Passage) -> tuple[Span, Span] | None:
        """Ruiz continued: – and the speech is the next paragraph."""
        if self._article[passage.end - 1] != ":":
            return None
        clause = read_cues().clause
        verbs = [token for token in list(passage.doc.sents)[-1] if token.pos_ == "VERB" and subject_of(token)]
        verb = next((token for token in reversed(verbs) if token.lemma_.lower() in clause), verbs[0] if verbs else None)
        source = subject_of(verb) if verb is not None else None
        return (passage.span(verb.i, verb.i), passage.span(source[0], source[-1])) if verb is not None and source else None


def _n_stops(first: int, last: int, passage: Passage) -> int:
    return sum(passage.doc[number].text in _FULL_STOPS for number in range(first, last) if number not in passage.hidden)


def _named(passage: Passage, span: Span) -> Span | None:
    """Whom the words before a colon name: the last name in them, else all of a few words, else their last run of capitals."""
    tokens = [token for token in passage.tokens_in(span) if token.pos_ != "PUNCT"]
    inside = {token.i for token in tokens}
    names = [entity for entity in passage.doc.ents if entity.label_ in _NAMES and entity.start in inside]
    if names:
        return passage.span(names[-1].start, names[-1].end - 1)
    proper = [token.i for token in tokens if token.pos_ == "PROPN"]
    if 0 < len(tokens) <= _MOST_LEAD_TOKENS:
        return passage.span(tokens[0].i, tokens[-1].i)
    return passage.span(proper[0], proper[-1]) if proper else None
