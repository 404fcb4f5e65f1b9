"""Article -> quotations: where its quotation marks open and close. What a quotation is (a statement, a title, a nickname) is not decided here."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

# Opening mark -> the marks that may close it. People and programs mix them ("… ”), so each closes all its relatives.
_DOUBLE_OPENERS = "“„«‟"
_DOUBLE_CLOSERS = "”»"
_STRAIGHT = '"'
_SINGLE_OPENERS = "‘‚‹"
_SINGLE_CLOSERS = "’›"
_APOSTROPHE = "'"
# Two single marks as typewriters write a double one: read as that and a filler, so that no offset moves.
_FILLER = "\u2060"
_DOUBLED = _STRAIGHT + _FILLER
_DASHES = "-–—"
_LINE_BREAK = re.compile(r"\s*[\n\r\u2028\u2029]\s*")
_BLANK_LINE = re.compile(r"\s*?\r?\n[^\S\n]*\r?\n\s*")
_LINE_ENDS = ".!?…:;\"'”’»“)"
_MOST_WRAPPED_CHARS = 100
_MOST_BLOCK_CHARS = 3_000
_MOST_SINGLE_CHARS = 2_000
_MOST_SPEECH_CHARS = 20_000
_SENTENCE_END = re.compile(r"([.!?…][”\"’»)]*)\s")
_SPACE = re.compile(r"\s+")
# 'em, 'tis, '90s: an apostrophe that stands for something left out, and opens nothing.
_ELISION = re.compile(r"['‘’](?:em|tis|twas|til|cause|n|round|bout|\d0s)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Quotation:
    """Characters `start` to `end` of an article are the words between the marks, `outer_start` to `outer_end` the words with them.

    `opens_only` says that no mark closes it: it ends with its paragraph. `goes_on` says that the next quotation, which opens the next paragraph, is the
    same speech.
    """

    start: int
    end: int
    outer_start: int
    outer_end: int
    single: bool = False
    opens_only: bool = False
    goes_on: bool = False


def paragraphs_of(article: str) -> list[tuple[int, int]]:
    """Where the paragraphs begin and end, in characters, without blank ones.

    A line is one, unless lines are broken to a width: then a blank line parts them.
    """
    lines = article.splitlines()
    followed = [line.rstrip() for line, following in pairwise(lines) if line.strip() and following.strip()]
    is_wrapped = sum(line[-1] not in _LINE_ENDS for line in followed) * 2 > len(followed) and all(len(line) <= _MOST_WRAPPED_CHARS for line in followed)
    breaks = [match.span() for match in (_BLANK_LINE if is_wrapped else _LINE_BREAK).finditer(article)]
    edges = [0, *(edge for span in breaks for edge in span), len(article)]
    spans = []
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        text = article[start:end]
        if text.strip():
            spans.append((start + len(text) - len(text.lstrip()), start + len(text.rstrip())))
    return spans


def blocks_of(article: str, paragraphs: list[tuple[int, int]], quotations: list["Quotation"]) -> list[tuple[int, int]]:
    """What is parsed at a time: paragraphs, those over which one speech goes on taken together.

    A long one (an article in one line) is parted behind sentences outside of quotations, or at a space: what follows takes its time by the square.
    """
    inside = [quotation.outer_start for quotation in quotations]
    blocks = []
    for start, end in _with_speeches_whole(paragraphs, quotations):
        first = start
        while end - first > _MOST_BLOCK_CHARS:
            cut = _cut(article, first, first + _MOST_BLOCK_CHARS, lambda place: _is_quoted(place, quotations, inside))
            blocks.append((first, cut))
            first = next((place for place in range(cut, end) if not article[place].isspace()), end)
        if first < end:
            blocks.append((first, end))
    return blocks


def _with_speeches_whole(paragraphs: list[tuple[int, int]], quotations: list["Quotation"]) -> Iterator[tuple[int, int]]:
    ends = {quotation.outer_end for quotation in quotations if quotation.goes_on}
    first: int | None = None
    for start, end in paragraphs:
        first = start if first is None else first
        if end not in ends or end - first > _MOST_SPEECH_CHARS:
            yield first, end
            first = None
    if first is not None:
        yield first, paragraphs[-1][1]


def _cut(article: str, start: int, end: int, is_quoted: Callable[[int], bool]) -> int:
    """Where a block from `start` that ends at `end` at the latest is best cut."""
    ends = [match.end(1) for match in _SENTENCE_END.finditer(article, start, end) if not is_quoted(match.end(1))]
    spaces = [match.start() for match in _SPACE.finditer(article, start + 1, end)]
    free = [place for place in spaces if not is_quoted(place)]
    return next((places[-1] for places in (ends, free, spaces) if places), end)


def _is_quoted(place: int, quotations: list["Quotation"], starts: list[int]) -> bool:
    index = bisect_right(starts, place) - 1
    return index >= 0 and starts[index] < place < quotations[index].outer_end


def quotations_of(article: str, paragraphs: list[tuple[int, int]]) -> list[Quotation]:
    """The outermost quotations in order; none overlap. An odd mark that opens nothing sensible is passed over."""
    article = article.replace("''", _DOUBLED).replace("``", _DOUBLED)
    found: list[Quotation] = []
    for number, (start, end) in enumerate(paragraphs):
        following = article[paragraphs[number + 1][0]] if number + 1 < len(paragraphs) else ""
        found += _doubles(article, start, end, goes_on=bool(following) and following in _DOUBLE_OPENERS + _STRAIGHT)
    return sorted([*found, *_singles(article, paragraphs, found)], key=lambda quotation: quotation.start)


def _doubles(article: str, start: int, end: int, *, goes_on: bool) -> Iterator[Quotation]:
    opened: int | None = None
    depth = 0
    for place in range(start, end):
        char = article[place]
        if char not in _DOUBLE_OPENERS + _DOUBLE_CLOSERS + _STRAIGHT:
            continue
        opens = _opens(article, place, start, end, opener=article[opened] if opened is not None else "")
        if opened is None:
            # „so“ closes with the mark that opens elsewhere; a closing mark without an opening one is passed over.
            if opens:
                opened, depth = place, 1
        elif opens and char != _STRAIGHT:
            depth += 1
        else:
            depth -= 1
            if depth == 0 or (char == _STRAIGHT and article[opened] == _STRAIGHT):
                if place > opened + 1:
                    yield _quotation(article, opened, place)
                opened = None
    if opened is not None:
        yield from _unclosed(article, opened, end, goes_on=goes_on)


def _unclosed(article: str, opened: int, end: int, *, goes_on: bool) -> Iterator[Quotation]:
    closer = next((place for place in range(end - 1, opened, -1) if article[place] in _DOUBLE_CLOSERS + _STRAIGHT), None)
    if closer is not None and closer > opened + 1:  # one mark inside it too many
        yield _quotation(article, opened, closer)
    elif end > opened + 1 and _begins_speech(article, opened, goes_on=goes_on):
        yield Quotation(_width(article, opened) + opened, end, opened, end, opens_only=True, goes_on=goes_on)


def _quotation(article: str, opened: int, closed: int) -> Quotation:
    return Quotation(opened + _width(article, opened), closed, opened, closed + _width(article, closed))


def _width(article: str, place: int) -> int:
    return 2 if article[place + 1 : place + 2] == _FILLER else 1


def _begins_speech(article: str, opened: int, *, goes_on: bool) -> bool:
    before = article[max(0, opened - 20) : opened].rstrip(" \t\u00a0")[-1:]
    begins = article[opened : opened + 3].strip(_STRAIGHT + _DOUBLE_OPENERS + _FILLER)[:1]
    return begins.isupper() and (goes_on or before in ("", "\n", "\r", "\u2028", "\u2029", ":", ","))


def _opens(article: str, place: int, start: int, end: int, *, opener: str) -> bool:
    char, inside = article[place], bool(opener)
    before = article[place - 1] if place > start else " "
    after = article[place + _width(article, place)] if place + _width(article, place) < end else " "
    if opener and char in "«»" and opener in "«»":
        return opener == char
    if char == "“" and inside:  # „so“: the German closing mark, unless a word follows it right away and none stands before it
        return not (before.isalnum() or before in ".,!?…") or (after.isalnum() and not before.isalnum())
    if char in _DOUBLE_OPENERS:
        return True
    if char in _DOUBLE_CLOSERS:
        return char in "»”" and not inside and before.isspace() and after.isalnum()  # »so«, ”so”
    if inside:
        return False
    return not after.isspace() and not (before.isalnum() and not after.isalnum())


def _singles(article: str, paragraphs: list[tuple[int, int]], doubles: list[Quotation]) -> Iterator[Quotation]:
    starts = [quotation.outer_start for quotation in doubles]

    def within(place: int) -> bool:
        index = bisect_right(starts, place) - 1
        return index >= 0 and place < doubles[index].outer_end

    for start, end in paragraphs:
        place = start
        while place < end:
            if article[place] in _SINGLE_OPENERS + _APOSTROPHE and not within(place) and _opens_single(article, place, start, end):
                closer = _single_closer(article, place, end)
                if closer is not None and not within(closer):
                    yield Quotation(place + 1, closer, place, closer + 1, single=True)
                    place = closer
            place += 1


def _opens_single(article: str, place: int, start: int, end: int) -> bool:
    before = article[place - 1] if place > start else " "
    after = article[place + 1] if place + 1 < end else " "
    return (before.isspace() or before in "([" + _DASHES) and (after.isalnum() or after in "[(…$£€") and not _ELISION.match(article, place)


def _single_closer(article: str, opened: int, end: int) -> int | None:
    """The mark that closes a single quotation. One after an s may be a possessive ("the workers' strike"), and gives way to a later one in the sentence."""
    possessive = None
    for place in range(opened + 2, min(end, opened + _MOST_SINGLE_CHARS)):
        char = article[place]
        if possessive is not None and (char in _SINGLE_OPENERS or (char in ".!?" and article[place + 1 : place + 2].isspace())):
            return possessive
        if char not in _SINGLE_CLOSERS + _APOSTROPHE or article[place - 1].isspace() or article[place + 1 : place + 2].isalnum():
            continue
        if article[place - 1] != "s":
            return place
        possessive = possessive or place
    return possessive
