"""The folder of models -> which of them serves, which did before, and who said so. Whether a model may serve is the gate's to say, in training."""

import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from service.errors import Fault, GateRefused, InvalidInput, InvalidModelFolder, NotFound, shown
from service.locks import held
from service.model_folder import RELEASED, SERVED, Card, ModelFolder, open_model_folder, read_card, replace_text, served_name

HISTORY = "promotions.jsonl"
GATE = "gate.json"
RETRAINED = "retrain-"  # what the names of models begin with that retrainings made
_LOCK = ".lock"


@dataclass(frozen=True)
class Promotion:
    """That `model` serves from `at` (UTC) on instead of `former`, as `by` wanted. `forced` is a reason given in place of the gate's consent."""

    model: str
    former: str
    at: str
    by: str
    reason: str
    kind: str = "promotion"  # or "rollback"
    forced: bool = False
    sentences: tuple[str, ...] = ()  # what the gate had against it


@dataclass(frozen=True)
class GateVerdict:
    """What the gate said of a model beside the one that served then: a sentence for each bar that it missed."""

    beside: str
    sentences: tuple[str, ...]
    at: str


@dataclass(frozen=True)
class Listed:
    """A model as the list of them shows it: its card, or the problem with its folder."""

    name: str
    is_served: bool
    card: Card | None
    gate: GateVerdict | None
    problem: str | None
    promotions: tuple[Promotion, ...]


