"""cues.toml as the rules ask for it."""

import tomllib
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

_ACTS = ("confirm", "deny", "threat", "appeal", "other")


@dataclass(frozen=True)
class Cues:
    """Lemmas of verbs by what they take, pairs of verb and preposition, and the nouns that hold or utter what was said."""

    clause: frozenset[str]
    object: frozenset[str]
    infinitive: frozenset[str]
    asked: frozenset[str]
    as_: frozenset[str]
    named: frozenset[str]
    said_with: frozenset[tuple[str, str]]
    accused_with: frozenset[tuple[str, str]]
    asked_with: frozenset[tuple[str, str]]
    nouns_clause: frozenset[str]
    nouns_infinitive: frozenset[str]
    documents: frozenset[str]

    @cached_property
    def verbs(self) -> frozenset[str]:
        """All that report speech, whatever they take."""
        pairs = self.said_with | self.accused_with | self.asked_with
        return self.clause | self.object | self.infinitive | self.asked | self.as_ | self.named | {verb for verb, _ in pairs}


@cache
def read_cues() -> Cues:
    """The cues beside this module."""
    rows = tomllib.loads((Path(__file__).parent / "cues.toml").read_text(encoding="utf-8"))

    def verbs(kind: str) -> frozenset[str]:
        return frozenset(verb for act in _ACTS for verb in rows[act].get(kind, ()))

    def pairs(kind: str) -> frozenset[tuple[str, str]]:
        return frozenset((pair.split()[0], pair.split()[1]) for pair in rows["prepositions"][kind])

    return Cues(
        clause=verbs("clause"),
        object=verbs("object"),
        infinitive=verbs("infinitive"),
        asked=verbs("asked"),
        as_=verbs("as"),
        named=verbs("named"),
        said_with=pairs("said"),
        accused_with=pairs("accused"),
        asked_with=pairs("asked"),
        nouns_clause=frozenset(rows["nouns"]["clause"]),
        nouns_infinitive=frozenset(rows["nouns"]["infinitive"]),
        documents=frozenset(rows["documents"]["nouns"]),
    )
