"""Command line -> service: serve, classify, read, archive, export, import, keys."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from service.commands import archive, keys, labels, serve, verdicts
from service.errors import OnRecordError
from service.keys import Role
from service.labels.readers import READERS
from service.model_folder import ModelFolder, open_model_folder, served_name
from service.output import WRITERS
from service.settings import Settings, read_settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command. Returns 0, 2 for input, a model or a store that cannot be used, 130 after Ctrl-C."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options, read_settings(os.environ)))
    except OnRecordError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever read our output has enough of it (`… | head`); Python would complain at its exit if it found the pipe broken once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130


def _with_model(run: Callable[[argparse.Namespace, Settings, ModelFolder], int]) -> Callable[[argparse.Namespace, Settings], int]:
    """A command that needs a model gets the one that `--model` names, else the one that is served."""

    def with_model(options: argparse.Namespace, settings: Settings) -> int:
        return run(options, settings, open_model_folder(options.model or settings.models / served_name(settings.models)))

    return with_model


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m service", description="Says who confirms, denies, threatens and appeals in the news.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    answer = commands.add_parser("serve", help="answer over HTTP")
    answer.add_argument("--host", help="address to listen on (ONRECORD_HOST, 127.0.0.1)")
    answer.add_argument("--port", type=int, help="port to listen on (ONRECORD_PORT, 8000)")
    answer.add_argument("--open", action="store_true", help="let everybody in who can reach it, where there are no keys (ONRECORD_OPEN=1)")
    _add_model(answer, serve.serve)

    classify = commands.add_parser("classify", help="classify statements given as arguments, in a file, or on standard input")
    classify.add_argument("statement", nargs="*", help="a statement, in quotation marks")
    classify.add_argument("--file", metavar="FILE", help="one statement a line, or JSON Lines with text, context, speaker; - is standard input")
    classify.add_argument("--format", choices=tuple(WRITERS), default="table", help="of the output (%(default)s)")
    _add_model(classify, verdicts.classify)

    read = commands.add_parser("read", help="find the statements of an article, and classify them")
    read.add_argument("file", metavar="FILE", help="a text file, UTF-8; - is standard input")
    read.add_argument("--title", help="its headline, which helps to name people")
    read.add_argument("--format", choices=tuple(WRITERS), default="table", help="of the output (%(default)s)")
    _add_model(read, verdicts.read)

    _add_archive(commands.add_parser("archive", help="classify files of statements or articles, of any size, on all cores or on a cluster"))

    export = commands.add_parser("export", help="write all labelled quotes of the store to a file")
    export.add_argument("file", metavar="FILE", help="where they go; - is standard output")
    export.add_argument("--format", choices=tuple(READERS), default="jsonl", help="jsonl and csv hold everything (%(default)s)")
    export.set_defaults(run=labels.export)

    take_in = commands.add_parser("import", help="take labelled quotes into the store from a file")
    take_in.add_argument("file", metavar="FILE", help="UTF-8; - is standard input")
    take_in.add_argument("--format", choices=tuple(READERS), default="jsonl", help="of the file (%(default)s)")
    take_in.add_argument("--labeller", metavar="NAME", help="who labelled those that name nobody")
    take_in.add_argument("--skip-faulty", action="store_true", help="take in the lines without a fault instead of nothing")
    take_in.set_defaults(run=labels.take_in)

    _add_keys(commands.add_parser("keys", help="say who may ask the service"))
    return parser


def _add_archive(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("input", nargs="+", metavar="INPUT", help="files (.jsonl, .csv, .tsv, .parquet), folders, globs, or addresses as s3://bucket/folder")
    parser.add_argument("--out", required=True, metavar="FOLDER", help="where the verdicts go; one that was begun is gone on with")
    parser.add_argument("--articles", action="store_true", help="a row is an article, in which statements are found")
    parser.add_argument("--text-column", metavar="NAME", help="of the statement, or of the article (text)")
    parser.add_argument("--context-column", metavar="NAME", help="of the sentence that the statement stands in (context)")
    parser.add_argument("--title-column", metavar="NAME", help="of the article's headline (title)")
    parser.add_argument("--speaker-column", metavar="NAME", help="of who made the statement, for the report (speaker)")
    parser.add_argument("--date-column", metavar="NAME", help="for the report")
    parser.add_argument("--source-column", metavar="NAME", help="of the paper or agency, for the report")
    parser.add_argument("--report", action="store_true", help="write report.html too")
    parser.add_argument("--strict", action="store_true", help="stop at the first row that cannot be read")
    parser.add_argument("--dry-run", action="store_true", help="say what would be read, and how long it would take")
    parser.add_argument("--cores", type=int, metavar="N", help="of this machine (all)")
    parser.add_argument("--address", metavar="ADDRESS", help="of a Ray cluster (auto, HOST:PORT or ray://HOST:PORT) whose nodes reach inputs and FOLDER")
    parser.add_argument("--chunk-bytes", type=int, metavar="N", help="of input that a task takes at once (0.5 to 16 MB, of articles an eighth)")
    _add_model(parser, archive.archive)


def _add_keys(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add = commands.add_parser("add", help="make a key, and print it this once")
    add.add_argument("name", metavar="NAME", help="whose it is, or what for; it stands in the log")
    add.add_argument("--role", choices=tuple(map(str, Role)), required=True, help="predict: verdicts; label: quotes too; admin: retrainings and models too")
    add.add_argument("--per-minute", type=int, metavar="N", help="how many requests (any number)")
    add.set_defaults(run=keys.add)
    commands.add_parser("list", help="whose keys there are").set_defaults(run=keys.show)
    revoke = commands.add_parser("revoke", help="take a key back")
    revoke.add_argument("name", metavar="NAME", help="whose")
    revoke.set_defaults(run=keys.revoke)


def _add_model(command: argparse.ArgumentParser, run: Callable[[argparse.Namespace, Settings, ModelFolder], int]) -> None:
    command.add_argument("--model", type=Path, metavar="DIR", help="model folder (the one named in data/models/served, else data/models/released)")
    command.set_defaults(run=_with_model(run))


if __name__ == "__main__":
    sys.exit(main())
