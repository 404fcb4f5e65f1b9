"""Verbs that hold what was said in their object -> finds: denied any role, called it a lie, accused them of …. One rule a construction."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from service.statements.cues import Cues
from service.statements.find import Find
from service.statements.passage import Passage
from service.statements.syntax import agent_of, indices, noun_phrase, own_words, subject_of, trimmed

if TYPE_CHECKING:
    from spacy.tokens import Token

_NAMES_NOTHING = ("it", "that", "this", "himself", "herself", "itself", "themselves", "which", "what")
_TAKEN_ALONG = ("as", "for", "of", "to", "over", "from")


def gerund(verb: "Token", cues: Cues, passage: Passage) -> Iterator[Find]:
    """The bank denied *hiding losses*."""
    if verb.pos_ == "VERB" and verb.lemma_.lower() in cues.object:
        for child in verb.rights:
            if child.dep_ == "xcomp" and child.tag_ == "VBG":
                yield Find(trimmed(own_words(child), verb.doc), (verb.i, verb.i), subject_of(verb), "gerund")


def object_(verb: "Token", cues: Cues, passage: Passage) -> Iterator[Find]:
    """The bank denied *any role in it*. She dismissed *the report as false*. He called *the charge a lie*."""
    lemma = verb.lemma_.lower()
    if verb.pos_ != "VERB" or lemma not in cues.object | cues.as_ | cues.named or agent_of(verb):
        return
    if lemma in cues.asked and any(child.dep_ in ("ccomp", "xcomp") for child in verb.rights):
        return  # urged the bank to pay
    kinds = ("dobj", "oprd", "ccomp", "attr") if lemma in cues.named else ("dobj", "oprd")
    objects = [child for child in verb.rights if child.dep_ in kinds]
    if not objects:
        return
    first, last = objects[0].left_edge.i, objects[0].right_edge.i
    behind = [child for child in verb.rights if child.i > last]
    as_ = next((child for child in behind if child.lower_ == "as"), None)
    if lemma in cues.as_ and as_ is not None:
        last = as_.right_edge.i
    elif lemma in cues.named and (len(objects) > 1 or objects[0].dep_ != "dobj"):
        last = objects[-1].right_edge.i
    elif lemma in cues.object:
        for child in behind:  # any role *in the deal*, however far the parser hangs it
            if child.dep_ in ("prep", "xcomp") and (child.lower_ in _TAKEN_ALONG or (child.lower_ == "in" and child.i == last + 1)):
                last = child.right_edge.i
    else:
        return
    if first == last and verb.doc[first].lower_ in _NAMES_NOTHING:
        return
    yield Find(trimmed(range(first, last + 1), verb.doc), (verb.i, verb.i), subject_of(verb), "object")


def passive(verb: "Token", cues: Cues, passage: Passage) -> Iterator[Find]:
    """*The report* was denied by the bank; *a charge* that was dismissed by the bank"""
    agent = agent_of(verb)
    if verb.pos_ != "VERB" or agent is None or verb.lemma_.lower() not in cues.object:
        return
    subject = next((child for child in verb.children if child.dep_ == "nsubjpass"), None)
    if verb.dep_ in ("relcl", "acl") and (subject is None or subject.lower_ in ("which", "that")):
        subject = verb.head
    if subject is not None and subject.pos_ != "PRON":
        yield Find(noun_phrase(subject, without=verb), (verb.i, verb.i), agent, "passive")


def preposition(verb: "Token", cues: Cues, passage: Passage) -> Iterator[Find]:
    """They called for *an inquiry*, warned of *floods*."""
    for child in _prepositions(verb):
        if (verb.lemma_.lower(), child.lower_) in cues.said_with:
            yield Find(trimmed(indices(child.subtree)[1:], verb.doc), (verb.i, child.i), subject_of(verb), "preposition")


def accused(verb: "Token", cues: Cues, passage: Passage) -> Iterator[Find]:
    """They accused *the bank of hiding losses*. The bank was accused by them of *hiding losses*."""
    for child in _prepositions(verb):
        if (verb.lemma_.lower(), child.lower_) in cues.accused_with:
            is_passive = any(inner.dep_ == "nsubjpass" for inner in verb.children)
            target = next((inner for inner in verb.children if inner.dep_ == "dobj"), None)
            first = child.i + 1 if target is None else target.left_edge.i
            said = range(first, child.right_edge.i + 1)
            yield Find(trimmed(said, verb.doc), (verb.i, verb.i), agent_of(verb) if is_passive else subject_of(verb), "accused")


def called_on(verb: "Token", cues: Cues, passage: Passage) -> Iterator[Find]:
    """They called on *the minister to resign*."""
    for child in _prepositions(verb):
        if (verb.lemma_.lower(), child.lower_) in cues.asked_with:
            behind = [inner for inner in verb.children if inner.i > child.i and inner.dep_ in ("xcomp", "advcl", "ccomp")]
            last = max([child.right_edge.i, *(inner.right_edge.i for inner in behind)])
            if any(verb.doc[number].lower_ == "to" for number in range(child.i + 1, last + 1)):
                yield Find(trimmed(range(child.i + 1, last + 1), verb.doc), (verb.i, child.i), subject_of(verb), "called on")


def _prepositions(verb: "Token") -> Iterator["Token"]:
    if verb.pos_ == "VERB":
        yield from (child for child in verb.rights if child.dep_ in ("prep", "prt", "dative"))


OBJECT_RULES = (gerund, object_, passive, preposition, accused, called_on)
