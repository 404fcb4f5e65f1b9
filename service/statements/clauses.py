"""Reported clauses -> finds: said that …, threatened to …, according to …, the claim that …. One rule a construction; its docstring is its example."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from service.statements.cues import Cues
from service.statements.find import Find
from service.statements.passage import Passage
from service.statements.syntax import (
    SUBJECTS,
    according_source,
    agent_of,
    has_to,
    indices,
    noun_phrase,
    own_words,
    sentence_around,
    source_of,
    subject_of,
    trimmed,
)

if TYPE_CHECKING:
    from spacy.tokens import Token

_COMPLEMENTS = ("ccomp", "xcomp")
_FAR = 40  # tokens from a verb to its clause
_NO_STATEMENT = ("comment", "discuss", "elaborate", "identify", "name", "respond")  # declined to comment, asked not to be named


def clause(verb: "Token", cues: Cues, passage: Passage) -> Iterator[Find]:
    """Police said (that) *the bridge was closed*. *The bridge was closed*, police said. He was told by police that *the bridge was closed*."""
    if verb.lemma_.lower() not in cues.clause or verb.pos_ not in ("VERB", "AUX"):
        return
    for child in verb.children:
        if child.dep_ == "ccomp" and child.i not in passage.stand_ins:
            yield Find(_said(child, verb, cues), (verb.i, verb.i), source_of(verb), "clause")


def late_clause(verb: "Token", cues: Cues, passage: Passage) -> Iterator[Find]:
    """Police said on Friday *that the bridge was closed*: the parser hangs the clause on the noun between."""
    if verb.lemma_.lower() not in cues.clause or verb.pos_ not in ("VERB", "AUX") or any(child.dep_ in ("ccomp", "dobj") for child in verb.children):
        return
    for inner in verb.doc[verb.i + 1 : min(verb.right_edge.i + 1, verb.i + _FAR)]:
        that = next((mark.i for mark in inner.children if mark.dep_ == "mark" and mark.lower_ == "that"), None)
        if that is not None and inner.dep_ in ("acl", "relcl", "advcl"):
            said = tuple(number for number in _said(inner, verb, cues) if number >= that)
            yield Find(said, (verb.i, verb.i), source_of(verb), "late clause")
            return


def parenthesis(verb: "Token", cues: Cues, passage: Passage) -> Iterator[Find]:
    """*The bridge*, police said, *was closed*."""
    if verb.lemma_.lower() not in cues.clause or verb.dep_ != "parataxis" or any(child.dep_ in ("ccomp", "dobj") for child in verb.children):
        return
    own = set(indices(verb.subtree))
    said = [number for number in indices(verb.head.subtree) if number not in own]
    yield Find(trimmed(said, verb.doc), (verb.i, verb.i), subject_of(verb), "parenthesis")


def infinitive(verb: "Token", cues: Cues, passage: Passage) -> Iterator[Find]:
    """The union threatened *to walk out*. They urged *the council to reopen the bridge*. It was urged by them *to reopen the bridge*."""
    lemma = verb.lemma_.lower()
    if verb.pos_ != "VERB" or lemma not in cues.infinitive | cues.asked:
        return
    is_passive = any(child.dep_ in ("nsubjpass", "auxpass") for child in verb.children)
    for child in verb.children:
        if child.dep_ not in (*_COMPLEMENTS, "advcl") or child.i < verb.i or not has_to(child):
            continue
        if (child.dep_ == "ccomp" and lemma in cues.clause) or child.lemma_.lower() in _NO_STATEMENT:
            continue
        said = _said(child, verb, cues)
        asked = next((inner for inner in verb.children if inner.dep_ == "dobj" and inner.i < child.i), None)
        if asked is not None and lemma in cues.asked and said:
            said = tuple(range(asked.left_edge.i, said[-1] + 1))
        source = subject_of(verb)
        if is_passive and lemma in cues.asked:
            source = agent_of(verb) or agent_of(child)
            said = tuple(number for number in said if source is None or number < source[0] - 1)
        yield Find(said, (verb.i, verb.i), source, "infinitive")


def raised(verb: "Token", cues: Cues, passage: Passage) -> Iterator[Find]:
    """*The general* is said *to be ill*: nobody in particular says so."""
    if verb.lemma_.lower() not in cues.clause - cues.asked or verb.tag_ != "VBN" or agent_of(verb):
        return
    subject = next((child for child in verb.children if child.dep_ == "nsubjpass"), None)
    for child in verb.children:
        if child.dep_ == "xcomp" and subject is not None and has_to(child):
            yield Find((*noun_phrase(subject), *_said(child, verb, cues)), (verb.i, verb.i), None, "raised")


def according(word: "Token", cues: Cues, passage: Passage) -> Iterator[Find]:
    """*The bridge was closed*, according to police. According to police, *the bridge was closed*."""
    source = according_source(word, passage)
    if not source:
        return
    first, last = sentence_around(word.i, passage)
    n_before = sum(not passage.doc[number].is_punct for number in range(first, word.i))
    said = trimmed(range(source[-1] + 1, last + 1) if n_before <= 2 else range(first, word.i), passage.doc)
    if not any(number in passage.stand_ins for number in said):
        yield Find(said, (word.i, word.i + 1), source, "according")


def noun(word: "Token", cues: Cues, passage: Passage) -> Iterator[Find]:
    """the minister's claim that *the bridge was safe*; a promise by the minister *to rebuild it*"""
    lemma = word.lemma_.lower()
    if word.pos_ != "NOUN" or lemma not in cues.nouns_clause | cues.nouns_infinitive:
        return
    if word.dep_ in ("dobj", "pobj") and word.head.lemma_.lower() in cues.object:
        return  # rejected allegations that …: found as an object
    for child in word.children:
        if child.dep_ not in ("acl", "relcl", "ccomp"):
            continue
        has_that = any(inner.lower_ == "that" and inner.dep_ == "mark" for inner in child.children)
        if (has_that and lemma in cues.nouns_clause) or (has_to(child) and lemma in cues.nouns_infinitive):
            yield Find(trimmed(indices(child.subtree), word.doc), (word.i, word.i), _owner(word, child), "noun")