class Registry:
    """The models below one folder. What it writes is there as a whole or not at all, also after kill -9."""

    def __init__(self, models: Path) -> None:
        self.models = models

    def served_name(self) -> str:
        """The name of the model that is to serve. Raises `InvalidModelFolder` where that is no name."""
        return served_name(self.models)

    def mark(self) -> int | None:
        """Another value each time that a model was told to serve; cheap to ask for."""
        try:
            return (self.models / SERVED).stat().st_mtime_ns
        except OSError:
            return None

    def open(self, name: str) -> ModelFolder:
        """The model of that name, checked. Raises `NotFound`, or `InvalidModelFolder` for one that is damaged or not of this version."""
        if not _is_name(name) or not (self.models / name).is_dir():
            raise NotFound(f"there is no model {shown(name)}; GET /v1/models lists those that there are")
        return open_model_folder(self.models / name)

    def gate_verdict(self, name: str) -> GateVerdict | None:
        """The last one on the model of that name; None where the gate has not seen it."""
        try:
            row = json.loads((self.models / name / GATE).read_text(encoding="utf-8"))
            return GateVerdict(row["beside"], tuple(row["sentences"]), row["at"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep_gate_verdict(self, name: str, sentences: Sequence[str], *, beside: str) -> None:
        """Writes what the gate says of the model of that name, compared with `beside`."""
        verdict = GateVerdict(beside, tuple(sentences), datetime.now(UTC).isoformat(timespec="seconds"))
        replace_text(self.models / name / GATE, json.dumps(asdict(verdict), indent=1, ensure_ascii=False) + "\n")

    def promote_gated(self, name: str, *, by: str, reason: str) -> Promotion:
        """Promotes a model that the gate let pass beside the one that serves now. Raises `GateRefused` where it did not, and `promote` has to be forced."""
        with held(self.models / _LOCK):
            verdict = self.gate_verdict(name)
            if verdict is None:
                raise GateRefused(f"the gate has not seen {name}; `python -m training promote {name}` brings it there, `force` overrules it")
            if verdict.sentences:
                raise GateRefused(" ".join(verdict.sentences))
            if verdict.beside != self._former():
                raise GateRefused(
                    f"the gate let {name} pass beside {verdict.beside}, but {self._former()} serves now; `python -m training promote {name}` compares them"
                )
            return self._serve(name, by, reason, kind="promotion")

    def promote(self, name: str, *, by: str, reason: str, forced: bool = False) -> Promotion:
        """From now on the model of that name is to serve; `forced` keeps what the gate had against it. Raises as `open` does, and then leaves all as it was."""
        with held(self.models / _LOCK):
            verdict = self.gate_verdict(name) if forced else None
            sentences = verdict.sentences if verdict else ()
            return self._serve(name, by, reason, kind="promotion", forced=forced, sentences=sentences)

    def rollback(self, name: str | None = None, *, by: str, reason: str, check: Callable[[ModelFolder], None] = lambda folder: None) -> Promotion:
        """Back to `name`, which must have served before, or to the model that served before this one.

        Raises `InvalidInput` where there is none; whatever `check` raises of it leaves everything as it was.
        """
        with held(self.models / _LOCK):
            history = self.history()
            earlier = {RELEASED, *(promotion.model for promotion in history), *(promotion.former for promotion in history)}
            if name is None:
                name = _before(history, self._former())
            if name is None or name not in earlier:
                raise InvalidInput(Fault("model", shown(name), f"a model that served before: {', '.join(sorted(earlier))}"))
            check(self.open(name))
            return self._serve(name, by, reason, kind="rollback")

    def history(self) -> list[Promotion]:
        """Every promotion and rollback, oldest first. A line that a crash left half is passed over."""
        path = self.models / HISTORY
        found = []
        for line in path.read_text(encoding="utf-8").split("\n") if path.is_file() else []:
            try:
                row = json.loads(line)
                found.append(Promotion(**(row | {"sentences": tuple(row.get("sentences", ()))})))
            except (ValueError, TypeError):
                continue
        return found

    def listed(self) -> list[Listed]:
        """Every model, newest first; a folder that is no model is listed with its problem, and so is that of the model that is to serve where it is gone."""
        history, served = self.history(), self.served_name()
        names = [path.name for path in self.models.iterdir() if path.is_dir() and not path.name.startswith(".")] if self.models.is_dir() else []
        found = [self._listed(name, served, history) for name in dict.fromkeys([*names, served])]
        return sorted(found, key=lambda model: (model.card.created if model.card else "", model.name), reverse=True)

    def prune(self, kept: int) -> list[str]:
        """Removes all but the newest `kept` models that retrainings made; never the one that serves, or the one before it. Returns their names."""
        with held(self.models / _LOCK):
            served = self._former()
            needed = {RELEASED, served, _before(self.history(), served)}
            made = [model.name for model in self.listed() if model.name.startswith(RETRAINED) and model.name not in needed and model.card]
            removed = sorted(made, reverse=True)[kept:]  # by the names of their runs: the dates in their cards may be of a clock that was set back since
            for name in removed:
                shutil.rmtree(self.models / name)
            return removed

    def _serve(self, name: str, by: str, reason: str, **more: Any) -> Promotion:
        self.open(name)
        promotion = Promotion(name, self._former(), datetime.now(UTC).isoformat(timespec="seconds"), by, reason, **more)
        # The history first: after a crash between the two it tells of a promotion that did not take place, and the model that served serves on.
        with (self.models / HISTORY).open("a", encoding="utf-8") as out:
            half = out.tell() > 0 and not self._ends_whole()
            out.write("\n" * half + json.dumps(asdict(promotion), ensure_ascii=False) + "\n")
            out.flush()
            os.fsync(out.fileno())
        replace_text(self.models / SERVED, f"{name}\n")
        return promotion

    def _former(self) -> str:
        """The model that was to serve until now; where the file that names it is damaged, the last that the history names."""
        try:
            return self.served_name()
        except InvalidModelFolder:
            return self.history()[-1].model if self.history() else RELEASED

    def _ends_whole(self) -> bool:
        """Whether the last line of the history has its end; a crash may have kept it from being written."""
        return (self.models / HISTORY).read_bytes().endswith(b"\n")

    def _listed(self, name: str, served: str, history: Sequence[Promotion]) -> Listed:
        promotions = tuple(promotion for promotion in history if promotion.model == name)
        try:
            return Listed(name, name == served, read_card(self.models / name), self.gate_verdict(name), None, promotions)
        except InvalidModelFolder as error:
            return Listed(name, name == served, None, None, str(error), promotions)


def _before(history: Sequence[Promotion], served: str) -> str | None:
    """The model that served before `served` began to; None where history does not tell."""
    promotions = (promotion for promotion in reversed(history) if promotion.kind == "promotion")  # a step back is no step forward
    return next((promotion.former for promotion in promotions if promotion.model == served and promotion.former != served), None)


def _is_name(name: str) -> bool:
    return name not in ("", ".", "..") and not name.startswith(".") and "/" not in name and "\\" not in name and "\x00" not in name
