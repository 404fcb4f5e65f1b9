"""A file -> the bounds of its chunks. Files are cut where a row begins, so that a chunk can be read by itself.

JSON Lines are looked into at each bound only. In CSV a line end may stand in quotation marks, so that the bounds need a pass over the file: outside of
them the number of marks so far is even (RFC 4180; a mark in a text is doubled). Parquet is cut by numbers of rows, also within a row group.
"""

from collections.abc import Iterator
from typing import Any

import pyarrow.parquet as pq

from service.archive.place import Source, reading

_BLOCK_BYTES = 1 << 20
_MARK, _LINE_END = b'"', b"\n"


def bounds_of(source: Source, start: int, chunk_bytes: int) -> list[int]:
    """Where the chunks begin, and where the last one ends: bytes of a text from `start` on, rows of a Parquet file. One number where there is no row."""
    if source.kind == "parquet":
        return _row_bounds(source, chunk_bytes)
    if start >= source.n_bytes:
        return [start]
    with reading(source.address) as file:
        cuts = _line_cuts(file, source, start, chunk_bytes) if source.kind == "jsonl" else _csv_cuts(file, start, chunk_bytes)
        inner = [cut for cut in cuts if start < cut < source.n_bytes]
    return [start, *dict.fromkeys(inner), source.n_bytes]


def _row_bounds(source: Source, chunk_bytes: int) -> list[int]:
    with reading(source.address) as file:
        metadata = pq.ParquetFile(file).metadata
        n_bytes = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
    if metadata.num_rows == 0:
        return [0]
    step = max(1, chunk_bytes * metadata.num_rows // max(1, n_bytes))
    return [*range(0, metadata.num_rows, step), metadata.num_rows]


def _line_cuts(file: Any, source: Source, start: int, chunk_bytes: int) -> Iterator[int]:
    for nominal in range(start + chunk_bytes, source.n_bytes, chunk_bytes):
        at = nominal - 1  # a line that begins at the nominal bound is not to be skipped
        file.seek(at)
        while block := file.read(4_096 if at < nominal else _BLOCK_BYTES):
            if (found := block.find(_LINE_END)) >= 0:
                yield at + found + 1
                break
            at += len(block)


def _csv_cuts(file: Any, start: int, chunk_bytes: int) -> Iterator[int]:
    file.seek(start)
    at, nominal, is_quoted = start, start + chunk_bytes, False
    while block := file.read(min(_BLOCK_BYTES, chunk_bytes)):
        begin = 0
        while at + len(block) > nominal and (cut := _row_end(block, begin, max(begin, nominal - 1 - at), is_quoted)) > 0:
            is_quoted, begin = False, cut
            yield at + cut
            nominal = at + cut + chunk_bytes
        is_quoted ^= block.count(_MARK, begin) % 2 == 1
        at += len(block)


def _row_end(block: bytes, begin: int, least: int, is_quoted: bool) -> int:
    """The end of the first row that ends from `least` on; 0 where none does. `is_quoted` is how things stand at `begin`."""
    counted = begin
    end = block.find(_LINE_END, least)
    while end >= 0:
        is_quoted ^= block.count(_MARK, counted, end) % 2 == 1
        counted = end
        if not is_quoted:
            return end + 1
        end = block.find(_LINE_END, end + 1)
    return 0
