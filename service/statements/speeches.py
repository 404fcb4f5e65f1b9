"""Quotations that are speech of their own -> finds: by whom, and with which words. Quoted words inside a reported clause are fragments.py's."""

import re
from functools import cache
from typing import TYPE_CHECKING

from service.statements.cues import read_cues
from service.statements.find import Find
from service.statements.marks import Quotation
from service.statements.passage import Passage
from service.statements.syntax import according_source, noun_phrase, sentence_around, subject_of

if TYPE_CHECKING:
    from spacy.tokens import Token

SPEECH, IN_A_CLAUSE = "speech", "speech in a clause"
_ENDS = ".!?…,—–-"
_LINE_END = re.compile(r"[\n\r\u2028\u2029]")
_STANDS_APART = re.compile(r"(?:^|[,:;.!?…”\"’'»)\]–—-])$")
_MANY_WORDS, _CLAUSE_WORDS = 25, 8
_SEVERAL_SENTENCES = re.compile(r"[.!?] [A-Z“]")
# Behind a speech, the words that name its speaker end at one of these, or after so many tokens.
_PARTS = (",", ".", "(", ")", ";", ":", "—", "–", "-", "?", "!")
_MOST_TOKENS = 14
_LEAST_LEAD_TOKENS = 3
_NOT_A_NAME = ("VERB", "AUX", "ADP", "SCONJ")
_BEGINS_A_NAME = ("PROPN", "DET", "PRON", "NOUN", "ADJ", "NUM")
_IRREGULAR = frozenset(
    {"said", "told", "wrote", "thought", "sang", "read", "saying", "adding", "asking", "shouting", "chanting", "writing", "yelling", "tweeting", "and", "but"}
)


def is_speech(article: str, quotation: Quotation) -> bool:
    """Whether it could be taken out of its sentence: “No,” he said; but not: denied “any role”, the film “Any Role”, said that “no role” was his."""
    said = article[quotation.start : quotation.end].strip()
    words = said.split()
    if not words:
        return False
    before = _LINE_END.split(article[max(0, quotation.outer_start - 60) : quotation.outer_start])[-1].rstrip()
    last_word = before.split()[-1].lower() if before and before[-1].isalpha() else ""
    stands_apart = bool(_STANDS_APART.search(before)) or last_word in _speech_words()
    ends = said[-1] in _ENDS or article[quotation.outer_end : quotation.outer_end + 1] in (",", ".")
    begins = said.lstrip("\"“‘'([….- ")[:1]
    if quotation.opens_only or (len(words) >= _MANY_WORDS and (stands_apart or _SEVERAL_SENTENCES.search(said))):
        return True
    if before.endswith(":") and len(words) > 1:
        return True
    if begins.isupper() or begins.isdigit():
        return stands_apart and (ends or len(words) >= _CLAUSE_WORDS) and (bool(last_word) or before[-1:] in ("", ",", ":") or not _is_title(words))
    return stands_apart and not last_word and ends and before[-1:] in ("", ",", ":") and (len(words) >= 3 or before[-1:] == ",")


def _is_title(words: list[str]) -> bool:
    return all(word[:1].isupper() or len(word) <= 3 for word in words)


def speeches_in(passage: Passage) -> list[Find]:
    """One for each stand-in of the passage, in order; cue and source are None where its sentence names none."""
    return [_speech(number, passage) for number in passage.stand_ins]


def _speech(number: int, passage: Passage) -> Find:
    token = passage.doc[number]
    within = _in_a_clause(token, passage)
    if within is not None:
        return within
    behind = _named_behind(token, passage)
    if behind is not None:
        lead = _lead(token, passage)
        return Find((*lead, number), *behind, IN_A_CLAUSE if lead else SPEECH)
    verb = _verb_above(token, passage) or _nearest_verb(token, passage)
    if verb is not None:
        return Find((number,), (verb.i, verb.i), subject_of(verb), SPEECH)
    for other in _around(token, passage):
        source = according_source(other, passage)
        if source:
            return Find((number,), (other.i, other.i + 1), source, SPEECH)
    return Find((number,), None, None, SPEECH)


