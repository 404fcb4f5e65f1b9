"""A new model and the one that serves -> all that speaks against changing them, kept in the registry, which `promote` asks. Calls, no logic of its own."""

from dataclasses import dataclass
from pathlib import Path

from service.classifier import classifier_of
from service.model_folder import replace_text
from service.registry import Registry
from training.assess import evaluate_folder
from training.config import Config, RetrainConfig
from training.corrections import read_aside
from training.evaluate import last_verdicts_of
from training.examples import read_split
from training.gate import Bars, int8_shortfalls, read_report, shortfalls
from training.promotion import compare, corrections_sentences, flips_as_markdown


@dataclass(frozen=True)
class Rules:
    """All that a retraining and its gate go by but the quotes."""

    config: Config
    retrain: RetrainConfig
    bars: Bars


def judge(registry: Registry, name: str, beside: str, quotes: Path, report: Path, rules: Rules) -> list[str]:
    """A sentence for all that speaks against serving `name` instead of `beside`, none where nothing does. What flipped between the two goes into flips.md.

    `quotes` has the test split, and labels that were kept aside if any were; `report` is the folder that `evaluate_folder` wrote on that split.
    """
    test, aside = read_split("test", quotes), read_aside(quotes)
    candidate = registry.open(name)
    old, new = classifier_of(registry.open(beside)), classifier_of(candidate)
    asked = [example.statement for example in (*test, *aside)]
    before, after = (last_verdicts_of(classifier, asked) for classifier in (old, new))
    comparison = compare(test, before[: len(test)], after[: len(test)], rules.retrain.promotion)
    replace_text(report / "flips.md", flips_as_markdown(comparison, old.name, new.name))
    sentences = [
        *shortfalls(read_report(report), rules.bars),
        *int8_shortfalls(candidate.card.results, rules.config.export),
        *comparison.sentences,
        *corrections_sentences(aside, before[len(test) :], after[len(test) :], rules.retrain.promotion),
    ]
    registry.keep_gate_verdict(name, sentences, beside=beside)
    return sentences


def judge_unless_judged(registry: Registry, name: str, quotes: Path, report: Path, rules: Rules) -> None:
    """Brings a model that no retraining made before the gate, with the written test quotes, unless it was compared with the one that serves already."""
    verdict, beside = registry.gate_verdict(name), registry.served_name()
    if verdict is None or verdict.beside != beside:
        evaluate_folder(registry.models / name, read_split("test", quotes), read_split("train", quotes), report)
        judge(registry, name, beside, quotes, report, rules)
