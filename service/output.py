"""Statements with verdicts -> a table to look at, JSON Lines or CSV."""

import csv
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TextIO

from service.stance import STANCES, Stance, Verdict

HINT = "?  under the model's threshold: look at it yourself"
_STYLES = {Stance.CONFIRM: "green", Stance.DENY: "red", Stance.THREAT: "bold magenta", Stance.APPEAL: "blue", Stance.OTHER: "dim"}


@dataclass(frozen=True)
class Layout:
    """The fields of a row in the order of the output, and those that a table has room for: left of the verdict all but the last, which is the widest."""

    fields: tuple[str, ...]
    shown: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """What is known of a statement by the fields of its layout, and the caller's own beside them."""

    fields: dict[str, Any]
    verdict: Verdict
    others: dict[str, Any] = field(default_factory=dict)


def write_table(rows: Iterable[Row], layout: Layout, out: TextIO) -> None:
    """A table as wide as the terminal, with a question mark at what is not certain."""
    from rich.console import Console  # noqa: PLC0415 - the other formats start faster without it
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False)
    for name in layout.shown[:-1]:
        table.add_column(name, ratio=1)
    table.add_column("stance", no_wrap=True)
    table.add_column("probability", justify="right", no_wrap=True)
    table.add_column("statement", ratio=3)
    n_rows = 0
    for row in rows:
        n_rows += 1
        unsure = "" if row.verdict.certain else " ?"
        cells = [Text(_line(row.fields[name])) for name in layout.shown]
        table.add_row(*cells[:-1], Text(f"{row.verdict.stance}{unsure}", style=_STYLES[row.verdict.stance]), f"{row.verdict.probability:.2f}", cells[-1])
    console = Console(file=out)
    if n_rows:
        console.print(table)
        console.print(Text(HINT, style="dim"))
    else:
        console.print("no statements found")


def write_json_lines(rows: Iterable[Row], layout: Layout, out: TextIO) -> None:
    """All fields; the caller's own come first."""
    for row in rows:
        out.write(json.dumps(row.others | row.fields | _verdict(row.verdict), ensure_ascii=False) + "\n")


def write_csv(rows: Iterable[Row], layout: Layout, out: TextIO) -> None:
    """All of our fields, those that hold several values flattened (`speaker` is its name), under one head line."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*layout.fields, "stance", "probability", *STANCES, "certain", "truncated"])
    for row in rows:
        shares = [f"{probability:.6f}" for probability in (row.verdict.probability, *row.verdict.probabilities)]
        flags = [str(flag).lower() for flag in (row.verdict.certain, row.verdict.truncated)]
        writer.writerow([*(_flat(row.fields[name]) for name in layout.fields), row.verdict.stance, *shares, *flags])


def _line(value: Any) -> str:
    return " ".join(str(_flat(value) or "").split())


def _flat(value: Any) -> Any:
    if isinstance(value, dict):
        return value.get("name", value.get("text"))
    return json.dumps(value) if isinstance(value, list | tuple) else value


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "stance": verdict.stance,
        "probability": round(verdict.probability, 6),
        "probabilities": {str(stance): round(share, 6) for stance, share in zip(STANCES, verdict.probabilities, strict=True)},
        "certain": verdict.certain,
        "truncated": verdict.truncated,
    }


WRITERS = {"table": write_table, "jsonl": write_json_lines, "csv": write_csv}
