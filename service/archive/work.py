"""A chunk -> one Parquet file of verdicts, a slice of rows after another. Who does which chunk is not known here."""

import json
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace

import pyarrow as pa
import pyarrow.parquet as pq

from service.archive.columns import FOUND, VERDICT, WHERE, Columns
from service.archive.judge import KnownFirst
from service.archive.place import Folder
from service.archive.plan import PARTS, Chunk
from service.archive.rows import Slice, lines_at, slices_of
from service.archive.text import Reject
from service.classifier import Classifier
from service.errors import Fault, InvalidInput
from service.stance import STANCES, Verdict
from service.statements.article import Attribution, statements_in
from service.statements.statement import Statement

_ROWS, _ARTICLES = 512, 16  # in a slice: what is in memory at once, and what a kill loses of the verdicts
_DONE = b"onrecord"


@dataclass(frozen=True)
class Done:
    """What became of a chunk: rows read and refused, statements that were judged, and those of them that the network had to read; on which node."""

    number: int
    n_bytes: int
    n_rows: int
    n_rejected: int
    n_statements: int
    n_run: int
    node: str


@dataclass(frozen=True)
class Work:
    """What all chunks have in common."""

    columns: Columns
    schema: pa.Schema
    model: str
    model_digest: str
    out: str
    strict: bool = False


def archive_chunk(work: Work, chunk: Chunk, judge: tuple[Classifier, KnownFirst], node: str = "") -> Done:
    """Writes the verdicts of a chunk, unless they are there. Raises `InvalidInput`, on the first row that cannot be read where that is wanted."""
    out, (classifier, known) = Folder(work.out), judge
    if out.has(f"{PARTS}/{chunk.part}"):
        return read_done(out, chunk)
    before, rejects = known.n_run, list[Reject]()
    done = Done(chunk.number, chunk.n_bytes, 0, 0, 0, 0, node)
    schema = out_schema(work.schema, work.columns)
    sink = pa.BufferOutputStream()  # some megabytes: so that the file comes to be at once, also where nothing can be renamed
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        slices = slices_of(chunk, work.schema, work.columns, _ARTICLES if work.columns.articles else _ROWS)
        for rows, (table, refused) in _judged_ahead(slices, work, chunk, classifier, 0 if known.n_threads == 1 else 1):
            rejects += refused
            if refused and work.strict:
                raise InvalidInput(Fault(_where(chunk, refused[0]), f"one that cannot ({refused[0].reason})", "rows that can be read"))
            done = replace(done, n_rows=done.n_rows + len(rows.at) + len(rows.rejects), n_statements=done.n_statements + table.num_rows)
            writer.write_table(table.select(schema.names).cast(schema))
        done = replace(done, n_rejected=len(rejects), n_run=known.n_run - before)
        writer.add_key_value_metadata({_DONE: json.dumps(asdict(done))})
    if rejects:  # before the verdicts, which say that all is done
        with out.writing(chunk.rejects) as file:
            file.write("".join(json.dumps(asdict(reject), ensure_ascii=False) + "\n" for reject in rejects).encode("utf-8", "backslashreplace"))
    with out.writing(f"{PARTS}/{chunk.part}") as file:
        file.write(sink.getvalue())
    return done


def read_done(out: Folder, chunk: Chunk) -> Done:
    """What is told by the file of a chunk that is done."""
    with out.open(f"{PARTS}/{chunk.part}") as file:
        return Done(**json.loads(pq.ParquetFile(file).metadata.metadata[_DONE]))


def out_schema(schema: pa.Schema, columns: Columns) -> pa.Schema:
    """The columns of the archive: the input's, where the row stands in it, what was found in an article, and the verdict."""
    own = [pa.field(columns.out(field.name), field.type) for field in schema if not (columns.articles and field.name == columns.text)]
    return pa.schema([*own, *WHERE, *(FOUND if columns.articles else ()), *VERDICT])


