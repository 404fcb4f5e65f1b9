"""What the rules ask of a parse: who is the subject, what belongs to a noun, where a sentence ends. No rule about speech is here."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from service.statements.cues import read_cues
from service.statements.passage import Passage

if TYPE_CHECKING:
    from spacy.tokens import Doc, Token

SUBJECTS = ("nsubj", "nsubjpass", "csubj")
STOPS = (".", "!", "?", "…", ";")
_MOST_STEPS = 8
_MEANWHILE = ("after", "as", "while")
_EDGES = (",", ";", ":", "-", "–", "—")


def subject_of(verb: "Token") -> tuple[int, ...] | None:
    """The tokens of whoever does what `verb` says, also where it stands with an earlier verb: said …, *adding* that …; was able *to claim* that …"""
    first = verb
    for _ in range(_MOST_STEPS):
        subject = next((child for child in verb.children if child.dep_ in SUBJECTS), None)
        if subject is not None:
            return noun_phrase(subject)
        above = verb.head
        if above.i == verb.i:
            return None
        if verb.dep_ in ("acl", "relcl") and above.pos_ in ("NOUN", "PROPN", "PRON") and not (verb.i == first.i and _is_behind_comma(verb)):
            return noun_phrase(above, without=verb)
        if above.dep_ == "ccomp" and _is_the_reporters(verb, above):
            above = above.head
        verb = above
    return None


def _is_the_reporters(verb: "Token", above: "Token") -> bool:
    """Whether `verb`, which hangs in a reported clause, goes with the reporting verb: said it was opposed, *and warned* them; denied that …, *calling* it …"""
    says_too = verb.dep_ == "conj" and above.head.tag_ == verb.tag_
    adds = verb.dep_ == "advcl" and verb.tag_ == "VBG" and _is_behind_comma(verb) and above.head.lemma_.lower() in read_cues().verbs
    return says_too or adds


def _is_behind_comma(verb: "Token") -> bool:
    return verb.left_edge.i > 0 and verb.doc[verb.left_edge.i - 1].text == ","


def agent_of(verb: "Token") -> tuple[int, ...] | None:
    """urged *by the bishops*"""
    agent = next((child for child in verb.children if child.dep_ == "agent"), None)
    return None if agent is None else tuple(inner.i for inner in agent.subtree if inner.i != agent.i) or None


def source_of(verb: "Token") -> tuple[int, ...] | None:
    """Who says it: the subject; of a passive (was told by …) the agent, if it names one."""
    return agent_of(verb) if any(child.dep_ == "nsubjpass" for child in verb.children) else subject_of(verb)


def noun_phrase(noun: "Token", without: "Token | None" = None) -> tuple[int, ...]:
    """The tokens around a noun that belong to it, but for clauses behind it and for `without`."""
    clauses = [inner for inner in noun.subtree if (inner.i > noun.i and inner.dep_ in ("relcl", "acl")) or (without is not None and inner.i == without.i)]
    left_out = {inner.i for clause in clauses for inner in clause.subtree}
    own = {inner.i for inner in noun.subtree} - left_out
    first = last = noun.i
    while first - 1 in own:
        first -= 1
    while last + 1 in own:
        last += 1
    while last > noun.i and noun.doc[last].is_punct:
        last -= 1
    return tuple(range(first, last + 1))


def has_to(verb: "Token") -> bool:
    """Whether `verb` is an infinitive with "to"."""
    return any(child.dep_ == "aux" and child.lower_ == "to" for child in verb.children)


def own_words(clause: "Token") -> list[int]:
    """The tokens of a clause without what somebody else says meanwhile: denies draining it *as towns threaten to sue*."""
    left_out: set[int] = set()
    for inner in clause.subtree:
        is_aside = inner.dep_ == "advcl" and inner.i > clause.i and any(child.dep_ == "mark" and child.lower_ in _MEANWHILE for child in inner.children)
        if is_aside and inner.lemma_.lower() in read_cues().verbs and any(child.dep_ in SUBJECTS for child in inner.children):
            left_out |= set(indices(inner.subtree))
    return [number for number in indices(clause.subtree) if number not in left_out]


def indices(tokens: Iterable["Token"]) -> tuple[int, ...]:
    """The tokens' numbers in their passage."""
    return tuple(token.i for token in tokens)


def trimmed(numbers: Sequence[int], doc: "Doc") -> tuple[int, ...]:
    """Without commas, dashes and spaces at both ends, and without a full stop or an "and" at the end."""
    first, last = 0, len(numbers)
    while first < last and (doc[numbers[last - 1]].is_space or doc[numbers[last - 1]].text in (*_EDGES, ".") or doc[numbers[last - 1]].dep_ == "cc"):
        last -= 1
    while first < last and (doc[numbers[first]].is_space or doc[numbers[first]].text in _EDGES):
        first += 1
    return tuple(numbers[first:last])


def sentence_around(number: int, passage: Passage) -> tuple[int, int]:
    """First and last token of the sentence by its stops: the parser parts sentences at speeches, and sees none behind an abbreviation."""
    doc, first, last = passage.doc, number, number
    while first > 0 and not _stops(doc[first - 1], passage):
        first -= 1
    while last < len(doc) - 1 and not _stops(doc[last], passage):
        last += 1
    return first, last


def _stops(token: "Token", passage: Passage) -> bool:
    return token.text in STOPS or (token.i in passage.hidden and token.text[0] == ".")


def according_source(according: "Token", passage: Passage) -> tuple[int, ...]:
    """The tokens of the source behind "according to", as far as the comma behind it; none where `according` is not that word."""
    doc, first = according.doc, according.i + 2
    if according.lower_ != "according" or first >= len(doc) or doc[first - 1].lower_ != "to":
        return ()
    _, last = sentence_around(according.i, passage)
    end = _comma(first, last, passage)
    second = _comma(end + 1, last, passage)
    if second < last and not any(doc[number].pos_ in ("VERB", "AUX") for number in range(end, second)):
        end = second  # according to Ana Ruiz, *the mayor*, …
    return trimmed(range(first, end), doc)


def _comma(first: int, last: int, passage: Passage) -> int:
    while first <= last and passage.doc[first].text[0] not in _EDGES and first not in passage.hidden:
        first += 1
    return first
