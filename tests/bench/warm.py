"""python -m tests.bench.warm: 500 corrected quotes beside 9,000 written ones, learned by a retraining and by a full training, in one run.

9,000 of the written quotes, whole stories, make a model that serves in int8. It is asked about the other stories: of those that it gets wrong, 500 are
labelled, and the stories that have none of these show what is learned beyond them. Then `python -m training retrain` goes on from the served model, and a
full training begins with the bare encoder. Nothing is kept. It takes half an hour on two cores.
"""

import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from rich.console import Console

from service.classifier import open_classifier
from service.labels.quote import Change, Kind, Quote, Source
from service.labels.store import LabelStore
from service.model_folder import RELEASED
from service.registry import RETRAINED
from service.retrains import Runs
from service.settings import Settings
from training.assess import evaluate_folder
from training.candidate import build_candidate
from training.config import ANY_INT8, read_config, read_retrain_config
from training.corrections import collect, write_collected
from training.evaluate import columns_of, last_verdicts_of
from training.examples import QUOTES, SPLITS, Example, labels_of, place_of, read_split
from training.gate import read_bars
from training.judge import Rules
from training.release import release
from training.retrain import retrain
from training.scores import Columns, confusion, macro_f1

_N_WRITTEN, _N_LABELLED = 9_000, 500
console = Console(soft_wrap=True)


@dataclass(frozen=True)
class Asked:
    """What a model is measured on: the test split of the 9,000, and other stories, of which the served model got some right and others wrong."""

    test: Sequence[Example]
    right: Sequence[Example]
    wrong: Sequence[Example]


def main() -> None:
    rules = Rules(read_config(), read_retrain_config(), read_bars())
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(models=Path(folder, "models"), labels=f"sqlite:///{folder}/labels.db", retrains=Path(folder, "retrains"))
        quotes, others = Path(folder, "quotes"), _split_off(Path(folder, "quotes"))
        seconds = _timed(lambda: release(build_candidate(quotes, settings.models, "first", replace(rules.config, export=ANY_INT8)), settings.models))
        asked = _label(settings, quotes, others)
        _tell("as it serves", seconds, settings.models / RELEASED, asked)

        run = Runs(settings.retrains).create(by="bench", reason="500 corrected quotes", promote=False)
        seconds = _timed(lambda: retrain(run.id, settings, rules, quotes))
        _tell("retrained", seconds, settings.models / f"{RETRAINED}{run.id}", asked)
        ended = Runs(settings.retrains).get(run.id)
        console.print(f"the gate's word: {ended.state}", *ended.sentences, sep="\n  ")

        everything, taught = replace(rules.retrain, share_rehearsed=1.0), Path(folder, "taught")

        def full() -> None:
            write_collected(collect(quotes, LabelStore(settings.labels).everything(), everything, draw=run.id), taught)
            build_candidate(taught, settings.models, "full", replace(rules.config, export=ANY_INT8))
            evaluate_folder(settings.models / "full", read_split("test", taught), read_split("train", quotes), Path(folder, "report"))

        _tell("trained in full", _timed(full), settings.models / "full", asked)


def _split_off(folder: Path) -> list[Example]:
    """Writes the three splits of 9,000 quotes, whole stories, below `folder`; returns what is left of the train split."""
    splits = {name: read_split(name) for name in SPLITS}
    share = _N_WRITTEN / sum(map(len, splits.values()))
    folder.mkdir()
    for name in SPLITS:
        lines = (QUOTES / f"{name}.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
        (folder / f"{name}.jsonl").write_text("".join(line for line in lines if place_of(json.loads(line)["story"]) < share), encoding="utf-8")
    others = [example for example in splits["train"] if place_of(str(example.story)) >= share]
    console.print(f"{sum(len(read_split(name, folder)) for name in SPLITS)} quotes of the three splits, {len(others)} of other stories")
    return others


def _label(settings: Settings, quotes: Path, others: Sequence[Example]) -> Asked:
    """Labels 500 of the quotes that the served model gets wrong, by half of the stories, and tells what of the other half is asked."""
    is_right = _chosen(settings.models / RELEASED, others) == labels_of(others)
    half = np.array([place_of(f"half {example.story}") < 0.5 for example in others])
    wrong = [others[row] for row in np.flatnonzero(~is_right & half)]
    wrong += [others[row] for row in np.flatnonzero(is_right & half)][: max(0, _N_LABELLED - len(wrong))]
    LabelStore(settings.labels).merge([_labelled(example) for example in wrong[:_N_LABELLED]])
    rest = (is_right & ~half, ~is_right & ~half)
    return Asked(read_split("test", quotes), *([others[row] for row in np.flatnonzero(rows)] for rows in rest))


def _labelled(example: Example) -> Quote:
    return Quote(example.statement, (Change(Kind.LABEL, "bench", datetime.now(UTC), Source.API, example.label),), example.story)


def _tell(what: str, seconds: float, model: Path, asked: Asked) -> None:
    score = macro_f1(confusion(np.array(labels_of(asked.test)), _chosen(model, asked.test)))
    right, wrong = ((_chosen(model, examples) == labels_of(examples)).mean() for examples in (asked.right, asked.wrong))
    console.print(f"{what}: {seconds:.0f} s, macro-F1 on {len(asked.test)} test quotes {score:.3f}; of other stories, of {len(asked.right)} that were right")
    console.print(f"  {right:.1%} are right, of {len(asked.wrong)} that were wrong {wrong:.1%}")


def _chosen(model: Path, examples: Sequence[Example]) -> Columns:
    return columns_of(last_verdicts_of(open_classifier(model), [example.statement for example in examples]))


def _timed(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


if __name__ == "__main__":
    main()
