"""Files of labelled quotes -> quotes, checked line by line: what writers.py writes, what other tools export, and plain rows with a text and a label."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from service.errors import Fault, InvalidInput, shown
from service.labels.quote import Change, Given, Kind, Quote, Source
from service.labels.writers import LABEL_STUDIO_CONTROL
from service.stance import STANCES, Stance
from service.statements.statement import Statement, text_fault

_NAMES = ("text", "context", "speaker", "story", "label", "by", "labeller", "note", "model")
_CSV_FIELD_CHARS = 200_000
MAX_ROWS = 100_000
MAX_HISTORY = 1_000
_AHEAD = timedelta(minutes=5)  # that another machine's clock may be ahead of ours


@dataclass(frozen=True)
class Origin:
    """What a row that does not say so itself has: who labelled it, and when it came."""

    labeller: str | None
    at: datetime


@dataclass(frozen=True)
class Read:
    """The quotes of a file, each with the place where it stood, and what was wrong with the rest of it."""

    quotes: list[tuple[str, Quote]]
    faults: list[Fault]


Row = dict[str, Any]
_Rows = Iterator[tuple[str, Row | Fault]]


def read(kind: str, content: str, origin: Origin) -> Read:
    """The quotes of `content`, a file of one of the `READERS`. Never raises for what is in it: what cannot be used is among the faults, each with its line."""
    rows, quote_of = READERS[kind]
    quotes: list[tuple[str, Quote]] = []
    faults: list[Fault] = []
    for number, (where, row) in enumerate(rows(content)):
        if number == MAX_ROWS:
            faults.append(Fault(where, f"more than {MAX_ROWS:,} rows", "several files"))
            break
        if isinstance(row, Fault):
            faults.append(row)
            continue
        try:
            quotes.append((where, quote_of(row, origin)))
        except InvalidInput as error:
            faults += [Fault(f"{where}, {fault.where}", fault.came, fault.wanted) for fault in error.faults]
        except (AttributeError, TypeError, ValueError) as error:  # another tool's file, whose values are of a kind that it never has
            faults.append(Fault(where, shown(row), f"a row as that tool writes it ({error})"))
    if not quotes and not faults:
        faults.append(Fault("the file", "no quote", "at least one labelled quote"))
    return Read(quotes, faults)


def _lines(content: str) -> _Rows:
    for number, line in enumerate(content.split("\n"), start=1):  # splitlines() would also split at U+2028, which JSON holds as it is
        if line.strip():
            where = f"line {number}"
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                yield where, Fault(where, shown(line), f"a JSON object ({error})")
                continue
            yield where, row if isinstance(row, dict) else Fault(where, shown(row), "a JSON object")


def _table(content: str) -> _Rows:
    csv.field_size_limit(_CSV_FIELD_CHARS)
    reader = csv.DictReader(io.StringIO(content, newline=""), strict=True)
    try:
        missing = {"text", "label"} - set(reader.fieldnames or ())
        if missing:
            yield "line 1", Fault("line 1", shown(reader.fieldnames), f"a head line with the columns {', '.join(sorted(missing))}")
            return
        for row in reader:
            where = f"line {reader.line_num}"
            if None in row or None in row.values():
                yield where, Fault(where, "another number of fields", f"{len(reader.fieldnames or ())} fields, as in the head line")
            else:
                yield where, {name: value if value != "" else None for name, value in row.items()}
    except csv.Error as error:
        yield "the file", Fault(f"line {reader.line_num + 1}", str(error), "CSV, fields with a comma or a line break in double quotation marks")


def _tasks(content: str) -> _Rows:
    try:
        tasks = json.loads(content)
    except (ValueError, RecursionError) as error:
        yield "the file", Fault("the file", shown(content), f"a JSON list of tasks ({error})")
        return
    if not isinstance(tasks, list):
        yield "the file", Fault("the file", shown(tasks), "a JSON list of tasks")
        return
    for number, task in enumerate(tasks):
        where = f"task {number}"
        yield where, task if isinstance(task, dict) else Fault(where, shown(task), "a JSON object")


def _from_row(row: Row, origin: Origin) -> Quote:
    """A quote with the changes of its `history`; without one, the row itself is the only change."""
    _check_strings(row)
    history = row.get("history")
    if history is None:
        return _quote(row, [_change(row, origin, row)])
    if not isinstance(history, list) or not 1 <= len(history) <= MAX_HISTORY or not all(isinstance(change, dict) for change in history):
        raise InvalidInput(Fault("history", shown(history), f"a list of 1 to {MAX_HISTORY:,} changes"))
    changes = []
    for number, change in enumerate(history):
        try:
            _check_strings(change)
            changes.append(_change(change, origin, {}))
        except InvalidInput as error:
            raise InvalidInput(*(Fault(f"history[{number}].{fault.where}", fault.came, fault.wanted) for fault in error.faults)) from None
    return _quote(row, changes)


def _from_prodigy(row: Row, origin: Origin) -> Quote:
    """A task of the "choice" interface, or of a binary one with `label`; what was not answered, or ignored, has no label."""
    meta = row.get("meta")
    known = {name: meta[name] for name in ("context", "speaker", "story") if name in meta} if isinstance(meta, dict) else {}
    fields: Row = {**known, **{name: row[name] for name in ("text", "context", "speaker") if name in row}}
    answer, accepted = row.get("answer"), row.get("accept")
    if answer == "reject":
        raise InvalidInput(Fault("answer", '"reject"', "accept or ignore: a rejected label says only what it is not"))
    if answer == "accept":
        labels = accepted if isinstance(accepted, list) else [row.get("label")]
        if len(labels) != 1:
            raise InvalidInput(Fault("accept", shown(labels), "one label"))
        fields["label"] = labels[0]
    else:
        fields.pop("label", None)
    by = row.get("_annotator_id") or row.get("_session_id")
    stamp = row.get("_timestamp")
    at = datetime.fromtimestamp(stamp, UTC).isoformat() if isinstance(stamp, int | float) and 0 < stamp < 1e11 else None
    return _from_row(fields | {"by": by, "at": at, "history": None}, origin)


def _from_label_studio(row: Row, origin: Origin) -> Quote:
    """A task with its annotations; those that were cancelled or have no choice are passed over."""
    data = row.get("data")
    if not isinstance(data, dict):
        raise InvalidInput(Fault("data", shown(data), "an object with `text`"))
    _check_strings(data)
    annotations = row.get("annotations") or row.get("completions") or []
    changes = []
    for annotation in annotations if isinstance(annotations, list) else []:
        choices = [
            choice
            for result in annotation.get("result") or []
            if result.get("type") == "choices"
            for choice in (result.get("value") or {}).get("choices") or []
        ]
        if annotation.get("was_cancelled") or not choices:
            continue
        if len(choices) > 1:
            raise InvalidInput(Fault("annotations", shown(choices), f"one choice of {LABEL_STUDIO_CONTROL}"))
        by = annotation.get("labeller") or _name(annotation.get("completed_by"))
        changes.append(_change({"label": choices[0], "by": by, "at": annotation.get("created_at")}, origin, data))
    return _quote(data, changes or [_change({"by": None}, origin, data)])


def _name(completed_by: Any) -> str | None:
    if isinstance(completed_by, dict):
        completed_by = completed_by.get("email") or completed_by.get("username") or completed_by.get("id")
    return None if completed_by is None else str(completed_by)


def _quote(row: Row, changes: list[Change]) -> Quote:
    if row.get("text") is None:
        raise InvalidInput(Fault("text", "nothing", "a text"))
    return Quote(Statement(row["text"], row.get("context")), tuple(changes), row.get("story"))


def _change(row: Row, origin: Origin, statement: Row) -> Change:
    kind = row.get("kind") or (Kind.ADD if row.get("label") is None else Kind.LABEL)
    if kind not in tuple(Kind):
        raise InvalidInput(Fault("kind", shown(kind), f"one of {', '.join(Kind)}"))
    by = row.get("by") or row.get("labeller") or origin.labeller
    if not isinstance(by, str):
        raise InvalidInput(Fault("by", "nothing", "who labelled it, in each row or once for all of them (`labeller`)"))
    source = row.get("source") or Source.IMPORT
    if source not in tuple(Source):
        raise InvalidInput(Fault("source", shown(source), f"one of {', '.join(Source)}"))
    speaker = row.get("speaker") or statement.get("speaker")
    return Change(Kind(kind), by, _time(row.get("at"), origin.at), Source(source), row.get("label"), speaker, row.get("note"), _given(row))


def _given(row: Row) -> Given | None:
    if row.get("model") is None:
        return None
    if row.get("stance") not in STANCES:
        raise InvalidInput(Fault("stance", shown(row.get("stance")), f"one of {', '.join(STANCES)}, the verdict of `model`"))
    try:
        probability = float(row["probability"])
    except (KeyError, TypeError, ValueError):
        probability = -1.0
    if not 0 <= probability <= 1:
        raise InvalidInput(Fault("probability", shown(row.get("probability")), "a number from 0 to 1"))
    if fault := text_fault("model", row["model"]):
        raise InvalidInput(fault)
    return Given(row["model"], Stance(row["stance"]), probability)


def _time(value: Any, default: datetime) -> datetime:
    if value is None:
        return default
    try:
        time = datetime.fromisoformat(value)
        time = (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise InvalidInput(Fault("at", shown(value), "a time such as 2026-03-01T09:30:00+00:00")) from None
    if time > default + _AHEAD:
        raise InvalidInput(Fault("at", shown(value), "a time that is not to come: what is said later would count as said before"))
    return time


def _check_strings(row: Row) -> None:
    for name in _NAMES:
        if not isinstance(row.get(name), str | None):
            raise InvalidInput(Fault(name, shown(row[name]), "a string"))


READERS: dict[str, tuple[Callable[[str], _Rows], Callable[[Row, Origin], Quote]]] = {
    "jsonl": (_lines, _from_row),
    "csv": (_table, _from_row),
    "datasets": (_lines, _from_row),
    "label-studio": (_tasks, _from_label_studio),
    "prodigy": (_lines, _from_prodigy),
}
