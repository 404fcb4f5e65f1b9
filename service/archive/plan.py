"""Inputs and options -> the plan of an archive: which chunks there are, and which columns. Made once, kept in `plan.json`, and held to on every later run.

A chunk is a file and a range in it, with a number that never changes; its verdicts go into one file named for that number. A chunk whose file is there is
done: there is no other record of what was done that could say something else after a crash.
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from service.archive.columns import Columns, check_readable, planned, together
from service.archive.place import Folder, Source, reading, sources_of
from service.archive.split import bounds_of
from service.archive.text import csv_head, first_rows
from service.errors import Conflict, Fault, InvalidInput
from service.model_folder import CARD, ModelFolder, sha256

PLAN = "plan.json"
PARTS = "verdicts"
_FORMAT = 1
# Chunks are small enough that no core waits long for the others at the end, and that a kill costs little; large enough (1 MB is about ten seconds of one
# core) that the cores of a task, which wait from one to the next, do not wait often; and not so many that listing their files would take long.
_LEAST_CHUNKS, _MOST_CHUNKS = 32, 2_000
_LEAST_BYTES, _USUAL_BYTES, _MOST_BYTES = 1 << 19, 1 << 20, 16 << 20
_ARTICLES_A_CHUNK = 8  # how many times as long a byte takes in an article, which is parsed


@dataclass(frozen=True)
class Chunk:
    """The rows of `source` that begin in `start <= … < stop`, bytes of a text or rows of a Parquet file: `n_bytes` of it. `names` are a CSV's columns."""

    number: int
    source: Source
    start: int
    stop: int
    n_bytes: int
    names: tuple[str, ...] = ()

    @property
    def part(self) -> str:
        """The file of its verdicts."""
        return f"part-{self.number:06d}.parquet"

    @property
    def rejects(self) -> str:
        """The file of its rows that could not be read."""
        return f"rejected/part-{self.number:06d}.jsonl"


@dataclass(frozen=True)
class Plan:
    """All that the result depends on. `schema` is of the input's columns, as they are called there; `digest` of the whole plan."""

    columns: Columns
    model: str
    model_digest: str
    schema: pa.Schema
    sources: Sequence[Source]
    chunks: Sequence[Chunk]

    @property
    def digest(self) -> str:
        return hashlib.sha256(json.dumps(_row(self), sort_keys=True).encode()).hexdigest()


def make_plan(sources: Sequence[Source], columns: Columns, folder: ModelFolder, chunk_bytes: int | None = None) -> Plan:
    """The plan for `sources`. Raises `InvalidInput` where one has no text to read, or their columns do not go together."""
    size = chunk_bytes or _chunk_bytes(sum(source.n_bytes for source in sources), columns)
    samples = {source.address: list(first_rows(source)) for source in sources if source.kind == "jsonl"}
    names: dict[str, tuple[str, ...]] = {}
    schemas: dict[str, pa.Schema] = {}
    starts: dict[str, int] = {}
    for source in sources:
        if source.kind == "parquet":
            with reading(source.address) as file:
                schemas[source.address] = _parquet_schema(source, file)
        elif source.kind == "jsonl":
            schemas[source.address] = planned({source.address: samples[source.address]}, columns)
        else:
            names[source.address], starts[source.address] = csv_head(source)
            schemas[source.address] = pa.schema([(name, pa.string()) for name in names[source.address]])
        if source.kind != "jsonl" or samples[source.address]:
            check_readable(source.address, schemas[source.address], columns)
    lines = [("JSON Lines", planned(samples, columns))] if samples else []  # of all files at once: what is whole here may be broken there
    schema = together([*lines, *((place, found) for place, found in schemas.items() if place not in samples)])
    chunks: list[Chunk] = []
    for source in sources:
        bounds = bounds_of(source, starts.get(source.address, 0), size)
        for start, stop in pairwise(bounds):
            share = source.n_bytes * (stop - start) // max(1, bounds[-1] - bounds[0])
            chunks.append(Chunk(len(chunks), source, start, stop, share, names.get(source.address, ())))
    return Plan(columns, folder.card.name, sha256(folder.path / CARD), schema, sources, chunks)