def _judged_ahead(
    slices: Iterable[Slice], work: Work, chunk: Chunk, classifier: Classifier, n_ahead: int
) -> Iterator[tuple[Slice, tuple[pa.Table, list[Reject]]]]:
    """The slices in order with what `judged` makes of them; while one is looked at, `n_ahead` are on their way, so that no core waits for the others."""
    with ThreadPoolExecutor(1 + n_ahead) as threads:
        waiting: deque[tuple[Slice, Future[tuple[pa.Table, list[Reject]]]]] = deque()
        for rows in slices:
            waiting.append((rows, threads.submit(judged, rows, work, chunk, classifier)))
            if len(waiting) > n_ahead:
                first, judging = waiting.popleft()
                yield first, judging.result()
        for last, judging in waiting:
            yield last, judging.result()


def judged(rows: Slice, work: Work, chunk: Chunk, classifier: Classifier) -> tuple[pa.Table, list[Reject]]:
    """A row for each statement of a slice, and the rows without any that can be read."""
    columns = work.columns
    texts, seconds = (rows.rows.column(name).to_pylist() if name in rows.rows.column_names else [None] * len(rows.at) for name in columns.read)
    statements: list[Statement] = []
    found: list[Attribution] = []
    places: list[int] = []
    rejects = list(rows.rejects)
    for place, (text, second) in enumerate(zip(texts, seconds, strict=True)):
        try:
            if columns.articles:
                own = statements_in(_there(text, columns), second)
                found += own
                statements += [attribution.statement for attribution in own]
                places += [place] * len(own)
            else:
                statements.append(Statement(_there(text, columns), second))
                places.append(place)
        except InvalidInput as error:
            rejects.append(Reject(rows.at[place], str(error)))
    own_rows = rows.rows.take(pa.array(places, pa.int64()))
    kept = [name for name in own_rows.column_names if not (columns.articles and name == columns.text)]
    arrays = {columns.out(name): own_rows.column(name) for name in kept}
    arrays |= {"input_file": _same(chunk.source.address, len(places)), "input_row": pa.array([rows.at[place] for place in places], pa.int64())}
    arrays |= _found(found) if columns.articles else {}
    arrays |= _verdicts(classifier.classify(statements)) | {name: _same(getattr(work, name), len(places)) for name in ("model", "model_digest")}
    return pa.table(arrays), sorted(rejects, key=lambda reject: reject.at)


def _there(text: str | None, columns: Columns) -> str:
    if text is None or (columns.articles and not text.strip()):
        raise InvalidInput(Fault(columns.text, "nothing", "a text that is not blank"))
    return text


def _found(found: list[Attribution]) -> dict[str, pa.Array]:
    cues, speakers = [one.cue for one in found], [one.speaker for one in found]
    columns = {
        "text": [one.text for one in found],
        "context": [one.statement.context for one in found],
        "form": [str(one.form) for one in found],
        "speaker": [speaker and speaker.name for speaker in speakers],
        "cue": [cue and cue.text for cue in cues],
        "start": [one.spans[0][0] for one in found],
        "end": [one.spans[-1][1] for one in found],
        "cue_start": [cue and cue.start for cue in cues],
        "cue_end": [cue and cue.end for cue in cues],
        "speaker_start": [speaker and speaker.start for speaker in speakers],
        "speaker_end": [speaker and speaker.end for speaker in speakers],
        "spans": [[list(span) for span in one.spans] for one in found],
    }
    return {field.name: pa.array(columns[field.name], field.type) for field in FOUND}


def _verdicts(verdicts: list[Verdict]) -> dict[str, pa.Array]:
    shares = {str(stance): [verdict.probabilities[number] for verdict in verdicts] for number, stance in enumerate(STANCES)}
    columns = {name: [getattr(verdict, name) for verdict in verdicts] for name in ("stance", "probability", "certain", "truncated")}
    columns["stance"] = [str(stance) for stance in columns["stance"]]
    return {name: pa.array(values, VERDICT.field(name).type) for name, values in (columns | shares).items()}


def _same(value: str, n: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array([0] * n, pa.int32()), pa.array([value]))


def _where(chunk: Chunk, reject: Reject) -> str:
    address = chunk.source.address
    return f"{address} row {reject.at + 1}" if chunk.source.kind == "parquet" else f"{address} line {lines_at(address, [reject.at])[reject.at]}"
