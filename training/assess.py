"""A model folder -> its whole report: figures beside the baselines', behaviour cases, pictures. Calls, no logic of its own."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from service.classifier import open_classifier
from training.baselines import baselines
from training.behaviour import pass_rates, read_cases
from training.evaluate import Report, evaluate
from training.examples import Example, labels_of
from training.pictures import draw_pictures
from training.report import write_report
from training.scores import macro_f1_interval


def evaluate_folder(model: Path, examples: Sequence[Example], train: Sequence[Example], folder: Path) -> Report:
    """Measures the model folder at `model`, and baselines that learn from `train`, on `examples`; writes report and pictures into `folder`."""
    classifier = open_classifier(model)
    report = evaluate(classifier, examples)
    chosen = baselines(train, [example.statement for example in examples])
    labels = np.array(labels_of(examples))
    report = replace(
        report,
        baselines={name: macro_f1_interval(labels, columns) for name, columns in chosen.items()},
        behaviour=pass_rates(classifier, read_cases()),
    )
    folder.mkdir(parents=True, exist_ok=True)
    draw_pictures(report, folder)
    write_report(report, folder)
    return report
