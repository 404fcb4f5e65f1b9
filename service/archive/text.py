"""A text file's bytes -> lines and rows, one at a time, however long the file or a line is."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

from service.archive.place import Source, reading
from service.errors import Fault, InvalidInput, shown

MOST_LINE_BYTES = 4 << 20  # twice what the longest article takes in JSON escapes, with room for its other columns
_BLOCK_BYTES = 1 << 18
_SAMPLE_ROWS, _SAMPLE_BYTES = 200, 1 << 20
csv.field_size_limit(MOST_LINE_BYTES)


@dataclass(frozen=True)
class Reject:
    """A row that cannot be read: where it begins (a byte of a text, a row of a Parquet file), and what is the matter."""

    at: int
    reason: str


class Lines:
    """The lines of a range of a file, with their ends. `at` is the byte at which the next one begins. A line that is too long comes without its rest."""

    def __init__(self, file: Any, start: int, stop: int) -> None:
        self._file = file
        self._stop = stop
        self._block = b""
        self._read = start
        self.at = start
        file.seek(start)

    def __iter__(self) -> Iterator[bytes]:
        while (line := self._next()) is not None:
            yield line

    def _next(self) -> bytes | None:
        line, n_bytes = bytearray(), 0
        while True:
            if not self._block:
                self._block = self._file.read(min(_BLOCK_BYTES, self._stop - self._read))
                self._read += len(self._block)
                if not self._block:
                    break
            end = self._block.find(b"\n") + 1
            piece = self._block[:end] if end else self._block
            self._block = self._block[len(piece) :]
            n_bytes += len(piece)
            line += piece[: MOST_LINE_BYTES + 1 - len(line)]
            if end:
                break
        self.at += n_bytes
        return bytes(line) if n_bytes else None


def json_object(line: bytes) -> dict[str, Any]:
    """The object of a line. Raises `InvalidInput`."""
    if len(line) > MOST_LINE_BYTES:
        raise InvalidInput(Fault("the line", f"more than {MOST_LINE_BYTES:,} bytes", "a shorter one"))
    try:
        row = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InvalidInput(Fault("the line", f"byte 0x{line[error.start]:02X}", "UTF-8 text")) from None
    except (ValueError, RecursionError) as error:
        raise InvalidInput(Fault("the line", shown(line.decode("utf-8", "replace").strip()), f"a JSON object ({error})")) from None
    if not isinstance(row, dict):
        raise InvalidInput(Fault("the line", shown(row), "a JSON object"))
    return row


def first_rows(source: Source) -> Iterator[dict[str, Any]]:
    """The first objects of a file of JSON Lines, without those that cannot be read."""
    with reading(source.address) as file:
        n_rows = 0
        for line in Lines(file, 0, min(source.n_bytes, _SAMPLE_BYTES)):
            try:
                row = json_object(line) if line.strip() else None
            except InvalidInput:
                continue
            if row is not None:
                yield row
                n_rows += 1
            if n_rows >= _SAMPLE_ROWS:
                return


def csv_head(source: Source) -> tuple[tuple[str, ...], int]:
    """The names of the columns of a CSV file, and the byte at which its rows begin. Raises `InvalidInput`."""
    with reading(source.address) as file:
        lines = Lines(file, 0, source.n_bytes)
        names = next(csv_rows(lines, source.kind), [])
    if isinstance(names, csv.Error) or len(set(names)) < len(names) or "" in names:
        raise InvalidInput(Fault(source.address, shown(str(names)), "a head line with a name for each column, none twice"))
    return tuple(names), lines.at


def csv_rows(lines: Lines, kind: str) -> Iterator[list[str] | csv.Error]:
    """Rows, and what is wrong with those that cannot be read. Bytes that are no UTF-8 come as lone surrogates."""
    decoded = map(_decoded, lines, count())  # which goes on after an error, as a generator would not
    reader = csv.reader(decoded, delimiter="\t" if kind == "tsv" else ",", strict=True)
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield error


def _decoded(line: bytes, number: int) -> str:
    if len(line) > MOST_LINE_BYTES:
        raise csv.Error(f"a line of more than {MOST_LINE_BYTES:,} bytes")
    text = line.decode("utf-8", "surrogateescape")
    return text.removeprefix("\ufeff") if number == 0 else text
