"""A statement -> the one string that a model reads: its context with the statement marked in it. Training and serving both read through here."""

import re
from dataclasses import dataclass

from service.statements.statement import Statement

# In the vocabulary of every encoder with Latin letters, and rare in English news; those that do occur are exchanged for straight marks.
OPENS, CLOSES = "«", "»"
_MARKS = str.maketrans({OPENS: '"', CLOSES: '"'})
# A context is cut from the left where its beginning would push the statement out of what a model of 128 tokens reads.
MOST_LEAD_CHARS = 400
LEAST_LEAD_CHARS = 100
_EDGES = " \t\n\r\"'“”‘’„‚,.;:…"


@dataclass(frozen=True)
class Reading:
    """What the model gets. `is_cut` says whether the beginning of the context was left out."""

    text: str
    is_cut: bool


def reading_of(statement: Statement) -> Reading:
    """“The group denied « any role » on Monday.”; without a context that adds anything, the bare text.

    Where the statement does not stand in its context word for word (a quote interrupted by its attribution), it comes marked before the context.
    """
    text = statement.text.translate(_MARKS)
    if statement.frame is None:
        return Reading(text, is_cut=False)
    frame = statement.frame.translate(_MARKS)
    place = place_of(statement)
    if place is None:
        return Reading(f"{OPENS} {text.strip()} {CLOSES} {frame}", is_cut=False)
    start, end = place
    first = _first(frame, start, max(LEAST_LEAD_CHARS, MOST_LEAD_CHARS - (end - start)))
    return Reading(f"{frame[first:start]}{OPENS} {frame[start:end]} {CLOSES}{frame[end:]}", is_cut=first > 0)


def place_of(statement: Statement) -> tuple[int, int] | None:
    """Where the text begins and ends in the frame, in characters; None where it does not stand there.

    The marks around it and the width of its spaces may differ, since callers cut quotes out by hand.
    """
    frame = statement.frame or ""
    start = frame.find(statement.text)
    if start >= 0:
        return start, start + len(statement.text)
    words = statement.text.strip(_EDGES).split()
    found = re.search(r"\s+".join(map(re.escape, words)), frame) if words else None
    return found.span() if found else None


def _first(frame: str, start: int, most: int) -> int:
    """Where reading begins: at most `most` characters before `start`, at the beginning of a word."""
    if start <= most:
        return 0
    space = frame.find(" ", start - most, start)
    return start - most if space < 0 else space + 1
