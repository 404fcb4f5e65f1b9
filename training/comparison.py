"""What a comparison found, and how it reads. Finding it is compare.py's."""

from dataclasses import dataclass

from service.stance import STANCES
from training.report import markdown_table
from training.scores import Interval


@dataclass(frozen=True)
class Way:
    """How one way fares: macro-F1, and F1 of each label in column order. `n_quotes` is what there was to learn from."""

    name: str
    n_quotes: int
    macro_f1: Interval
    f1: tuple[float, ...]


@dataclass(frozen=True)
class Comparison:
    """`ways` in the order of the table; `curve` is ours (int8) from ever more of the quotes; `n` counts the examples."""

    n: int
    ways: tuple[Way, ...]
    curve: tuple[Way, ...]


def as_markdown(comparison: Comparison) -> str:
    """The two tables, for a person."""
    figures = ["macro-F1", *map(str, STANCES)]
    return "\n".join(
        [
            f"# Ways to the same verdicts, on {comparison.n} examples\n",
            f"Macro-F1 with its 95 % bootstrap interval, and F1 of each label. All learn from the same {comparison.ways[0].n_quotes:,} quotes.\n",
            markdown_table(["way", *figures], [[way.name, *_figures(way)] for way in comparison.ways]),
            "## Ours (int8), from ever more quotes\n",
            "The same number of epochs, so that fewer quotes are fewer steps too.\n",
            markdown_table(["quotes", *figures], [[f"{way.n_quotes:,}", *_figures(way)] for way in comparison.curve]),
        ]
    )


def _figures(way: Way) -> list[str]:
    return [str(way.macro_f1), *(f"{f1:.3f}" for f1 in way.f1)]
