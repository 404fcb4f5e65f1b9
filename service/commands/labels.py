"""The store of labelled quotes -> a file, and back."""

import argparse
import os
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from service.commands.files import STDIN, whole_text
from service.errors import Fault, InvalidInput
from service.labels.readers import Origin, read
from service.labels.writers import WRITERS
from service.settings import Settings

_FAULTS_SHOWN = 20


def export(options: argparse.Namespace, settings: Settings) -> int:
    """Writes every quote of the store; a file appears whole or not at all."""
    from rich.console import Console  # noqa: PLC0415 - the other commands start faster without them
    from rich.progress import track  # noqa: PLC0415

    from service.labels.store import LabelStore  # noqa: PLC0415

    store = LabelStore(settings.labels)
    n = sum(store.counts().values())
    lines = WRITERS[options.format](track(store.everything(), "exporting", n, console=Console(stderr=True), transient=True))
    if options.file == STDIN:
        for line in lines:
            sys.stdout.buffer.write(line.encode())
        sys.stdout.buffer.flush()
        return 0
    path = Path(options.file)
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("w", encoding="utf-8", newline="") as out:
            out.writelines(lines)
            out.flush()
            os.fsync(out.fileno())
        partial.replace(path)
    except OSError as error:
        raise InvalidInput(Fault(options.file, error.strerror or "an error", "a file that can be written")) from None
    finally:
        partial.unlink(missing_ok=True)
    print(f"{path}: {n:,} quotes", file=sys.stderr)
    return 0


def take_in(options: argparse.Namespace, settings: Settings) -> int:
    """Takes a file into the store, all of it or nothing, unless faulty lines are to be skipped. Returns 2 where any line was faulty."""
    from service.labels.store import LabelStore, Outcome  # noqa: PLC0415 - likewise

    found = read(options.format, whole_text(options.file), Origin(options.labeller, datetime.now(UTC)))
    for fault in found.faults[:_FAULTS_SHOWN]:
        print(f"{options.file}, {fault}", file=sys.stderr)
    if len(found.faults) > _FAULTS_SHOWN:
        print(f"... and {len(found.faults) - _FAULTS_SHOWN:,} faults more", file=sys.stderr)
    if found.faults and not (options.skip_faulty and found.quotes):
        print("nothing was taken in" + ("" if options.skip_faulty else "; --skip-faulty takes in the lines without a fault"), file=sys.stderr)
        return 2
    outcomes = Counter(outcome for _, outcome in LabelStore(settings.labels).merge([quote for _, quote in found.quotes]))
    print(", ".join(f"{outcomes[outcome]:,} {outcome}" for outcome in Outcome))
    return 2 if found.faults else 0
