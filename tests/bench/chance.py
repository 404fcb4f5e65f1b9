"""python -m tests.bench.chance: how far chance alone moves a model that is retrained, on the quotes that the gate asks about.

The released model is retrained on the same few labels several times, beside another draw of the written quotes each time. What differs between those models
is chance, and none of them should be refused for it. Nothing is kept. A run takes two minutes on two cores.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from service.classifier import open_classifier
from service.labels.quote import Change, Kind, Quote, Source
from service.model_folder import RELEASED, open_model_folder
from service.settings import MODELS
from service.stance import STANCES, Stance, Verdict
from service.statements.statement import Statement
from training.candidate import Start, build_candidate
from training.config import ANY_INT8, read_config, read_retrain_config
from training.corrections import collect, write_collected
from training.evaluate import columns_of, last_verdicts_of
from training.examples import QUOTES, labels_of, read_split
from training.promotion import compare, slices_of
from training.scores import Columns, Floats, confusion, macro_f1, precision_recall_f1
from training.warm import warm_start

console = Console(soft_wrap=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", type=Path, default=Path(__file__).with_name("idioms.jsonl"), help="labelled quotes (%(default)s)")
    parser.add_argument("--labels", type=int, default=3, help="how many of them are taught (%(default)s)")
    parser.add_argument("--runs", type=int, default=6, help="(%(default)s)")
    options = parser.parse_args()

    lines = options.file.read_text(encoding="utf-8").splitlines()[: options.labels]
    labelled = [_labelled(json.loads(line)) for line in lines]
    served = _asked(MODELS / RELEASED)
    given = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.runs):
            given.append(_asked(_retrained(Path(folder), labelled, f"draw {number}")))
            comparison = compare(read_split("test"), served, given[-1], read_retrain_config().promotion)
            console.print(f"run {number + 1} of {options.runs}: macro-F1 {comparison.difference.value:+.4f}", *comparison.sentences, sep="\n  ")

    table = Table("on the test split", "quotes", "as it serves", "mean of the runs", "least", "most", "standard deviation")
    for name, n, before, figures in _figures(columns_of(served), [columns_of(verdicts) for verdicts in given]):
        cells = (before, figures.mean(), figures.min(), figures.max(), figures.std(ddof=1))
        table.add_row(name, str(n), *(f"{figure:.4f}" for figure in cells))
    console.print(table)


def _figures(served: Columns, chosen: Sequence[Columns]) -> Iterator[tuple[str, int, float, Floats]]:
    """What the gate compares: its name, how many quotes it is of, its figure as the model serves, and those of the runs."""
    examples = read_split("test")
    labels = np.array(labels_of(examples))
    for name, rows in [("all", np.arange(len(examples))), *slices_of(examples, read_retrain_config().promotion.least_slice)]:
        figures = [float(macro_f1(confusion(labels[rows], columns[rows]))) for columns in (served, *chosen)]
        yield f"macro-F1, {name}", len(rows), figures[0], np.array(figures[1:])
    by_label = np.array([precision_recall_f1(confusion(labels, columns))[2] for columns in (served, *chosen)])
    for column, stance in enumerate(STANCES):
        yield f"F1 of {stance}", int((labels == column).sum()), float(by_label[0, column]), by_label[1:, column]


def _retrained(folder: Path, labelled: list[Quote], draw: str) -> Path:
    config, retraining, served = read_config(), read_retrain_config(), open_model_folder(MODELS / RELEASED)
    fit = replace(config.fit, n_epochs=retraining.n_epochs, learning_rate=retraining.learning_rate)
    name = draw.replace(" ", "-")
    write_collected(collect(QUOTES, labelled, replace(retraining, share_aside=0.0), draw), folder / "quotes" / name)
    start = Start(RELEASED, warm_start(served, folder / "start"))
    return build_candidate(folder / "quotes" / name, folder / "models", name, replace(config, fit=fit, export=ANY_INT8), start=start).path


def _labelled(row: dict[str, str]) -> Quote:
    label = Change(Kind.LABEL, "bench", datetime.now(UTC), Source.API, Stance(row["label"]))
    return Quote(Statement(row["text"], row.get("context")), (label,))


def _asked(model: Path) -> list[Verdict]:
    return last_verdicts_of(open_classifier(model), [example.statement for example in read_split("test")])


if __name__ == "__main__":
    main()
