"""A label and a colon before what somebody says -> reports: headlines ("Iran: no drones sent") and transcripts ("WALLACE: Let us begin.")."""

import re
from collections.abc import Iterator

from service.statements.passage import Passage
from service.statements.report import Form, Report

TRANSCRIPT = re.compile(r"([A-Z][A-Z.'’ -]{1,40}):\s+(?=\S)")
_HEADLINE = re.compile(r"([^\s:][^:\n]{1,60}?):\s+(?=[^\s“\"‘'«„])")
_MOST_LABEL_TOKENS = 5
_MOST_HEADLINE_CHARS = 160
_SPEAKS = ("PERSON", "ORG", "GPE", "NORP")
_SPEAKERS = frozenset(
    {
        "analyst",
        "army",
        "attorney",
        "club",
        "company",
        "council",
        "court",
        "doctor",
        "expert",
        "family",
        "fbi",
        "government",
        "hospital",
        "lawyer",
        "mayor",
        "military",
        "minister",
        "ministry",
        "nato",
        "official",
        "palace",
        "parliament",
        "police",
        "pope",
        "poll",
        "premier",
        "president",
        "pm",
        "prosecutor",
        "report",
        "source",
        "spokesman",
        "spokeswoman",
        "study",
        "survey",
        "un",
        "union",
        "university",
        "watchdog",
        "witness",
    }
)


def labelled(article: str, passage: Passage) -> Iterator[Report]:
    """Police: *two held over fire*; at the beginning of a paragraph only."""
    text = article[passage.start : passage.end]
    transcript = TRANSCRIPT.match(text)
    headline = _HEADLINE.match(text)
    label = transcript or headline
    if label is None or (transcript is None and (len(text) > _MOST_HEADLINE_CHARS or not _names_speaker(passage, label.end(1)))):
        return
    start = passage.start + label.end()
    if start < passage.end and not any(start <= quotation.outer_start <= start + 1 for quotation in passage.stand_ins.values()):
        form: Form = "direct" if transcript else "indirect"
        yield Report(((start, passage.end),), None, (passage.start, passage.start + label.end(1)), form, "label")


def _names_speaker(passage: Passage, n_chars: int) -> bool:
    """Whether the first `n_chars` of the passage are a name, or end with a word for one who speaks."""
    tokens = [token for token in passage.tokens_in((passage.start, passage.start + n_chars)) if not token.is_punct]
    if not 0 < len(tokens) <= _MOST_LABEL_TOKENS:
        return False
    names = [entity for entity in passage.doc.ents if entity.label_ in _SPEAKS and entity.start == tokens[0].i and entity.end == tokens[-1].i + 1]
    return bool(names) or tokens[-1].lemma_.lower() in _SPEAKERS
