"""Labelled quotes -> the files that people and other tools read. Reading them back is readers.py's."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from service.labels.quote import NOT_A_STATEMENT, Quote, Status, change_row
from service.stance import STANCES

# One change a row, so that nothing is lost; a quote with one label is one row.
COLUMNS = ("id", "text", "context", "story", "kind", "by", "at", "source", "label", "speaker", "note", "model", "stance", "probability")
LABEL_STUDIO_CONTROL, LABEL_STUDIO_OBJECT = "stance", "text"


def write_json_lines(quotes: Iterable[Quote]) -> Iterator[str]:
    """All there is, one quote a line, its changes as `history`."""
    for quote in quotes:
        row = {
            **_statement(quote),
            "label": quote.label,
            "status": str(quote.status),
            "history": list(_history(quote)),
        }
        yield json.dumps(row, ensure_ascii=False) + "\n"


def write_csv(quotes: Iterable[Quote]) -> Iterator[str]:
    """All there is, one change a row."""
    yield _csv_line(COLUMNS)
    for quote in quotes:
        for change in _history(quote):
            row = {"id": quote.id, "text": quote.statement.text, "context": quote.statement.context, "story": quote.story} | change
            yield _csv_line([row[column] for column in COLUMNS])


def write_datasets(quotes: Iterable[Quote]) -> Iterator[str]:
    """What a classifier learns from, one agreed quote a line, with the same few fields in each: `datasets.load_dataset("json")` opens it."""
    for quote in quotes:
        if quote.status is Status.AGREED and quote.label != NOT_A_STATEMENT:
            row = {name: value or "" for name, value in _statement(quote).items()} | {"label": quote.label}
            yield json.dumps(row, ensure_ascii=False) + "\n"


def write_prodigy(quotes: Iterable[Quote]) -> Iterator[str]:
    """A task of Prodigy's "choice" interface for each standing label, and one without an answer for a quote that has none."""
    options = [{"id": label, "text": label} for label in (*map(str, STANCES), NOT_A_STATEMENT)]
    for quote in _kept(quotes):
        meta = {name: value for name, value in _statement(quote).items() if name != "text" and value is not None}
        task: dict[str, Any] = {"text": quote.statement.text, "meta": meta, "options": options}
        for by, change in quote.opinions.items():
            answer = {"accept": [change.label], "answer": "accept", "_annotator_id": by, "_timestamp": int(change.at.timestamp())}
            yield json.dumps(task | answer, ensure_ascii=False) + "\n"
        if not quote.opinions:
            yield json.dumps(task, ensure_ascii=False) + "\n"


def write_label_studio(quotes: Iterable[Quote]) -> Iterator[str]:
    """Tasks with an annotation for each standing label, and the model's verdict as a prediction; control `stance`, object `text`."""
    yield "["
    for number, quote in enumerate(_kept(quotes)):
        task: dict[str, Any] = {
            "data": {name: value for name, value in _statement(quote).items() if value is not None},
            "annotations": [
                {"result": [_choice(str(change.label))], "created_at": change.at.isoformat(), "labeller": by} for by, change in quote.opinions.items()
            ],
        }
        if quote.verdict:
            verdict = quote.verdict
            task["predictions"] = [{"model_version": verdict.model, "score": verdict.probability, "result": [_choice(str(verdict.stance))]}]
        yield ("\n" if number == 0 else ",\n") + json.dumps(task, ensure_ascii=False)
    yield "\n]\n"


def _history(quote: Quote) -> Iterator[dict[str, Any]]:
    return (change_row(change) | {"at": change.at.isoformat(timespec="microseconds")} for change in quote.changes)


def _statement(quote: Quote) -> dict[str, Any]:
    return {"id": quote.id, "text": quote.statement.text, "context": quote.statement.context, "speaker": quote.speaker, "story": quote.story}


def _kept(quotes: Iterable[Quote]) -> Iterator[Quote]:
    return (quote for quote in quotes if quote.status is not Status.DELETED)


def _choice(label: str) -> dict[str, Any]:
    return {"from_name": LABEL_STUDIO_CONTROL, "to_name": LABEL_STUDIO_OBJECT, "type": "choices", "value": {"choices": [label]}}


def _csv_line(values: Iterable[Any]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(values)  # its own line end, a return and a new line, has it quote either of them inside a field
    return line.getvalue()


Writer = Callable[[Iterable[Quote]], Iterator[str]]
WRITERS: dict[str, Writer] = {
    "jsonl": write_json_lines,
    "csv": write_csv,
    "datasets": write_datasets,
    "label-studio": write_label_studio,
    "prodigy": write_prodigy,
}
