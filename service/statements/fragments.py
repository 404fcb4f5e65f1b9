"""Quoted words inside a sentence that is not theirs: which statement they belong to, and which of them make one (titles, nicknames and scare quotes do not)."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from service.statements.cues import read_cues
from service.statements.marks import Quotation
from service.statements.passage import Passage
from service.statements.report import Report, holds
from service.statements.syntax import subject_of

if TYPE_CHECKING:
    from spacy.tokens import Token

_GOES_ON = re.compile(r"[\s,;]*(?:and|or|but|nor|even|then)\b[^.!?;:]{0,60}", re.IGNORECASE)
_COMPLEMENTS = ("dobj", "ccomp", "xcomp", "oprd", "prep", "attr", "acomp", "advcl", "dative", "nmod", "npadvmod")
_FEW_WORDS = 3
_REPORTERS = ("during", "on", "at", "after", "before", "while", "earlier", "later")


def without_tail(report: Report, passage: Passage, fragments: Sequence[Quotation]) -> Report:
    """criticized *the law as a “crazy system”* during a stop in Flint: what stands behind the quoted words is the reporter's."""
    start, end = report.spans[-1]
    inside = [quotation for quotation in fragments if start <= quotation.outer_start and quotation.outer_end < end]
    if report.rule != "object" or not inside:
        return report
    behind = next(iter(passage.tokens_in((inside[-1].outer_end, end))), None)
    if behind is not None and (behind.lower_ in _REPORTERS or behind.pos_ == "PUNCT" or behind.ent_type_ == "DATE"):
        return replace(report, spans=(*report.spans[:-1], (start, inside[-1].outer_end)))
    return report


def with_more_quoted(article: str, fragments: Sequence[Quotation], reports: Sequence[Report]) -> list[Report]:
    """… was “disgusting” *and “a con”*: quoted words that go on with a statement belong to it."""
    grown = list(reports)
    for quotation in fragments:
        if any(holds(report, quotation) for report in grown):
            continue
        end, number = max(((report.end, number) for number, report in enumerate(grown) if report.end <= quotation.outer_start), default=(0, -1))
        has_cue_between = any(report.cue and end <= report.cue[0] < quotation.outer_start for report in grown)
        if number >= 0 and _GOES_ON.fullmatch(article, end, quotation.outer_start) and not has_cue_between:
            spans = grown[number].spans
            grown[number] = replace(grown[number], spans=(*spans[:-1], (spans[-1][0], quotation.outer_end)))
    return grown


def quoted_words(article: str, passage: Passage, fragments: Sequence[Quotation], reports: Sequence[Report]) -> list[Report]:
    """rated *a third of the claims as “false”*: statements of verbs that are no cues, or whose clause the parser did not see."""
    found: list[Report] = []
    for quotation in fragments:
        if not any(holds(report, quotation) for report in [*reports, *found]):
            found += _quoted(article, passage, quotation)
    return found


def _quoted(article: str, passage: Passage, quotation: Quotation) -> list[Report]:
    inside = passage.tokens_in((quotation.start, quotation.end))
    verb = _verb_above(inside)
    source = subject_of(verb) if verb is not None else None
    if verb is None or not source:
        return []
    words = article[quotation.start : quotation.end].split()
    is_title = all(word[:1].isupper() or len(word) <= 3 for word in words)
    cues, lemma = read_cues(), verb.lemma_.lower()
    is_as = any(child.lower_ == "as" and child.i < inside[0].i <= child.right_edge.i for child in verb.rights)
    if (is_title and lemma not in cues.named) or (not is_as and lemma not in cues.verbs and len(words) < _FEW_WORDS):
        return []
    first = min((child.left_edge.i for child in verb.rights if child.dep_ in _COMPLEMENTS and child.left_edge.i <= inside[0].i), default=None)
    if first is None:
        return []
    span = (min(passage.span(first, first)[0], quotation.outer_start), quotation.outer_end)
    return [Report((span,), passage.span(verb.i, verb.i), passage.span(source[0], source[-1]), "fragment", "quoted words")]


def _verb_above(inside: Sequence["Token"]) -> "Token | None":
    """The verb outside the quoted words that governs them."""
    numbers = {token.i for token in inside}
    token = next((token for token in inside if token.head.i not in numbers), None)
    while token is not None and (token.pos_ != "VERB" or token.i in numbers):
        token = token.head if token.head.i != token.i else None
    return token