def _in_a_clause(token: "Token", passage: Passage) -> Find | None:
    """She warned them that *if the dam broke, “the town would drown”*."""
    verb = token.head
    lead = [child.left_edge.i for child in token.children if child.i < token.i and (child.dep_ == "advcl" or (child.dep_ == "mark" and child.lower_ == "that"))]
    if not lead or token.dep_ != "ccomp" or verb.i in passage.hidden or verb.i >= min(lead) or not _is_named(verb, passage):
        return None
    last = token.i
    while last + 1 in passage.hidden and last + 1 not in passage.stand_ins and passage.doc[last].text not in _PARTS:
        last += 1
    return Find(tuple(range(min(lead), last + 1)), (verb.i, verb.i), subject_of(verb), IN_A_CLAUSE)


def _lead(token: "Token", passage: Passage) -> tuple[int, ...]:
    """*With thousands of counters*, “no one can cheat,” she said: the beginning of a sentence that ends in quotation marks."""
    first, _ = sentence_around(token.i, passage)
    lead = [number for number in range(first, token.i) if number not in passage.hidden]
    said = passage.doc[token.i - 1]
    is_whole = len(lead) < _LEAST_LEAD_TOKENS or said.text == "It" or passage.doc[lead[-1]].text != "," or lead[-1] + 2 < token.i - 1
    return () if is_whole or any(number in passage.stand_ins for number in range(first, token.i)) else tuple(range(lead[0], token.i))


def _named_behind(token: "Token", passage: Passage) -> tuple[tuple[int, int], tuple[int, ...]] | None:
    """“…,” *said Rep. G. K. Buttle* (D-N.C.), head of …; “…,” *the judge told* the court: the commonest places, whatever the parser makes of them."""
    doc, first = passage.doc, token.i
    while first < len(doc) and first in passage.hidden:
        first += 1
    if first >= len(doc) or "." in (doc[first - 1].text, doc[first - 2].text):
        return None
    end = first
    while end < len(doc) and end - first < _MOST_TOKENS and end not in passage.hidden and doc[end].text not in _PARTS:
        end += 1
    # Right behind a comma any verb will do: “It is late,” sighed Ruiz.
    is_inverted = doc[first].tag_ in ("VBD", "VBZ") and doc[first - 2].text == "," and end > first + 1 and doc[first + 1].pos_ in _BEGINS_A_NAME
    verb = first if is_inverted else next((number for number in range(first, end) if _reports(doc[number])), None)
    if verb is None or (verb == first and end == first + 1) or any(doc[number].pos_ in _NOT_A_NAME for number in range(first, verb)):
        return None
    is_behind = verb == first
    subject = next((child for child in doc[verb].children if child.dep_ == "nsubj" and (child.i > verb if is_behind else first <= child.i < verb)), None)
    near = range(verb + 1, end) if is_behind else range(first, verb)
    return (verb, verb), noun_phrase(subject) if subject is not None else tuple(near)


def _reports(token: "Token") -> bool:
    return token.lower_ in _speech_words() and token.tag_ not in ("VBG", "CC")


def _verb_above(token: "Token", passage: Passage) -> "Token | None":
    while token.head.i != token.i:
        token = token.head
        if token.i not in passage.hidden and token.pos_ in ("VERB", "AUX"):
            return token if _is_named(token, passage) else None
    return None


def _nearest_verb(token: "Token", passage: Passage) -> "Token | None":
    clause = read_cues().clause
    verbs = [other for other in _around(token, passage) if other.pos_ == "VERB" and other.lemma_.lower() in clause and _is_named(other, passage)]
    return min(verbs, key=lambda verb: abs(verb.i - token.i), default=None)


def _is_named(verb: "Token", passage: Passage) -> bool:
    source = subject_of(verb)
    return source is not None and not any(number in passage.hidden for number in source)


def _around(token: "Token", passage: Passage) -> list["Token"]:
    first, last = sentence_around(token.i, passage)
    return [passage.doc[number] for number in range(first, last + 1) if number not in passage.hidden]


@cache
def _speech_words() -> frozenset[str]:
    """Forms of speech verbs that a speech may follow without a comma: said, says, chanted."""
    return frozenset(form for verb in read_cues().clause for form in _forms(verb)) | _IRREGULAR


def _forms(verb: str) -> tuple[str, ...]:
    past = f"{verb}d" if verb.endswith("e") else f"{verb[:-1]}ied" if verb.endswith("y") else f"{verb}ed"
    return verb, f"{verb}s", past, f"{verb}{verb[-1]}ed"
