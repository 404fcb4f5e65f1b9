"""A statement -> the one string that a model reads: its context with the statement marked in it. Training and serving both read through here."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from service.statements.statement import Statement

# In the vocabulary of every encoder with Latin letters, and rare in English news.
OPENS, CLOSES = "«", "»"
_MARKS = str.maketrans({OPENS: '"', CLOSES: '"'})
_EDGES = " \t\n\r\"'“”‘’„‚«»‹›,.;:…"
# How much of the context before and after the statement is tried, in characters, where a model does not get as far as the statement's end.
_MARGINS = (400, 200, 100, 0)
_MOST_WORD_CHARS = 30


@dataclass(frozen=True)
class Reading:
    """What the model gets. `is_cut` says whether a part of the context was left out."""

    text: str
    is_cut: bool


def reading_of(statement: Statement, chars_read: Callable[[str], int]) -> Reading:
    """“The group denied « any role » on Monday.”; without a context that adds anything, the text as it is.

    `chars_read` gives how many characters of a text the model reads. Where they do not reach the statement's end, the context is cut on both sides, as
    little as helps. A statement that does not stand in its context word for word (a quote interrupted by its attribution) comes marked before it.
    """
    if statement.frame is None:
        return Reading(statement.text, is_cut=False)
    frame = statement.frame.translate(_MARKS)
    place = place_of(statement)
    if place is None:
        return Reading(f"{OPENS} {statement.text.translate(_MARKS).strip()} {CLOSES} {frame}", is_cut=False)
    reading = Reading(_marked(frame, *place), is_cut=False)
    margins = iter(_MARGINS)
    while chars_read(reading.text) <= reading.text.rindex(CLOSES) and (margin := next(margins, None)) is not None:
        reading = _cut(frame, *place, margin)
    return reading


def place_of(statement: Statement) -> tuple[int, int] | None:
    """Where the text begins and ends in the frame, in characters, as whole words; None where it does not stand there.

    The marks around it and the width of its spaces may differ, since callers cut quotes out by hand.
    """
    frame = statement.frame or ""
    for start in _occurrences(statement.text, frame):
        return start, start + len(statement.text)
    words = " ".join(statement.text.strip(_EDGES).split())
    # A frame with single spaces, and where each of its characters stood.
    places = [place for place, char in enumerate(frame) if not char.isspace() or not frame[place - 1 : place].isspace()]
    narrow = "".join(" " if frame[place].isspace() else frame[place] for place in places)
    for start in _occurrences(words, narrow):
        return places[start], places[start + len(words) - 1] + 1
    return None


def _occurrences(words: str, text: str) -> Iterator[int]:
    """Where `words` begins in `text` and is no part of a longer word."""
    start = text.find(words) if words else -1
    while start >= 0:
        end = start + len(words)
        if not (_joins(text[start - 1 : start + 1]) or _joins(text[end - 1 : end + 1])):
            yield start
        start = text.find(words, start + 1)


def _joins(two: str) -> bool:
    return len(two) == 2 and two.isalnum()


def _marked(frame: str, start: int, end: int) -> str:
    return f"{frame[:start]}{OPENS} {frame[start:end]} {CLOSES}{frame[end:]}"


def _cut(frame: str, start: int, end: int, margin: int) -> Reading:
    first, last = max(0, start - margin), end + margin
    if first > 0:  # begin at a word, unless there is none near
        first = next((place + 1 for place in range(first, min(first + _MOST_WORD_CHARS, start)) if frame[place].isspace()), first)
    return Reading(_marked(frame[first:last], start - first, end - first), is_cut=first > 0 or last < len(frame))
