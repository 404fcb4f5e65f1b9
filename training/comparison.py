"""What a comparison found, and how it reads. Finding it is compare.py's."""

from dataclasses import dataclass

from service.stance import STANCES
from training.report import markdown_table
from training.scores import Interval


@dataclass(frozen=True)
class Way:
    """How one way fares: macro-F1, F1 of each label in column order, and the seconds that learning and answering took; `n_quotes` it learned from."""

    name: str
    n_quotes: int
    macro_f1: Interval
    f1: tuple[float, ...]
    seconds: float


@dataclass(frozen=True)
class Comparison:
    """`ways` in the order of the table; `curve` is ours (int8) from ever more of the quotes."""

    n: int
    ways: tuple[Way, ...]
    curve: tuple[Way, ...]


def as_markdown(comparison: Comparison) -> str:
    """The two tables, for a person."""
    head = ["way", "macro-F1", *map(str, STANCES), "minutes"]
    rows = [[way.name, str(way.macro_f1), *(f"{f1:.3f}" for f1 in way.f1), f"{way.seconds / 60:.1f}"] for way in comparison.ways]
    curve = [[f"{way.n_quotes:,} ({way.name})", str(way.macro_f1)] for way in comparison.curve]
    return "\n".join(
        [
            f"# Ways to the same verdicts, on {comparison.n} examples\n",
            "Macro-F1 with its 95 % bootstrap interval, F1 of each label, minutes to learn and answer.\n",
            markdown_table(head, rows),
            "## Ours (int8), from ever more quotes\n",
            markdown_table(["quotes", "macro-F1"], curve),
        ]
    )
