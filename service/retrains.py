"""Runs of retraining, each a folder: the service starts, shows and stops them; training does the work and writes how far it is. One runs at a time."""

import fcntl
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from service.errors import Conflict, NotFound, shown
from service.locks import held
from service.model_folder import replace_text

STAGES = ("collect", "train", "evaluate", "gate", "promote")
RUN, LOG = "run.json", "log.txt"
_LOCK, _TURN = ".lock", ".turn"  # of the run that works, and of whoever is about to start one
_STARTING_SECONDS = 60  # in which a run that waits may not hold the lock yet: Python and torch have to be read from the disk first
_NAME, _NAMED = "%Y%m%d-%H%M%S-%f", re.compile(r"\d{8}-\d{6}-\d{6}")
_ROOT = Path(__file__).resolve().parent.parent


class State(StrEnum):
    """How a run is, or how it ended."""

    WAITING = "waiting"  # for its process to begin
    RUNNING = "running"
    PROMOTED = "promoted"  # its model serves
    PASSED = "passed"  # its model may serve, but was not to be promoted
    REFUSED = "refused"  # by the gate; the model that served serves on
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"  # its process is gone; it can be resumed


ENDED = frozenset({State.PROMOTED, State.PASSED, State.REFUSED, State.FAILED, State.CANCELLED, State.INTERRUPTED})
RESUMABLE = frozenset({State.INTERRUPTED, State.CANCELLED, State.FAILED})


@dataclass(frozen=True)
class Point:
    """Of the learning curve: `step` of all steps, and the loss, or macro-F1 on validation, there."""

    step: int
    loss: float | None = None
    macro_f1: float | None = None


@dataclass(frozen=True)
class Run:
    """One retraining.

    `progress` of all STAGES together is in [0, 1]; times are ISO 8601 in UTC. `served` is the model that the candidate `model` is compared with, `sentences`
    are what the gate, or an error, had to say, `counts` how many quotes went where.
    """

    id: str
    by: str
    reason: str
    created: str
    promote: bool = True
    state: State = State.WAITING
    stage: str | None = None
    progress: float = 0.0
    started: str | None = None
    ended: str | None = None
    model: str | None = None
    served: str | None = None
    sentences: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    curve: tuple[Point, ...] = ()