def plan_of(out: Folder, addresses: Sequence[str], columns: Columns, folder: ModelFolder, chunk_bytes: int | None = None) -> Plan:
    """The plan that stands in `out`, where it is for the same files, options and model, else `Conflict`; where none stands there, a new one."""
    sources = sources_of(addresses, without=out.address)
    kept = out.read(PLAN)
    if kept is None:
        if out.names(PARTS):
            raise Conflict(f"{out.address}: it holds verdicts, but no {PLAN} that says of what; name another folder")
        return make_plan(sources, columns, folder, chunk_bytes)
    plan = _read(out, kept)
    for what, was, now in _differences(plan, sources, columns, sha256(folder.path / CARD)):
        raise Conflict(f"{out.address} was begun with {what} {was}, not {now}; go on as it was begun, or name another folder")
    return replace(plan, columns=columns)  # those that only the report looks at may be others now


def write_plan(out: Folder, plan: Plan) -> None:
    """Keeps the plan: the first thing that is written of an archive."""
    with out.writing(PLAN) as file:
        file.write(json.dumps(_row(plan), indent=1).encode())


def chunk_row(chunk: Chunk) -> dict[str, Any]:
    """A chunk as JSON has it, and back with `read_chunk`."""
    return asdict(chunk)


def read_chunk(row: Mapping[str, Any]) -> Chunk:
    """The chunk of `chunk_row`."""
    return Chunk(**(dict(row) | {"source": Source(**row["source"]), "names": tuple(row["names"])}))


def _chunk_bytes(n_bytes: int, columns: Columns) -> int:
    usual = min(max(n_bytes // _LEAST_CHUNKS, _LEAST_BYTES), _USUAL_BYTES)
    size = min(max(n_bytes // _MOST_CHUNKS, usual), _MOST_BYTES)
    return size // _ARTICLES_A_CHUNK if columns.articles else size


def _parquet_schema(source: Source, file: Any) -> pa.Schema:
    try:
        return pq.ParquetFile(file).schema_arrow.remove_metadata()
    except (pa.ArrowException, OSError) as error:
        raise InvalidInput(Fault(source.address, str(error).splitlines()[0], "a whole Parquet file")) from None


def _differences(plan: Plan, sources: Sequence[Source], columns: Columns, model: str) -> Iterator[tuple[str, str, str]]:
    if plan.columns.articles != columns.articles:
        yield "rows that are", *(("articles", "statements") if plan.columns.articles else ("statements", "articles"))
    for was, now in zip(plan.columns.read, columns.read, strict=True):
        if was != now:
            yield "the column", was, now
    if plan.model_digest != model:
        yield "the model", f"{plan.model} ({plan.model_digest[:8]})", model[:8]
    before, after = ({source.address: source for source in found} for found in (plan.sources, sources))
    for address in [*before, *(address for address in after if address not in before)]:
        if before.get(address) != after.get(address):
            what = "gone" if address not in after else "new" if address not in before else "changed since"
            yield "other files", f"than these ({address} is {what})", "with these"


def _row(plan: Plan) -> dict[str, Any]:
    schema = base64.b64encode(plan.schema.serialize().to_pybytes()).decode()
    chunks = [chunk_row(chunk) for chunk in plan.chunks]
    model = {"model": plan.model, "model_digest": plan.model_digest}
    return {"format": _FORMAT, "columns": asdict(plan.columns), **model, "schema": schema, "sources": list(map(asdict, plan.sources)), "chunks": chunks}


def _read(out: Folder, text: bytes) -> Plan:
    try:
        row = json.loads(text)
        if row["format"] != _FORMAT:
            raise Conflict(f"{out.address}/{PLAN} has format {row['format']}, this version reads {_FORMAT}; name another folder")
        schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(row["schema"])))
        sources, chunks = [Source(**source) for source in row["sources"]], [read_chunk(chunk) for chunk in row["chunks"]]
        return Plan(Columns(**row["columns"]), row["model"], row["model_digest"], schema, sources, chunks)
    except (ValueError, KeyError, TypeError, pa.ArrowException) as error:
        raise Conflict(f"{out.address}/{PLAN} is no plan of this version ({error}); name another folder") from None
