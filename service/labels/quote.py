"""Changes -> a labelled quote. Nothing that somebody said is overwritten: a quote is what its changes add up to. Keeping them is store.py's."""

import hashlib
import re
import unicodedata
from bisect import insort_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, get_args

from service.errors import Fault, InvalidInput, shown
from service.stance import Stance
from service.statements.statement import Statement, blank_fault, text_fault

# What a person may answer; the last teaches the classifier nothing.
Label = Literal["confirm", "deny", "threat", "appeal", "other", "not_a_statement"]
LABELS: tuple[Label, ...] = get_args(Label)
NOT_A_STATEMENT = LABELS[-1]
MAX_NAME_CHARS = 200
MAX_NOTE_CHARS = 2_000
_ALIKE = str.maketrans({**dict.fromkeys("“”„‟«»", '"'), **dict.fromkeys("‘’‚‛", "'"), **dict.fromkeys("‐‑‒–—―", "-"), "…": "..."})


class Kind(StrEnum):
    """What a change does to a quote."""

    ADD = "add"  # it is there, without anybody's label
    LABEL = "label"  # this person's label, in the place of their earlier one
    WITHDRAW = "withdraw"  # this person has no label any more
    SETTLE = "settle"  # a dispute is decided; a different label that comes later opens it again
    SPEAKER = "speaker"  # who said it is put right
    DELETE = "delete"  # it is left out of everything but its history, until it is labelled or settled once more


class Source(StrEnum):
    """Where a change came from."""

    API = "api"
    PAGE = "page"
    IMPORT = "import"


class Status(StrEnum):
    """What people's labels of a quote add up to."""

    UNLABELLED = "unlabelled"
    AGREED = "agreed"
    DISPUTED = "disputed"
    DELETED = "deleted"


@dataclass(frozen=True)
class Given:
    """The verdict that a person had before their eyes: `probability`, in [0, 1], of `stance` by `model`."""

    model: str
    stance: Stance
    probability: float


@dataclass(frozen=True)
class Change:
    """What `by` did at `at` (with a time zone).

    `label` is one of `LABELS` where `kind` is label or settle, else None; `verdict` is the one that it corrects or upholds.
    Raises `InvalidInput` where a field is blank, too long or does not belong.
    """

    kind: Kind
    by: str
    at: datetime
    source: Source
    label: Label | None = None
    speaker: str | None = None
    note: str | None = None
    verdict: Given | None = None

    def __post_init__(self) -> None:
        wants_label = self.kind in (Kind.LABEL, Kind.SETTLE)
        if wants_label and self.label not in LABELS:
            raise InvalidInput(Fault("label", shown(self.label), f"one of {', '.join(LABELS)}"))
        if not wants_label and self.label is not None:
            raise InvalidInput(Fault("label", shown(self.label), f"none where something is done by {self.kind}"))
        if self.kind is Kind.SPEAKER and not self.speaker:
            raise InvalidInput(Fault("speaker", shown(self.speaker), "a name"))
        if not self.by.strip():
            raise InvalidInput(blank_fault("labeller", self.by))
        for where, value, most in (("labeller", self.by, MAX_NAME_CHARS), ("note", self.note, MAX_NOTE_CHARS), ("speaker", self.speaker, MAX_NOTE_CHARS)):
            if value is not None and (fault := _fault(where, value, most)):
                raise InvalidInput(fault)