class Runs:
    """The runs below one folder."""

    def __init__(self, folder: Path, command: Sequence[str] = ()) -> None:
        """`command`, with the id of a run behind it, does the work of that run; by default that is `python -m training retrain`."""
        self.folder = folder
        self._command = tuple(command)

    def create(self, by: str, reason: str, *, promote: bool = True) -> Run:
        """A run that waits for its process. Raises `Conflict` while another one waits or runs."""
        with held(self.folder / _TURN):
            self._check_idle()
            now = datetime.now(UTC)
            name = self._name(now)
            (self.folder / name).mkdir(parents=True)
            run = Run(name, by, reason, now.isoformat(timespec="seconds"), promote)
            try:
                self.write(run)
            except OSError:  # a full disk; what could be written of it would take up more
                shutil.rmtree(self.folder / name, ignore_errors=True)
                raise
            return run

    def get(self, run: str) -> Run:
        """The run of that id; one whose process is gone is interrupted. Raises `NotFound`."""
        return self._as_it_is(run, self.running())

    def listed(self) -> list[Run]:
        """All runs, newest first."""
        running = self.running()
        names = sorted((path.parent.name for path in self.folder.glob(f"*/{RUN}")), reverse=True)
        return [self._as_it_is(name, running) for name in names]

    def running(self) -> str | None:
        """The id of the run whose process holds the lock."""
        try:
            with (self.folder / _LOCK).open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return None
        except BlockingIOError:
            return (self.folder / _LOCK).read_text(encoding="utf-8").partition(" ")[0] or None
        except OSError:
            return None

    def write(self, run: Run) -> None:
        """Keeps the run as it is now; a reader finds it as a whole, before or after."""
        replace_text(self.folder / run.id / RUN, json.dumps(asdict(run), ensure_ascii=False) + "\n")

    def path(self, run: str) -> Path:
        """The folder of a run. Raises `NotFound`."""
        if not run.replace("-", "").isdecimal() or not run.isascii() or not (self.folder / run / RUN).is_file():
            raise NotFound(f"there is no retraining {shown(run)}; GET /v1/retrains lists those that there are")
        return self.folder / run

    def log_tail(self, run: str, n_lines: int = 40) -> list[str]:
        """The last lines that the process of a run has printed; of a progress bar, its last state."""
        try:
            with (self.path(run) / LOG).open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - 65_536))
                text = log.read().decode("utf-8", errors="replace")
        except FileNotFoundError:
            return []
        return _unrolled(text)[-n_lines:]

    def check_installed(self) -> None:
        """Raises `Conflict` where training is not installed."""
        if not self._command and importlib.util.find_spec("torch") is None:
            raise Conflict("retraining needs PyTorch and what else training is made of; `make install` brings it")

    def start(self, run: Run, environment: Mapping[str, str]) -> None:
        """Starts the process of a run, which goes on when this one ends; `environment` tells it where models, labels and runs are."""
        command = [*(self._command or (sys.executable, "-m", "training", "retrain", "--run")), run.id]
        with (self.path(run.id) / LOG).open("ab") as log:
            with suppress(BlockingIOError):  # an earlier process of this run may be on its way out
                fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the new one holds it, with its output, for as long as it is there
            process = subprocess.Popen(  # noqa: S603 - our own command
                command, cwd=_ROOT, env=os.environ | dict(environment), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        threading.Thread(target=process.wait, daemon=True).start()  # so that it is no zombie when it has ended

    def resume(self, run: str) -> Run:
        """Makes an interrupted, cancelled or failed run wait for a process once more. Raises `Conflict` for any other, and while another one runs."""
        with held(self.folder / _TURN):
            found = self.get(run)
            if found.state not in RESUMABLE:
                raise Conflict(f"the retraining {run} is {found.state}; start a new one")
            self._check_idle()
            again = replace(found, state=State.WAITING, created=datetime.now(UTC).isoformat(timespec="seconds"), ended=None, sentences=())
            self.write(again)
            return again

    def cancel(self, run: str) -> None:
        """Asks the process of a run to end. Raises `Conflict` where it does not run."""
        self.path(run)
        if self.running() != run:
            raise Conflict(f"the retraining {run} does not run; it is {self.get(run).state}")
        pid = int((self.folder / _LOCK).read_text(encoding="utf-8").split()[1])
        os.kill(pid, signal.SIGTERM)

    @contextmanager
    def holding(self, run: str) -> Iterator[None]:
        """What a run's process does its work in. Raises `Conflict` where another one does so, or the run has ended for good."""
        if (state := self._read(run).state) in ENDED - RESUMABLE:
            raise Conflict(f"the retraining {run} is {state}; start a new one")
        with (self.folder / _LOCK).open("a+", encoding="utf-8") as lock:
            for attempt in range(20):  # whoever looks holds it for a moment
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if attempt == 19:
                        raise Conflict("another retraining runs already") from None
                    threading.Event().wait(0.1)
            lock.truncate(0)
            lock.write(f"{run} {os.getpid()}")
            lock.flush()
            yield

    def _read(self, run: str) -> Run:
        row: dict[str, Any] = json.loads((self.path(run) / RUN).read_text(encoding="utf-8"))
        curve = tuple(Point(**point) for point in row["curve"])
        return Run(**(row | {"state": State(row["state"]), "sentences": tuple(row["sentences"]), "curve": curve}))

    def _as_it_is(self, name: str, running: str | None) -> Run:
        run = self._read(name)
        if run.state in ENDED or running == run.id:
            return run
        if run.state is State.WAITING and self._is_starting(run):
            return run
        run = self._read(name)  # it may have written its last word, or begun, since we looked who runs
        return run if run.state in ENDED or self.running() == run.id else replace(run, state=State.INTERRUPTED)

    def _is_starting(self, run: Run) -> bool:
        """Whether the process of a run that waits is there, or is about to be: then the run is so young, by a clock that may have been set since."""
        with suppress(OSError), (self.path(run.id) / LOG).open("rb") as log:
            try:
                fcntl.flock(log, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return timedelta(0) <= datetime.now(UTC) - datetime.fromisoformat(run.created) < timedelta(seconds=_STARTING_SECONDS)

    def _name(self, now: datetime) -> str:
        """The time; or, where the clock was set back, the next after the newest run's, so that names keep the order in which runs were made."""
        name = now.strftime(_NAME)
        newest = max((path.parent.name for path in self.folder.glob(f"*/{RUN}") if _NAMED.fullmatch(path.parent.name)), default="")
        return name if newest < name else (datetime.strptime(newest, _NAME) + timedelta(microseconds=1)).strftime(_NAME)

    def _check_idle(self) -> None:
        busy = self.running() or next((run.id for run in self.listed()[:10] if run.state is State.WAITING), None)
        if busy is not None:
            raise Conflict(f"the retraining {busy} runs already; wait for it, or cancel it")


def _unrolled(text: str) -> list[str]:
    """Lines as a terminal shows them: a carriage return begins its line anew."""
    return [line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n") if line.strip()]
