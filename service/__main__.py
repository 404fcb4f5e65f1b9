"""Command line -> service: serve, classify, read."""

import argparse
import io
import logging
import os
import socket
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from service.classifier import Classifier, classifier_of
from service.errors import Fault, InvalidInput, OnRecordError
from service.model_folder import ModelFolder, open_model_folder, served_name
from service.output import WRITERS, Layout, Row
from service.settings import Settings, read_settings
from service.statements.article import Attribution, statements_in
from service.statements.lines import Line, read_lines
from service.statements.passage import load_parser
from service.statements.statement import blank_fault

_CHUNK = 64
_STDIN = "-"
_STATEMENT = Layout(("text", "context", "speaker"), ("text",))
_ARTICLE = Layout(("text", "start", "end", "spans", "context", "form", "cue", "speaker"), ("speaker", "text"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command. Returns 0, 2 for input or a model that cannot be used, 130 after Ctrl-C."""
    options = _parser().parse_args(arguments)
    try:
        settings = read_settings(os.environ)
        return int(options.run(options, settings, _open_served(options.model, settings)))
    except OnRecordError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever read our output has enough of it (`… | head`); Python would complain at its exit if it found the pipe broken once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130


def _serve(options: argparse.Namespace, settings: Settings, folder: ModelFolder) -> int:
    import uvicorn  # noqa: PLC0415 - `classify` needs no server

    from service.api.app import create_app  # noqa: PLC0415
    from service.api.served import ServedModel  # noqa: PLC0415

    host, port = options.host or settings.host, settings.port if options.port is None else options.port
    if not 0 <= port <= 65_535:  # the operating system would take a larger one modulo 65,536
        raise InvalidInput(Fault("--port", str(port), "a whole number from 0 to 65535"))
    listening = _listen(host, port)
    host, port = listening.getsockname()[:2]
    results = folder.card.results
    scored = f", macro-F1 {results['macro_f1']:.3f} on {results['n']} held-out quotes" if "macro_f1" in results else ""
    print(f"On Record serves the model {folder.card.name}{scored}")
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    print(f"  page      {address}/")
    print(f"  API docs  {address}/docs")
    print("  stop      Ctrl-C", flush=True)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(message)s")
    served = ServedModel(folder.card, lambda: classifier_of(folder, settings.n_threads or None), load_parser)
    server = uvicorn.Server(uvicorn.Config(create_app(served, settings), log_level="warning", access_log=False))
    with suppress(KeyboardInterrupt):  # the server has ended in good order before it passes this on
        server.run(sockets=[listening])
    return 0


def _listen(host: str, port: int) -> socket.socket:
    """A socket that listens, so that no address is printed that is somebody else's; port 0 takes one that is free."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server((address[0], address[1]), family=family)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (")[0].lower()  # Python adds the address in brackets
        raise InvalidInput(Fault("--host and --port", f"{host}:{port}", f"an address to listen on ({reason})")) from None


def _classify(options: argparse.Namespace, settings: Settings, folder: ModelFolder) -> int:
    with _lines(options) as lines:
        _write(options, _verdicts(lines, classifier_of(folder, settings.n_threads or None)), _STATEMENT)
    return 0


def _read(options: argparse.Namespace, settings: Settings, folder: ModelFolder) -> int:
    found = statements_in(_article(options.file), options.title)
    verdicts = classifier_of(folder, settings.n_threads or None).classify([attribution.statement for attribution in found])
    _write(options, (Row(_fields(attribution), verdict) for attribution, verdict in zip(found, verdicts, strict=True)), _ARTICLE)
    return 0


def _write(options: argparse.Namespace, rows: Iterator[Row], layout: Layout) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        # UTF-8 out as in, whatever the locale says. A lone surrogate, which JSON can hold in a field that is not ours, goes out as JSON escapes it.
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    WRITERS[options.format](rows, layout, sys.stdout)


def _article(path: str) -> str:
    """The whole of a file, or of standard input."""
    try:
        content = sys.stdin.buffer.read() if path == _STDIN else Path(path).read_bytes()
    except OSError as error:
        raise InvalidInput(Fault(path, error.strerror or "an error", "a file that can be read")) from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(Fault("standard input" if path == _STDIN else path, f"byte 0x{content[error.start]:02X}", "UTF-8 text")) from None


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
    elif path in (None, _STDIN):
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


def _open_served(model: Path | None, settings: Settings) -> ModelFolder:
    return open_model_folder(model or settings.models / served_name(settings.models))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m service", description="Says who confirms, denies, threatens and appeals in the news.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serve = commands.add_parser("serve", help="answer over HTTP")
    serve.add_argument("--host", help="address to listen on (ONRECORD_HOST, 127.0.0.1)")
    serve.add_argument("--port", type=int, help="port to listen on (ONRECORD_PORT, 8000)")
    _add_model(serve, _serve)

    classify = commands.add_parser("classify", help="classify statements given as arguments, in a file, or on standard input")
    classify.add_argument("statement", nargs="*", help="a statement, in quotation marks")
    classify.add_argument("--file", metavar="FILE", help="one statement a line, or JSON Lines with text, context, speaker; - is standard input")
    classify.add_argument("--format", choices=tuple(WRITERS), default="table", help="of the output (%(default)s)")
    _add_model(classify, _classify)

    read = commands.add_parser("read", help="find the statements of an article, and classify them")
    read.add_argument("file", metavar="FILE", help="a text file, UTF-8; - is standard input")
    read.add_argument("--title", help="its headline, which helps to name people")
    read.add_argument("--format", choices=tuple(WRITERS), default="table", help="of the output (%(default)s)")
    _add_model(read, _read)
    return parser


def _add_model(command: argparse.ArgumentParser, run: Callable[..., int]) -> None:
    command.add_argument("--model", type=Path, metavar="DIR", help="model folder (the one named in data/models/served, else data/models/released)")
    command.set_defaults(run=run)


if __name__ == "__main__":
    sys.exit(main())
