"""Command line -> training: train, evaluate, errors, compare, gate, retrain, promote, rollback, release."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from service.errors import GateRefused, OnRecordError
from service.registry import Registry
from service.retrains import Runs, State
from service.settings import MODELS, read_settings
from training.config import RETRAIN_TOML, TRAIN_TOML, read_config, read_retrain_config
from training.examples import QUOTES, read_examples, read_split
from training.gate import GATE_TOML, drift, read_bars, read_report, shortfalls

REPORTS = Path("build/reports")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command. Returns 0, 1 where a bar is missed, 2 for input that cannot be used, 130 after Ctrl-C."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run_command(options)
    except GateRefused as error:
        print(error, file=sys.stderr)
        return 1
    except OnRecordError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped; nothing half-made is left behind", file=sys.stderr)
        return 130
    return code


def _train(options: argparse.Namespace) -> int:
    # Torch takes seconds to import; `gate` and a mistyped option need not wait for it.
    from training.candidate import build_candidate  # noqa: PLC0415

    folder = build_candidate(options.quotes, options.models, options.name, read_config(options.config))
    results = folder.card.results
    print(f"{folder.path}: macro-F1 {results['macro_f1']:.3f} on {results['n']} test quotes")
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    from training.assess import evaluate_folder  # noqa: PLC0415

    report = evaluate_folder(options.model, read_examples(options.examples), read_split("train", options.quotes), options.report)
    print(f"{options.report / 'report.md'}: macro-F1 {report.macro_f1.value:.3f} on {len(report.examples)} examples")
    for name, interval in report.baselines.items():
        print(f"  beside it, {name}: {interval.value:.3f}")
    return 0


def _errors(options: argparse.Namespace) -> int:
    from service.classifier import open_classifier  # noqa: PLC0415
    from training.evaluate import verdicts_of  # noqa: PLC0415
    from training.mistakes import find_mistakes, write_page  # noqa: PLC0415

    examples = read_examples(options.examples)
    classifier = open_classifier(options.model)
    mistakes = find_mistakes(classifier, examples, verdicts_of(classifier, [example.statement for example in examples]))
    write_page(mistakes, len(examples), classifier.name, options.html)
    print(f"{options.html}: {len(mistakes)} of {len(examples)} examples are wrong")
    return 0


def _compare(options: argparse.Namespace) -> int:
    from training.compare import compare  # noqa: PLC0415
    from training.comparison import as_markdown  # noqa: PLC0415

    comparison = compare(options.quotes, read_examples(options.examples), read_config(options.config), options.report, options.model)
    print(as_markdown(comparison))
    return 0


def _gate(options: argparse.Namespace) -> int:
    report = read_report(options.report)
    bars = read_bars(options.bars)
    sentences = shortfalls(report, bars)
    if options.same_as is not None:
        sentences += drift(options.report, options.same_as, bars.seed_noise)
    for sentence in sentences:
        print(sentence)
    if not sentences:
        print(f"{report['model']} may serve: macro-F1 {report['macro_f1']:.3f} on {report['n']} examples, every bar reached.")
    return 1 if sentences else 0


def _retrain(options: argparse.Namespace) -> int:
    from training.judge import Rules  # noqa: PLC0415
    from training.retrain import Cancel, retrain  # noqa: PLC0415

    os.nice(options.nice)  # whoever asks the service comes first
    cancel = Cancel()
    signal.signal(signal.SIGTERM, cancel)
    settings = read_settings(os.environ)
    rules = Rules(read_config(options.config), read_retrain_config(options.retrain_config), read_bars(options.bars))
    run = options.run or Runs(settings.retrains).create(options.by, options.reason, promote=not options.no_promote).id
    ended = retrain(run, settings, rules, options.quotes, cancel)
    for sentence in ended.sentences:
        print(sentence)
    print(f"{ended.model}: {ended.state}; the report is in {settings.retrains / run / 'report'}")
    return 1 if ended.state is State.REFUSED else 0


def _promote(options: argparse.Namespace) -> int:
    from service.classifier import try_out  # noqa: PLC0415
    from training.judge import Rules, judge_unless_judged  # noqa: PLC0415

    registry = Registry(read_settings(os.environ).models)
    try_out(registry.open(options.model))
    if options.force:
        promotion = registry.promote(options.model, by=options.by, reason=options.force, forced=True)
    else:
        rules = Rules(read_config(), read_retrain_config(), read_bars())
        judge_unless_judged(registry, options.model, options.quotes, options.report or REPORTS / options.model, rules)
        promotion = registry.promote_gated(options.model, by=options.by, reason=options.reason)
    print(f"{promotion.model} serves instead of {promotion.former}")
    return 0


def _rollback(options: argparse.Namespace) -> int:
    from service.classifier import try_out  # noqa: PLC0415

    promotion = Registry(read_settings(os.environ).models).rollback(options.model, by=options.by, reason=options.reason, check=try_out)
    print(f"{promotion.model} serves instead of {promotion.former}")
    return 0


def _release(options: argparse.Namespace) -> int:
    from service.model_folder import open_model_folder  # noqa: PLC0415
    from training.release import release  # noqa: PLC0415

    folder = release(open_model_folder(options.model), options.models)
    print(f"{folder.path}: {folder.card.name}, {sum(file.stat().st_size for file in folder.path.rglob('*') if file.is_file()) / 1e6:.1f} MB")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description="Train, evaluate and gate the model that On Record serves.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    train = commands.add_parser("train", help="fine-tune on data/quotes and write a candidate model folder")
    train.add_argument("--quotes", type=Path, default=QUOTES, metavar="DIR", help="folder with train, validation and test.jsonl (%(default)s)")
    train.add_argument("--models", type=Path, default=MODELS, metavar="DIR", help="where the model folder is made (%(default)s)")
    train.add_argument("--name", default=f"{datetime.now(UTC):%Y%m%d-%H%M%S}", help="of the model folder (the time, %(default)s)")
    train.add_argument("--config", type=Path, default=TRAIN_TOML, metavar="FILE", help="hyper-parameters (%(default)s)")
    train.set_defaults(run_command=_train)

    evaluate = commands.add_parser("evaluate", help="measure a model folder on labelled examples")
    evaluate.add_argument("--model", type=Path, required=True, metavar="DIR", help="model folder")
    evaluate.add_argument("--examples", type=Path, required=True, metavar="FILE", help="JSON Lines: text, label; context, form, topic if known")
    evaluate.add_argument("--report", type=Path, required=True, metavar="DIR", help="where report.json, report.md and the pictures go")
    evaluate.add_argument("--quotes", type=Path, default=QUOTES, metavar="DIR", help="whose train.jsonl the baselines learn from (%(default)s)")
    evaluate.set_defaults(run_command=_evaluate)

    errors = commands.add_parser("errors", help="show what a model got wrong, and which words led it there, as a page")
    errors.add_argument("--model", type=Path, required=True, metavar="DIR", help="model folder")
    errors.add_argument("--examples", type=Path, required=True, metavar="FILE", help="JSON Lines: text, label; context if known")
    errors.add_argument("--html", type=Path, required=True, metavar="FILE", help="where the page goes")
    errors.set_defaults(run_command=_errors)

    compare = commands.add_parser("compare", help="measure other ways beside ours, and our learning curve, on one file (half an hour and more)")
    compare.add_argument("--model", type=Path, metavar="DIR", help="a model that `train` made of these quotes, which spares training it again")
    compare.add_argument("--examples", type=Path, required=True, metavar="FILE", help="JSON Lines: text, label; context if known")
    compare.add_argument("--report", type=Path, required=True, metavar="DIR", help="where compare.json, compare.md, compare.png and the models go")
    compare.add_argument("--quotes", type=Path, default=QUOTES, metavar="DIR", help="what all learn from (%(default)s)")
    compare.add_argument("--config", type=Path, default=TRAIN_TOML, metavar="FILE", help="hyper-parameters (%(default)s)")
    compare.set_defaults(run_command=_compare)

    gate = commands.add_parser("gate", help="say which bars a report misses; exit code 1 if any")
    gate.add_argument("--report", type=Path, required=True, metavar="DIR", help="folder that `evaluate` wrote")
    gate.add_argument("--same-as", type=Path, metavar="DIR", help="a report on the same examples, which this one may differ from by chance only")
    gate.add_argument("--bars", type=Path, default=GATE_TOML, metavar="FILE", help="the bars (%(default)s)")
    gate.set_defaults(run_command=_gate)

    _add_serving_commands(commands)

    release = commands.add_parser("release", help="make a model folder the one that the project ships")
    release.add_argument("--model", type=Path, required=True, metavar="DIR", help="model folder")
    release.add_argument("--models", type=Path, default=MODELS, metavar="DIR", help="where `released` is (%(default)s)")
    release.set_defaults(run_command=_release)
    return parser


def _add_serving_commands(commands: Any) -> None:
    retrain = commands.add_parser("retrain", help="train on from the served model with the labels of the store; it serves where the gate lets it pass")
    retrain.add_argument("--run", metavar="ID", help="a run that the service made, or one that was stopped, to go on with")
    _add_who(retrain, "why a new model is wanted")
    retrain.add_argument("--no-promote", action="store_true", help="stop behind the gate")
    retrain.add_argument("--quotes", type=Path, default=QUOTES, metavar="DIR", help="the written quotes (%(default)s)")
    retrain.add_argument("--config", type=Path, default=TRAIN_TOML, metavar="FILE", help="hyper-parameters (%(default)s)")
    retrain.add_argument("--retrain-config", type=Path, default=RETRAIN_TOML, metavar="FILE", help="what is different in a retraining (%(default)s)")
    retrain.add_argument("--bars", type=Path, default=GATE_TOML, metavar="FILE", help="the bars (%(default)s)")
    retrain.add_argument("--nice", type=int, default=10, metavar="N", help="how far to stand back behind other processes, 0 to 19 (%(default)s)")
    retrain.set_defaults(run_command=_retrain)

    promote = commands.add_parser("promote", help="let a model serve where the gate lets it pass beside the one that serves")
    promote.add_argument("model", metavar="NAME", help="of a folder in data/models")
    _add_who(promote, "why")
    promote.add_argument("--quotes", type=Path, default=QUOTES, metavar="DIR", help="whose test.jsonl the two are compared on (%(default)s)")
    promote.add_argument("--report", type=Path, metavar="DIR", help=f"where the report goes of a model that the gate has not seen ({REPORTS / 'NAME'})")
    promote.add_argument("--force", metavar="REASON", help="overrule the gate; the reason is recorded")
    promote.set_defaults(run_command=_promote)

    rollback = commands.add_parser("rollback", help="let an earlier model serve again")
    rollback.add_argument("model", nargs="?", metavar="NAME", help="one that served before (the one before this)")
    _add_who(rollback, "why")
    rollback.set_defaults(run_command=_rollback)


def _add_who(command: argparse.ArgumentParser, why: str) -> None:
    command.add_argument("--by", default=os.environ.get("USER") or "somebody", metavar="NAME", help="who wants it (%(default)s)")
    command.add_argument("--reason", default="from the command line", metavar="TEXT", help=f"{why} (%(default)s)")


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    sys.exit(main())
