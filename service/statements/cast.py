"""Mentions of a source ("he", "the minister", "Ms Ruiz") -> the fullest form that the article has for it. Who said what is not decided here."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.statements.names import bare, fullest_forms, gender_of, is_short_for, names_by_word, names_in, roles_beside
from service.statements.passage import Passage, parsed
from service.statements.report import Span
from service.statements.syntax import noun_phrase

if TYPE_CHECKING:
    from spacy.tokens import Token

_RELATIVES = ("who", "which", "that", "whom")
_HE, _SHE = ("he", "him", "his", "himself"), ("she", "her", "hers", "herself")
_THEY, _IT = ("they", "them", "their", "themselves"), ("it", "its", "itself")
_NOBODY = ("there", "what", "this", "these", "those")
_STAND_FOR_OTHERS = frozenset((*_RELATIVES, *_HE, *_SHE, *_THEY, *_IT, *_NOBODY))
_SENTENCES_BACK = 4
_FEW_TOKENS = 3
_MOST_STEPS = 3


@dataclass(frozen=True)
class Speaker:
    """`article[start:end] == mention`; `name` is the fullest form that the article has for it, else the mention itself."""

    name: str
    mention: str
    start: int
    end: int


@dataclass(frozen=True)
class _Being:
    """A name where it stands: `start` in the article, the number of its `sentence`, whether it is a subject, what it is called beside ("minister")."""

    name: str
    kind: str
    start: int
    sentence: int
    is_subject: bool
    gender: str = ""
    roles: tuple[str, ...] = ()
    is_plural: bool = False


class Cast:
    """The persons and bodies of one article."""

    def __init__(self, article: str, passages: Sequence[Passage], title: str | None = None) -> None:
        self._article = article
        self._sentences = sorted(passage.span(sentence.start, sentence.start)[0] for passage in passages for sentence in passage.doc.sents)
        self._beings = sorted((being for passage in passages for being in self._read(passage)), key=lambda being: being.start)
        self._starts = [being.start for being in self._beings]
        names = [(being.name, being.kind) for being in self._beings]
        names += [(name.text, name.kind) for name in (names_in(parsed(title)) if title else ())]
        names = [(name, kind) for name, kind in dict.fromkeys(names) if name]
        self._by_word = names_by_word(names)
        self._fullest = fullest_forms(names)
        self._genders: dict[str, str] = {}
        for being in self._beings:
            if being.gender:
                self._genders.setdefault(self._full(being.name), being.gender)

    def speaker(self, span: Span, passage: Passage) -> Speaker | None:
        """Who is meant by the source at `span` of the article, in `passage`; None where the words name nobody ("there", the "it" of "it is said")."""
        mention = self._article[slice(*span)]
        tokens = passage.tokens_in(span)
        name = self._name(tokens, mention, span[0]) if tokens else None
        return Speaker(name, mention, *span) if name else None

    def _name(self, tokens: "Sequence[Token]", mention: str, start: int) -> str | None:
        head = _head(tokens)
        if len(tokens) == 1 and head.lower_ in _STAND_FOR_OTHERS:
            return self._meant_by(head, mention, start)
        if any(token.dep_ == "conj" and token.head.i == head.i for token in tokens):
            return bare(mention)
        name = _named(head, tokens)
        if name is None and tokens[0].lower_ in ("the", "this", "that") and len(tokens) <= _FEW_TOKENS:
            name = self._in_role(head.lemma_.lower(), start)
        return self._full(name or bare(mention))

    def _meant_by(self, word: "Token", mention: str, start: int) -> str | None:
        if word.lower_ in _NOBODY:
            return None
        if word.lower_ in _RELATIVES:
            return self._antecedent(word, start)
        return self._meant(word.lower_, start) or (None if word.lower_ in _IT else mention)

    def _full(self, name: str) -> str:
        if name not in self._fullest:  # a surname that the tagger takes for a word
            near = self._by_word.get(name.rsplit(maxsplit=1)[-1], ()) if name[:1].isupper() else ()
            self._fullest[name] = max((other for other, kind in near if kind == "PERSON" and is_short_for(name, other, kind)), key=len, default=name)
        if self._fullest[name] == name and " " not in name and name[:1].isupper():  # a first name, or a firm's
            begun = {self._fullest[other] for other, kind in self._by_word.get(name, ()) if kind in ("PERSON", "ORG") and other.startswith(f"{name} ")}
            self._fullest[name] = begun.pop() if len(begun) == 1 else name
        return self._fullest[name]

    def _antecedent(self, relative: "Token", start: int) -> str | None:
        """*Ana Ruiz*, who said …"""
        verb = relative.head
        for _ in range(_MOST_STEPS):
            if verb.dep_ == "relcl":
                numbers = noun_phrase(verb.head, without=verb)
                tokens = list(relative.doc[numbers[0] : numbers[-1] + 1])
                return self._name(tokens, relative.doc[numbers[0] : numbers[-1] + 1].text, start)
            verb = verb.head
        return None

    def _meant(self, pronoun: str, start: int) -> str | None:
        """The last subject that a pronoun at `start` can mean, a few sentences back at most."""
        gender = "m" if pronoun in _HE else "f" if pronoun in _SHE else ""
        sentence = bisect_left(self._sentences, start + 1)
        near = [being for being in self._beings[: bisect_left(self._starts, start)] if sentence - being.sentence <= _SENTENCES_BACK]
        if gender:
            near = [being for being in near if being.kind == "PERSON" and self._gender(being) in ("", gender)]
        elif pronoun in _IT:
            near = [being for being in near if being.kind in ("ORG", "GPE")]
        else:
            near = [being for being in near if being.is_plural]
        if not near:
            return None
        last = ([being for being in near if being.is_subject] or near)[-1]
        known = [being for being in near if gender and self._gender(being) == gender]
        if known and self._gender(last) != gender and known[-1].sentence >= last.sentence - 1:
            last = known[-1]
        name = self._full(last.name)
        if gender:
            self._genders.setdefault(name, gender)
        return name

    def _gender(self, being: _Being) -> str:
        return self._genders.get(self._full(being.name), "")

    def _in_role(self, role: str, start: int) -> str | None:
        """The person whom the article has called so, the last before `start` if there is one."""
        beings = [being for being in self._beings if being.kind == "PERSON" and role in being.roles]
        earlier = [being for being in beings if being.start < start]
        return self._full((earlier or beings)[-1].name) if beings else None

    def _read(self, passage: Passage) -> Iterator[_Being]:
        for name in names_in(passage.doc):
            if name.first not in passage.hidden:
                start = passage.span(name.first, name.first)[0]
                yield _Being(
                    name.text,
                    name.kind,
                    start,
                    bisect_left(self._sentences, start + 1),
                    _top(name.root).dep_ in ("nsubj", "nsubjpass"),
                    gender_of(name),
                    roles_beside(name.root),
                    is_plural=name.kind == "NORP",
                )
        for token in passage.doc:
            if token.dep_ == "nsubj" and token.tag_ == "NNS" and token.i not in passage.hidden:
                numbers = noun_phrase(token)
                start, end = passage.span(numbers[0], numbers[-1])
                yield _Being(bare(self._article[start:end]), "GROUP", start, bisect_left(self._sentences, start + 1), is_subject=True, is_plural=True)


def _head(tokens: "Sequence[Token]") -> "Token":
    inside = {token.i for token in tokens}
    return next((token for token in tokens if token.head.i not in inside or token.head.i == token.i), tokens[-1])


def _named(head: "Token", tokens: "Sequence[Token]") -> str | None:
    """The name that `head` is a part of, or a person beside it: *the mayor, Ana Ruiz*."""
    inside = {token.i for token in tokens}
    for name in names_in(head.doc):
        is_own = name.first <= head.i <= name.last
        if name.first in inside and (is_own or (name.kind == "PERSON" and name.root.dep_ == "appos" and name.root.head.i == head.i)):
            return name.text
    return None


def _top(token: "Token") -> "Token":
    while token.dep_ in ("compound", "appos") and token.head.i != token.i:
        token = token.head
    return token
