"""What a rule finds in a passage, in token numbers."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Find:
    """`said` holds what was said, ascending (a stand-in for a speech), `cue` the first and last token of the words that report it, `source` who said it.

    `rule` names the construction. Nothing is resolved here: a source may be a pronoun.
    """

    said: tuple[int, ...]
    cue: tuple[int, int] | None
    source: tuple[int, ...] | None
    rule: str
