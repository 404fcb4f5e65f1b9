"""Names in a parse, and which of them are the same: "Ruiz" and "Ana Ruiz". Who is meant by a pronoun or a role is cast.py's."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spacy.tokens import Doc, Token

_MALE = ("mr", "sir", "lord", "king", "prince", "father", "brother")
_FEMALE = ("mrs", "ms", "miss", "madam", "dame", "lady", "queen", "princess", "sister", "mother")
_TITLES = re.compile(
    r"^(?:(?:Mr|Mrs|Ms|Miss|Dr|Sir|Dame|Lord|Lady|Rev|Sen|Rep|Gov|Gen|Col|Lt|Sgt|Capt|Prof|Hon|St|President|Senator|Representative|Governor|General|Judge|Justice|"
    r"Mayor|Minister|Chancellor|Professor|Secretary|Ambassador|Congressman|Congresswoman|Councillor|Commissioner|Pope|King|Queen|Prince|Princess|Detective|"
    r"Officer|Captain|Major|Colonel)\b\.?\s+)+(?=[A-Z])"
)
_POSSESSIVE = re.compile(r"['’]s?$")
_THE = re.compile(r"^[Tt]he (?=[A-Z])")
_BODIES = ("ORG", "GPE", "NORP")


@dataclass(frozen=True)
class Name:
    """A name in a parse: tokens `first` to `last` (both included), of which `root` is the head. `kind` is a spaCy label."""

    text: str
    kind: str
    first: int
    last: int
    root: "Token"


def names_in(doc: "Doc") -> Iterator[Name]:
    """Those that spaCy knows, and subjects in capitals that it does not: in short sentences it takes few names for names."""
    taken: set[int] = set()
    for entity in doc.ents:
        taken |= set(range(entity.start, entity.end))
        if entity.label_ in ("PERSON", *_BODIES):
            yield Name(bare(entity.text), entity.label_, entity.start, entity.end - 1, entity.root)
    for token in doc:
        if token.tag_ == "NNP" and token.dep_ in ("nsubj", "nsubjpass", "appos") and token.i not in taken:
            first = token.i
            while first > 0 and doc[first - 1].tag_ == "NNP" and doc[first - 1].head.i == token.i and first - 1 not in taken:
                first -= 1
            yield Name(bare(doc[first : token.i + 1].text), "PERSON", first, token.i, token)


def gender_of(name: Name) -> str:
    """m or f by a title in or before the name, else empty: first names are not looked at."""
    doc = name.root.doc
    first = doc[name.first].lower_.rstrip(".")
    before = doc[name.first - 1].lower_.rstrip(".") if name.first else ""
    return "m" if {first, before} & set(_MALE) else "f" if {first, before} & set(_FEMALE) else ""


def roles_beside(root: "Token") -> tuple[str, ...]:
    """*minister* Ana Ruiz; Ana Ruiz, the *minister*; the *minister*, Ana Ruiz"""
    beside = [*root.children, *([root.head] if root.dep_ == "appos" else [])]
    return tuple(
        token.lemma_.lower() for token in beside if token.pos_ in ("NOUN", "PROPN") and (token.dep_ in ("compound", "appos") or token.i == root.head.i)
    )


def fullest_forms(names: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Each name -> the longest that it is short for, else itself. `names` are (name, kind), without blank ones."""
    by_word = names_by_word(names)
    full: dict[str, str] = {}
    for name, kind in names:
        words = name.split()
        kinds = (kind, "PERSON", "ORG") if len(words) == 1 else (kind, "ORG")  # a surname is easily taken for a firm or a place
        near = {*by_word.get(words[-1], ()), *by_word.get(words[0], ())}
        longer = [other for other, other_kind in near if other_kind in kinds and len(other) > len(name) and is_short_for(name, other, other_kind)]
        full[name] = max(sorted(longer), key=len, default=full.get(name, name))
    return full


def names_by_word(names: Sequence[tuple[str, str]]) -> dict[str, list[tuple[str, str]]]:
    """The names that begin or end with a word, or with what stands behind a hyphen in their last one."""
    found: dict[str, list[tuple[str, str]]] = {}
    for name, kind in names:
        words = name.split()
        for word in {words[0], words[-1], words[-1].rpartition("-")[2]} - {""}:
            found.setdefault(word, []).append((name, kind))
    return found


def is_short_for(name: str, other: str, kind: str) -> bool:
    """Whether `name` ends like the longer `other` (a person: with the same first name, if it has one), or begins like it (a body)."""
    words, others = name.split(), other.split()
    if kind == "PERSON":
        return len(others) > 1 and (others[-1] == words[-1] or others[-1].endswith(f"-{words[-1]}")) and (len(words) == 1 or words[0] == others[0])
    return len(others) > len(words) and (others[-len(words) :] == words or (kind == "ORG" and others[: len(words)] == words))


def bare(name: str) -> str:
    """Without titles, "the" before a name, a possessive and marks around it."""
    name = _POSSESSIVE.sub("", " ".join(name.split()).strip(" ,;:“”\"'’"))
    return _THE.sub("", _TITLES.sub("", name))
