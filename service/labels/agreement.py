"""Labelled quotes -> how far each two labellers agree."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

from service.labels.quote import Label, Quote, Status


@dataclass(frozen=True)
class Agreement:
    """Of two labellers, over the `n` quotes that both have labelled: the share with the same label, and Cohen's kappa, None where chance alone would give 1."""

    labellers: tuple[str, str]
    n: int
    share: float
    kappa: float | None


def agreements(quotes: Iterable[Quote]) -> list[Agreement]:
    """Each pair that has labelled a quote in common, those with the most first. Deleted quotes do not count."""
    pairs: dict[tuple[str, str], Counter[tuple[Label | None, Label | None]]] = {}
    for quote in quotes:
        if quote.status is not Status.DELETED:
            for (one, first), (other, second) in combinations(sorted(quote.opinions.items(), key=lambda item: item[0]), 2):
                pairs.setdefault((one, other), Counter())[first.label, second.label] += 1
    found = [_agreement(labellers, counts) for labellers, counts in pairs.items()]
    return sorted(found, key=lambda agreement: (-agreement.n, agreement.labellers))


def _agreement(labellers: tuple[str, str], counts: Counter[tuple[Label | None, Label | None]]) -> Agreement:
    n = counts.total()
    share = sum(count for (first, second), count in counts.items() if first == second) / n
    firsts: Counter[Label | None] = Counter()
    seconds: Counter[Label | None] = Counter()
    for (first, second), count in counts.items():
        firsts[first] += count
        seconds[second] += count
    by_chance = sum(firsts[label] * seconds[label] for label in firsts) / n**2
    return Agreement(labellers, n, share, (share - by_chance) / (1 - by_chance) if by_chance < 1 else None)
