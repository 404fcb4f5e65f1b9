"""A report in memory -> a folder that people and programs read: report.json, report.md, predictions.jsonl. Pictures are pictures.py's."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from service.model_folder import replace_text
from service.stance import STANCES
from training.evaluate import Report

REPORT = "report.json"
PREDICTIONS = "predictions.jsonl"
_TOPICS_SHOWN = 20


def write_report(report: Report, folder: Path) -> None:
    """Writes the three files into `folder`, report.json last; makes the folder where there is none."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps(row, ensure_ascii=False) for row in _predictions(report))
    replace_text(folder / PREDICTIONS, "".join(f"{line}\n" for line in lines))
    replace_text(folder / "report.md", as_markdown(report))
    replace_text(folder / REPORT, json.dumps(as_json(report), indent=1) + "\n")


def as_json(report: Report) -> dict[str, Any]:
    """The figures of `report`, unrounded; the examples themselves stay out."""
    return {
        "model": report.model,
        "n": len(report.examples),
        "macro_f1": report.macro_f1.value,
        "macro_f1_interval": [report.macro_f1.low, report.macro_f1.high],
        "accuracy": report.accuracy,
        "labels": {label: asdict(score) for label, score in report.labels.items()},
        "calibration_error": report.calibration_error,
        "certain_share": report.certain_share,
        "certain_accuracy": report.certain_accuracy,
        "confusion": report.confusion,
        "precision_at_share_of_other": report.precision_at,
        "slices": {dimension: {value: asdict(score) for value, score in scores.items()} for dimension, scores in report.slices.items()},
        "baselines": {name: asdict(interval) for name, interval in report.baselines.items()},
        "behaviour": {group: asdict(rate) for group, rate in report.behaviour.items()},
    }


def as_markdown(report: Report) -> str:
    """The figures of `report` as tables, for a person."""
    shares = list(report.precision_at)
    parts = [
        f"# {report.model} on {len(report.examples)} examples\n",
        f"Macro-F1 **{report.macro_f1}** (95 % bootstrap interval), accuracy {report.accuracy:.3f}. Calibration error "
        f"{report.calibration_error:.3f}. Certain: {report.certain_share:.1%} of the verdicts, {report.certain_accuracy:.1%} of them right.\n",
        markdown_table(
            ["label", "precision", "recall", "F1", "n", *(f"precision at {float(share):.0%} other" for share in shares)],
            [
                [label, *(str(figure) for figure in (score.precision, score.recall, score.f1)), str(score.support)]
                + [f"{report.precision_at[share][label]:.3f}" for share in shares]
                for label, score in report.labels.items()
            ],
        ),
        "Beside it, on the same examples:\n",
        markdown_table(["way", "macro-F1"], [[report.model, str(report.macro_f1)], *([name, str(score)] for name, score in report.baselines.items())]),
        "## Confusion\n\nRows are the right label, columns the verdict.\n",
        markdown_table(["", *STANCES], [[label, *map(str, row)] for label, row in zip(STANCES, report.confusion, strict=True)]),
        "## Behaviour\n\nCases of data/behaviour.jsonl: the codebook's rules, changes that must change nothing, changes that must change the stance.\n",
        markdown_table(
            ["group", "n", "pass", "fail"], [[group, str(score.n), f"{score.rate:.0%}", " ".join(score.failed)] for group, score in report.behaviour.items()]
        ),
        "## Slices\n",
        markdown_table(
            ["slice", "n", "macro-F1", "accuracy"],
            [
                [f"{dimension}: {value}", str(score.n), str(score.macro_f1), f"{score.accuracy:.3f}"]
                for dimension, scores in report.slices.items()
                for value, score in list(scores.items())[:_TOPICS_SHOWN]
            ],
        ),
    ]
    return "\n".join(parts)


def _predictions(report: Report) -> list[dict[str, Any]]:
    return [
        {
            "id": example.id,
            "label": str(example.label),
            "stance": str(verdict.stance),
            "probability": round(verdict.probability, 6),
            "certain": verdict.certain,
            "text": example.statement.text,
            "context": example.statement.context,
        }
        for example, verdict in zip(report.examples, report.verdicts, strict=True)
    ]


def markdown_table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