def _owner(word: "Token", clause: "Token") -> tuple[int, ...] | None:
    """*the minister's* claim; a *New York Times* report; a claim by *the minister*; *she* made the claim"""
    poss = next((child for child in word.children if child.dep_ == "poss"), None)
    if poss is not None:
        return noun_phrase(poss)
    names = [child for child in word.children if child.dep_ == "compound" and child.pos_ == "PROPN"]
    if names:
        return tuple(range(min(name.left_edge.i for name in names), names[-1].i + 1))
    by = next((child for child in word.children if child.dep_ == "prep" and child.lower_ in ("by", "from", "of")), None)
    if by is not None:
        return tuple(inner.i for inner in by.subtree if by.i < inner.i < clause.left_edge.i) or None
    return subject_of(word.head) if word.dep_ == "dobj" and word.head.pos_ == "VERB" else None


def _said(clause: "Token", cue: "Token", cues: Cues) -> tuple[int, ...]:
    """The tokens of a clause without those by which the reporter goes on: …, *adding* that …; … *and warned* them; …, *according to* …"""
    left_out: set[int] = set()
    for inner in clause.subtree:
        if inner.i == clause.i:
            continue
        goes_on = inner.dep_ == "advcl" and inner.tag_ == "VBG" and inner.left_edge.i > 0 and inner.doc[inner.left_edge.i - 1].text == ","
        says_too = (
            inner.dep_ == "conj"
            and inner.tag_ == cue.tag_
            and inner.lemma_.lower() in cues.verbs
            and inner.head.i == clause.i
            and not any(child.dep_ in SUBJECTS for child in inner.children)
        )
        if goes_on or says_too or (inner.lower_ == "according" and inner.i > clause.i):
            left_out |= set(indices(inner.subtree))
    return trimmed([number for number in own_words(clause) if number not in left_out], clause.doc)


CLAUSE_RULES = (clause, late_clause, parenthesis, infinitive, raised, according, noun)
