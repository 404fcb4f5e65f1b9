"""The label store -> a new model that serves, or the reasons why it does not: collect, train, evaluate, gate, promote. Calls, no logic of its own."""

import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from service.errors import Fault, InvalidInput, OnRecordError
from service.labels.store import LabelStore
from service.model_folder import ModelFolder
from service.registry import RETRAINED, Registry
from service.retrains import Point, Run, Runs, State
from service.settings import Settings
from training.assess import evaluate_folder
from training.candidate import Start, build_candidate
from training.config import ANY_INT8, RetrainConfig
from training.corrections import collect, read_counts, write_collected
from training.examples import QUOTES, read_split
from training.judge import Rules, judge
from training.warm import warm_start

# Where each stage begins on the way from 0 to 1, by what they take of a run of six minutes.
_BEGINS = {"collect": 0.0, "train": 0.02, "evaluate": 0.8, "gate": 0.98, "promote": 0.99}
_WRITE_SECONDS = 1.0


class Cancel:
    """A handler for the signal that cancels a run.

    It interrupts at once, as Ctrl-C does; and since a library may swallow what is raised inside one of its callbacks, or in a destructor, the run asks for
    `asked` whenever it tells how far it is.
    """

    def __init__(self) -> None:
        self.asked = False

    def __call__(self, signum: int, frame: object) -> None:
        self.asked = True
        raise KeyboardInterrupt


def retrain(run: str, settings: Settings, rules: Rules, quotes: Path = QUOTES, cancel: Cancel | None = None) -> Run:
    """Does the work of a run that waits, or goes on with one that was stopped; returns it as it ended.

    The model that serves is changed at the very end or not at all. Raises `Conflict` where another run is at work, `KeyboardInterrupt` where it is cancelled;
    whatever else goes wrong is told in the run.
    """
    runs = Runs(settings.retrains)
    with runs.holding(run):
        telling = Telling(runs, runs.get(run), cancel or Cancel())
        try:
            return _stages(telling, settings, rules, quotes)
        except KeyboardInterrupt:
            telling.end(State.CANCELLED)
            raise
        except OnRecordError as error:
            telling.end(State.FAILED, sentences=(str(error),))
            raise
        except BaseException as error:
            telling.end(State.FAILED, sentences=(f"{type(error).__name__}: {error}",))
            raise


class Telling:
    """Writes how far a run is, at most once a second where only its progress is another."""

    def __init__(self, runs: Runs, run: Run, cancel: Cancel) -> None:
        self._runs = runs
        self._cancel = cancel
        self._written = 0.0
        self.run = run
        self._tell(state=State.RUNNING, started=_now(), ended=None, sentences=(), curve=())

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """What is done in it belongs to that stage."""
        self._check()
        print(f"{name} ...", flush=True)
        self._tell(stage=name, progress=_BEGINS[name])
        yield

    def step(self, step: int, n_steps: int, figures: Mapping[str, float]) -> None:
        """One more step of the training; `figures` may hold its loss, or macro-F1 on validation."""
        self._check()
        begin, end = _BEGINS["train"], _BEGINS["evaluate"]
        self.run = replace(self.run, progress=round(begin + (end - begin) * step / n_steps, 4))
        if figures:
            self.run = replace(self.run, curve=(*self.run.curve, Point(step, **figures)))
        if time.monotonic() - self._written >= _WRITE_SECONDS:
            self._tell()

    def note(self, **fields: Any) -> None:
        """Something more that is known of the run."""
        self._tell(**fields)

    def end(self, state: State, **fields: Any) -> Run:
        """The last word on the run."""
        self._tell(state=state, ended=_now(), **fields)
        return self.run

    def _check(self) -> None:
        if self._cancel.asked:
            raise KeyboardInterrupt

    def _tell(self, **fields: Any) -> None:
        self.run = replace(self.run, **fields)
        self._runs.write(self.run)
        self._written = time.monotonic()


def _stages(telling: Telling, settings: Settings, rules: Rules, quotes: Path) -> Run:
    registry, folder = Registry(settings.models), Runs(settings.retrains).path(telling.run.id)
    served, name = registry.served_name(), f"{RETRAINED}{telling.run.id}"
    if served == name:  # it was stopped between its promotion and its last word
        return telling.end(State.PROMOTED, model=name, progress=1.0)
    telling.note(served=served)
    with telling.stage("collect"):
        telling.note(counts=_collect(telling.run.id, folder / "quotes", settings, rules.retrain, quotes))
    with telling.stage("train"):
        if not (settings.models / name).exists():
            _train(telling, folder / "quotes", registry.open(served), name, rules)
        telling.note(model=name)
    with telling.stage("evaluate"):
        # The baselines learn from all that was written, as for any other model: what is rehearsed would make them weak.
        evaluate_folder(settings.models / name, read_split("test", folder / "quotes"), read_split("train", quotes), folder / "report")
    with telling.stage("gate"):
        sentences = judge(registry, name, served, folder / "quotes", folder / "report", rules)
    if not sentences and telling.run.promote:
        with telling.stage("promote"):
            registry.promote_gated(name, by=telling.run.by, reason=f"{telling.run.reason} (retraining {telling.run.id})")
    state = State.REFUSED if sentences else State.PROMOTED if telling.run.promote else State.PASSED
    ended = telling.end(state, sentences=tuple(sentences), progress=1.0)
    with suppress(OSError):  # the run has ended well: what cannot be removed now can be the next time
        registry.prune(rules.retrain.models_kept)
    return ended


def _collect(run: str, folder: Path, settings: Settings, config: RetrainConfig, quotes: Path) -> dict[str, int]:
    """Collects the quotes, unless the run had done so before it was stopped."""
    counts = read_counts(folder)
    if counts is None:
        collected = collect(quotes, LabelStore(settings.labels).everything(), config, draw=run)
        if not collected.counts["train"]:
            raise InvalidInput(
                Fault("the store of labels", str(dict(collected.counts)), "agreed labels of statements that are not held out; POST /v1/quotes takes them")
            )
        write_collected(collected, folder)
        counts = dict(collected.counts)
    return counts


def _train(telling: Telling, quotes: Path, served: ModelFolder, name: str, rules: Rules) -> None:
    fit = replace(rules.config.fit, n_epochs=rules.retrain.n_epochs, learning_rate=rules.retrain.learning_rate)
    with tempfile.TemporaryDirectory() as work:
        start = Start(served.card.name, warm_start(served, Path(work)))
        # Its distance to int8 is among what the gate looks at, beside all else that it has to say.
        build_candidate(quotes, served.path.parent, name, replace(rules.config, fit=fit, export=ANY_INT8), start=start, tell=telling.step)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
