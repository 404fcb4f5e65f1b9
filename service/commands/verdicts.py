"""Statements or an article, from arguments, a file or standard input -> verdicts in a table, JSON Lines or CSV."""

import argparse
import io
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from itertools import islice
from typing import Any

from service.classifier import Classifier, classifier_of
from service.commands.files import STDIN, whole_text
from service.errors import Fault, InvalidInput
from service.model_folder import ModelFolder
from service.output import WRITERS, Layout, Row
from service.settings import Settings
from service.statements.article import Attribution, statements_in
from service.statements.lines import Line, read_lines
from service.statements.statement import blank_fault

_CHUNK = 64
_STATEMENT = Layout(("text", "context", "speaker"), ("text",))
_ARTICLE = Layout(("text", "start", "end", "spans", "context", "form", "cue", "speaker"), ("speaker", "text"))


def classify(options: argparse.Namespace, settings: Settings, folder: ModelFolder) -> int:
    """Prints a verdict for each statement, as they come in."""
    with _lines(options) as lines:
        _write(options, _verdicts(lines, classifier_of(folder, settings.n_threads or None)), _STATEMENT)
    return 0


def read(options: argparse.Namespace, settings: Settings, folder: ModelFolder) -> int:
    """Prints every statement of an article with its verdict."""
    found = statements_in(whole_text(options.file), options.title)
    verdicts = classifier_of(folder, settings.n_threads or None).classify([attribution.statement for attribution in found])
    _write(options, (Row(_fields(attribution), verdict) for attribution, verdict in zip(found, verdicts, strict=True)), _ARTICLE)
    return 0


def _write(options: argparse.Namespace, rows: Iterator[Row], layout: Layout) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        # UTF-8 out as in, whatever the locale says. A lone surrogate, which JSON can hold in a field that is not ours, goes out as JSON escapes it.
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    WRITERS[options.format](rows, layout, sys.stdout)


def _fields(found: Attribution) -> dict[str, Any]:
    return {
        "text": found.text,
        "start": found.spans[0][0],
        "end": found.spans[-1][1],
        "spans": found.spans,
        "context": found.statement.context,
        "form": found.form,
        "cue": asdict(found.cue) if found.cue else None,
        "speaker": asdict(found.speaker) if found.speaker else None,
    }


@contextmanager
def _lines(options: argparse.Namespace) -> Iterator[Iterator[Line]]:
    """The lines that the command is about: from its arguments, a file or standard input."""
    texts, path = options.statement, options.file
    if texts and path:
        raise InvalidInput(Fault("arguments", "statements and --file", "one of the two"))
    if not texts and path is None and sys.stdin.isatty():
        raise InvalidInput(Fault("arguments", "nothing", "a statement in quotation marks, --file FILE, or lines on standard input"))
    if texts:
        if blank := [text for text in texts if not text.strip()]:
            raise InvalidInput(blank_fault("arguments", blank[0]))
        yield read_lines([text.replace("\n", " ") for text in texts], "argument")
    elif path in (None, STDIN):
        with open(sys.stdin.fileno(), encoding="utf-8-sig", closefd=False) as file:  # whatever the locale says
            yield _decoded(file, "standard input")
    else:
        try:
            file = open(path, encoding="utf-8-sig")  # noqa: SIM115 - closed below; only the opening may fail here
        except OSError as error:
            raise InvalidInput(Fault(path, error.strerror or "an error", "a file that can be read")) from None
        with file:
            yield _decoded(file, path)


def _decoded(lines: Iterable[str], source: str) -> Iterator[Line]:
    try:
        yield from read_lines(lines, source)
    except UnicodeDecodeError as error:
        raise InvalidInput(Fault(source, f"byte 0x{error.object[error.start]:02X}", "UTF-8 text")) from None


def _verdicts(lines: Iterator[Line], classifier: Classifier) -> Iterator[Row]:
    while chunk := list(islice(lines, _CHUNK)):
        for line, verdict in zip(chunk, classifier.classify([line.statement for line in chunk]), strict=True):
            yield Row(asdict(line.statement), verdict, line.others)
