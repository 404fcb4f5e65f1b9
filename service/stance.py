"""The label set and the verdict: the one place that knows the five names. What they mean in full is in data/README.md."""

from dataclasses import dataclass
from enum import StrEnum


class Stance(StrEnum):
    """What a speaker does by making a statement. The order is the order of a model's outputs: append, never reorder."""

    CONFIRM = "confirm"
    DENY = "deny"
    THREAT = "threat"
    APPEAL = "appeal"
    OTHER = "other"


STANCES: tuple[Stance, ...] = tuple(Stance)
ACTS: tuple[Stance, ...] = tuple(stance for stance in Stance if stance is not Stance.OTHER)


@dataclass(frozen=True)
class Definition:
    """A stance as the codebook defines it, with statements that have it."""

    text: str
    examples: tuple[str, ...]


DEFINITIONS: dict[Stance, Definition] = {
    Stance.CONFIRM: Definition(
        "The speaker vouches that something reported, alleged, asked about or disputed is true or happened, or owns up to it.",
        (
            "The ministry confirmed that two of its engineers had been on board.",
            "Yes, I signed the order, and I would sign it again.",
        ),
    ),
    Stance.DENY: Definition(
        "The speaker says that a claim, report or accusation is false or did not happen, or disowns responsibility for it.",
        (
            "The club has denied any contact with the player's agent.",
            "We had nothing to do with that fire.",
        ),
    ),
    Stance.THREAT: Definition(
        "The speaker says that they, or the side they speak for, will or may hurt, punish or impose a cost on somebody.",
        (
            "The union said its members would shut the port for ten days unless the sackings were withdrawn.",
            "They will regret this.",
        ),
    ),
    Stance.APPEAL: Definition(
        "The speaker asks, urges, begs or demands that someone else do or stop doing something.",
        (
            "She urged both governments to reopen the crossing before the harvest.",
            "Please, if you saw that van, ring us.",
        ),
    ),
    Stance.OTHER: Definition(
        "None of these: opinion, accusation, promise or plan without harm, refusal, forecast, plain information, praise, no comment.",
        (
            "The company would neither confirm nor deny the report.",
            "The harvest was the best in a decade, the minister said.",
        ),
    ),
}


@dataclass(frozen=True)
class Verdict:
    """What a classifier says of one statement.

    `probabilities` are calibrated, in [0, 1], in the order of `Stance`, and sum to 1. `stance` is the likeliest (the first of
    equals), `probability` its own. `certain` says whether that reaches the model's threshold for this stance; `truncated` that the text or
    its context was longer than the model reads, so that the verdict rests on a part of it.
    """

    stance: Stance
    probability: float
    probabilities: tuple[float, ...]
    certain: bool
    truncated: bool