@dataclass(frozen=True)
class Quote:
    """A statement with all that people did to it, oldest change first; at least one. `story` is shared by quotes about one event, None where unknown."""

    statement: Statement
    changes: tuple[Change, ...]
    story: str | None = None
    id: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", quote_id(self.statement.text, self.statement.frame))  # a context that repeats the text is none
        if self.story is not None and (fault := _fault("story", self.story, MAX_NAME_CHARS)):
            raise InvalidInput(fault)

    @property
    def opinions(self) -> dict[str, Change]:
        """Each person's label as it stands, by their name, in the order in which they came."""
        standing: dict[str, Change] = {}
        for change in self.changes:
            if change.kind in (Kind.LABEL, Kind.WITHDRAW):
                standing.pop(change.by, None)
            if change.kind is Kind.LABEL:
                standing[change.by] = change
        return standing

    @property
    def label(self) -> Label | None:
        """What the standing labels agree on, or what their dispute was settled as; None where there are none, or they differ."""
        settled: set[Label | None] = set()
        since: dict[str, Label | None] = {}
        for change in self.changes:
            if change.kind is Kind.SETTLE:
                settled, since = {change.label}, {}
            elif change.kind is Kind.LABEL:
                since[change.by] = change.label
            elif change.kind is Kind.WITHDRAW:
                since.pop(change.by, None)
        labels = settled | set(since.values())
        return labels.pop() if len(labels) == 1 else None

    @property
    def status(self) -> Status:
        decisive = (Kind.LABEL, Kind.SETTLE, Kind.DELETE)
        if next((change.kind for change in reversed(self.changes) if change.kind in decisive), None) is Kind.DELETE:
            return Status.DELETED
        if self.label is not None:
            return Status.AGREED
        return Status.DISPUTED if self.opinions else Status.UNLABELLED

    @property
    def speaker(self) -> str | None:
        """The last that somebody named."""
        return next((change.speaker for change in reversed(self.changes) if change.speaker), None)

    @property
    def verdict(self) -> Given | None:
        """The last that somebody had before their eyes."""
        return next((change.verdict for change in reversed(self.changes) if change.verdict), None)


def with_changes(changes: Sequence[Change], new: Sequence[Change]) -> tuple[Change, ...]:
    """`changes` with those of `new` that say something new, in the order of time; equal times keep the order given.

    Nothing new is a change that is there already, an "add" of what is there, and, where it would be the last in time, the same label by the same person,
    unless with another note or speaker.
    """
    found, known = list(changes), set(changes)
    for change in sorted(new, key=lambda change: change.at):
        is_last = not found or found[-1].at <= change.at
        if change in known or (change.kind is Kind.ADD and found) or (is_last and _repeats(found, change)):
            continue
        known.add(change)
        insort_right(found, change, key=lambda other: other.at)
    return tuple(found)


def change_row(change: Change) -> dict[str, Any]:
    """A change as flat values, every field in it: what a row of the database and a line of a file hold."""
    given = change.verdict
    return {
        "kind": str(change.kind),
        "by": change.by,
        "at": change.at,
        "source": str(change.source),
        "label": change.label,
        "speaker": change.speaker,
        "note": change.note,
        "model": given.model if given else None,
        "stance": str(given.stance) if given else None,
        "probability": given.probability if given else None,
    }


def quote_id(text: str, context: str | None) -> str:
    """Sixteen hexadecimal digits that are the same wherever the same statement stands in the same context, however its spaces, marks and dashes are set."""
    return hashlib.sha256(f"{_plain(text)}\n{_plain(context or '')}".encode()).hexdigest()[:16]


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", unicodedata.normalize("NFC", text)).strip().translate(_ALIKE)


def _repeats(found: Sequence[Change], change: Change) -> bool:
    if change.kind is not Kind.LABEL or (found and found[-1].kind in (Kind.DELETE, Kind.SETTLE)):
        return False
    standing = next((old for old in reversed(found) if old.by == change.by and old.kind in (Kind.LABEL, Kind.WITHDRAW)), None)
    if standing is None or standing.kind is Kind.WITHDRAW or standing.label != change.label:
        return False
    return change.note in (None, standing.note) and change.speaker in (None, standing.speaker)


def _fault(where: str, value: str, most: int) -> Fault | None:
    return Fault(where, f"{len(value)} characters", f"at most {most} characters") if len(value) > most else text_fault(where, value)
