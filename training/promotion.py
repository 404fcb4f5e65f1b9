"""A candidate and the model that serves, on the same quotes -> what speaks against changing them. One sentence for each thing; runs no model."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from service.stance import STANCES, Verdict
from training.config import PromotionConfig
from training.evaluate import columns_of, slice_values
from training.examples import Example, labels_of
from training.scores import Columns, Interval, chance_of, difference_interval, f1_difference_intervals, most_rate, rows_of

_DIMENSIONS = ("form", "length", "context")  # of slices; the values of the others are too many and too small
_BY_CHANCE = 0.05


@dataclass(frozen=True)
class Flip:
    """An example that one of the two models has right and the other wrong."""

    example: Example
    served: Verdict
    candidate: Verdict

    @property
    def is_gain(self) -> bool:
        """Whether the candidate is the one that has it right."""
        return self.candidate.stance is self.example.label


@dataclass(frozen=True)
class Comparison:
    """Two models on the same held-out quotes; `difference` is in macro-F1, the candidate's minus the served one's, with the interval of a paired bootstrap."""

    difference: Interval
    flips: Sequence[Flip]
    sentences: Sequence[str]


def compare(examples: Sequence[Example], served: Sequence[Verdict], candidate: Sequence[Verdict], config: PromotionConfig) -> Comparison:
    """What is worse by more than chance explains: macro-F1, the F1 of a label, macro-F1 on a slice. Verdicts are in the order of `examples`."""
    labels, ours, theirs = np.array(labels_of(examples)), columns_of(candidate), columns_of(served)
    difference = difference_interval(labels, ours, theirs)
    found = [_worse("Macro-F1", difference)]
    # A dozen and more comparisons: at 95 % one of them would refuse every other model that is as good.
    bands = f1_difference_intervals(labels, ours, theirs, config.noise_band)
    found += [_worse(f"F1 of {stance}", band) for stance, band in zip(STANCES, bands, strict=True)]
    for name, rows in slices_of(examples, config.least_slice):
        found.append(_worse(f"Macro-F1 on the slice {name}", difference_interval(labels[rows], ours[rows], theirs[rows], config.noise_band)))
    flips = [
        Flip(example, before, after)
        for example, before, after in zip(examples, served, candidate, strict=True)
        if (before.stance is example.label) is not (after.stance is example.label)
    ]
    return Comparison(difference, flips, [sentence for sentence in found if sentence])


def corrections_sentences(aside: Sequence[Example], served: Sequence[Verdict], candidate: Sequence[Verdict], config: PromotionConfig) -> list[str]:
    """Sentences where, by more than chance explains, too few labels that were kept aside are the candidate's verdicts, or fewer than the served model's.

    A dozen are few: of a model that has nine in ten right they hold under four in five in every fourth retraining. So it falls short where even the upper end
    of the exact 95 % interval of its share does; one or two labels, which may be of kinds of their own, say nothing. Nor does one label lost and none won
    beside the served model: what counts is that losses outnumber gains by more than coins would (McNemar's exact test, one-sided, at 5 %).
    """
    if not aside:
        return []
    n, bar = len(aside), config.least_corrections_right
    before, after = (np.array([verdict.stance is example.label for example, verdict in zip(aside, given, strict=True)]) for given in (served, candidate))
    n_right, n_lost, n_won = int(after.sum()), int((before & ~after).sum()), int((after & ~before).sum())
    most, found = most_rate(n_right / n, n, method="exact"), []
    if most < bar:
        found.append(
            f"Of {n} newly labelled quotes that were kept aside the new model has {n_right} right ({n_right / n:.0%}, by which it is at most {most:.0%}); "
            f"at least {bar:.0%} are wanted. Either its labels are not what the codebook says, or there are too few of their kind."
        )
    if n_lost > n_won and chance_of(n_lost, n_lost + n_won) < _BY_CHANCE:
        found.append(
            f"Of {n} newly labelled quotes that were kept aside the new model has {n_right} right, and the served one {int(before.sum())}: "
            f"it lost {n_lost} and won {n_won}."
        )
    return found


def flips_as_markdown(comparison: Comparison, served: str, candidate: str) -> str:
    """The rows that flipped, both ways, for a person."""
    gains = [flip for flip in comparison.flips if flip.is_gain]
    losses = [flip for flip in comparison.flips if not flip.is_gain]
    parts = [
        f"# {candidate} beside {served}\n",
        f"Macro-F1 {comparison.difference.value:+.3f} ({comparison.difference.low:+.3f} to {comparison.difference.high:+.3f}, paired bootstrap). "
        f"{len(gains)} quotes came right, {len(losses)} went wrong.\n",
    ]
    for title, flips in (("Came right", gains), ("Went wrong", losses)):
        parts.append(f"## {title}\n")
        for flip in flips:
            statement = flip.example.statement
            parts.append(
                f"- **{flip.example.label}**, {served}: {flip.served.stance} {flip.served.probability:.2f}, "
                f"{candidate}: {flip.candidate.stance} {flip.candidate.probability:.2f}. {_quoted(statement.text)}"
                + (f" in {_quoted(statement.frame)}" if statement.frame else "")
            )
        parts.append("")
    return "\n".join(parts)


def slices_of(examples: Sequence[Example], least: int) -> Iterator[tuple[str, Columns]]:
    """The name of each slice that is looked at, with the numbers of its rows: those of `least` quotes or more."""
    values = slice_values(examples)
    for dimension in _DIMENSIONS:
        for value, rows in rows_of(values[dimension]).items():
            if len(rows) >= least:
                yield f"{dimension} = {value} ({len(rows)} quotes)", rows


def _worse(what: str, band: Interval) -> str | None:
    if band.high >= 0:
        return None
    return f"{what} is {-band.value:.3f} lower than the served model's, and {-band.high:.3f} of it at least is no chance ({band.low:+.3f} to {band.high:+.3f})."


def _quoted(text: str) -> str:
    return f"“{' '.join(text.split())}”"
