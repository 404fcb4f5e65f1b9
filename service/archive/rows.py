"""A chunk -> its rows as tables of a few hundred, and what could not be read. What stands in the columns is not looked at here."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from service.archive.columns import Columns, fitted, kinds_of
from service.archive.place import reading
from service.archive.plan import Chunk
from service.archive.text import Lines, Reject, csv_rows, json_object
from service.errors import InvalidInput, shown

_TEXT_BYTES = 4 << 20  # of rows at once, however few


@dataclass(frozen=True)
class Slice:
    """`rows` has the columns of the plan, `at` says where each begins, `stop` where the next slice does; `rejects` are those that could not be read."""

    rows: pa.Table
    at: list[int]
    stop: int
    rejects: list[Reject] = field(default_factory=list)


def slices_of(chunk: Chunk, schema: pa.Schema, columns: Columns, n_rows: int) -> Iterator[Slice]:
    """The chunk in order, at most `n_rows` at once. Raises `InvalidInput` where the file cannot be read at all."""
    with reading(chunk.source.address) as file:
        if chunk.source.kind == "parquet":
            yield from _parquet(file, chunk, schema, n_rows)
        else:
            rows = _json(file, chunk, schema, columns) if chunk.source.kind == "jsonl" else _csv(file, chunk)
            yield from _gathered(rows, schema, n_rows)


def _json(file: Any, chunk: Chunk, schema: pa.Schema, columns: Columns) -> Iterator[tuple[int, int, dict[str, Any] | Reject]]:
    """The byte at which it begins, the one behind it, and the row or what is wrong with it."""
    lines, kinds = Lines(file, chunk.start, chunk.stop), kinds_of(schema)
    at = lines.at
    for line in lines:
        if line.strip():
            try:
                yield at, lines.at, fitted(json_object(line), kinds, columns)
            except InvalidInput as error:
                yield at, lines.at, Reject(at, str(error))
        at = lines.at


def _csv(file: Any, chunk: Chunk) -> Iterator[tuple[int, int, dict[str, Any] | Reject]]:
    lines = Lines(file, chunk.start, chunk.stop)
    at = lines.at
    for row in csv_rows(lines, chunk.source.kind):
        if isinstance(row, Exception):
            yield at, lines.at, Reject(at, f"the row: wanted CSV, got what it does not allow ({row})")
        elif row and len(row) != len(chunk.names):
            yield at, lines.at, Reject(at, f"the row: wanted {len(chunk.names)} cells, got {len(row)}")
        elif bad := next((cell for cell in row if not cell.isascii() and any("\ud800" <= char <= "\udfff" for char in cell)), None):
            yield at, lines.at, Reject(at, f"the row: wanted UTF-8 text, got {shown(bad)}")
        elif row:
            yield at, lines.at, dict(zip(chunk.names, row, strict=True))
        at = lines.at


def _gathered(rows: Iterator[tuple[int, int, dict[str, Any] | Reject]], schema: pa.Schema, n_rows: int) -> Iterator[Slice]:
    taken, at, rejects, n_bytes = list[Mapping[str, Any]](), list[int](), list[Reject](), 0
    stop = 0
    for place, stop, row in rows:
        if isinstance(row, Reject):
            rejects.append(row)
        else:
            taken.append(row)
            at.append(place)
            n_bytes += stop - place
        if len(taken) + len(rejects) >= n_rows or n_bytes >= _TEXT_BYTES:
            yield Slice(pa.Table.from_pylist(taken, schema), at, stop, rejects)
            taken, at, rejects, n_bytes = [], [], [], 0
    if taken or rejects:
        yield Slice(pa.Table.from_pylist(taken, schema), at, stop, rejects)


def _parquet(file: Any, chunk: Chunk, schema: pa.Schema, n_rows: int) -> Iterator[Slice]:
    opened = pq.ParquetFile(file)
    number = 0
    groups: list[int] = []
    first = 0
    for group in range(opened.num_row_groups):
        size = opened.metadata.row_group(group).num_rows
        if number < chunk.stop and number + size > chunk.start:
            first = number if not groups else first
            groups.append(group)
        number += size
    place = first
    for batch in opened.iter_batches(n_rows, row_groups=groups, use_threads=False) if groups else ():
        begin, end = max(chunk.start, place), min(chunk.stop, place + batch.num_rows)
        if begin < end:
            rows = pa.Table.from_batches([batch.slice(begin - place, end - begin)])
            yield Slice(_aligned(rows, schema), list(range(begin, end)), end)
        place += batch.num_rows
        if place >= chunk.stop:
            return


def _aligned(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """The columns of the plan; empty ones for those that this file has not."""
    found = [rows.column(name) if name in rows.column_names else pa.nulls(rows.num_rows, kind) for name, kind in ((item.name, item.type) for item in schema)]
    return pa.Table.from_arrays(found, schema=schema)


def lines_at(address: str, places: list[int]) -> dict[int, int]:
    """Byte -> the number of its line in the file, from 1; reads the file once up to the last of `places`."""
    numbers: dict[int, int] = {}
    with reading(address) as file:
        at, number = 0, 1
        for place, _ in groupby(sorted(places)):
            while at < place:
                block = file.read(min(1 << 20, place - at))
                number += block.count(b"\n")
                at += len(block)
                if not block:
                    break
            numbers[place] = number
    return numbers
