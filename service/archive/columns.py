"""A row of an input -> the columns of the archive: one schema for all files, whatever the later rows hold.

The columns are planned from the first rows of each file, once, so that all files of an archive have the same ones. In CSV all are text. In JSON Lines a
column is whole numbers, numbers, truths or text; text also takes what is nested or mixed, as JSON. A later value that its column does not take, and one without
a column, goes into the column `more` as JSON: nothing is lost, and no row is refused for a field that nobody asked about. Parquet has its own types.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from service.errors import Fault, InvalidInput, shown
from service.stance import STANCES

MORE = "more"
_FILE, _ROW = "input_file", "input_row"
WHERE = pa.schema([(_FILE, pa.dictionary(pa.int32(), pa.string())), (_ROW, pa.int64())])
FOUND = pa.schema(
    [
        *((name, pa.string()) for name in ("text", "context", "form", "speaker", "cue")),
        *((name, pa.int64()) for name in ("start", "end", "cue_start", "cue_end", "speaker_start", "speaker_end")),
        ("spans", pa.list_(pa.list_(pa.int64()))),
    ]
)
VERDICT = pa.schema(
    [
        ("stance", pa.string()),
        ("probability", pa.float64()),
        *((str(stance), pa.float64()) for stance in STANCES),
        ("certain", pa.bool_()),
        ("truncated", pa.bool_()),
        ("model", pa.dictionary(pa.int32(), pa.string())),
        ("model_digest", pa.dictionary(pa.int32(), pa.string())),
    ]
)
_KINDS: dict[type, pa.DataType] = {bool: pa.bool_(), int: pa.int64(), float: pa.float64()}


@dataclass(frozen=True)
class Columns:
    """Which columns hold what. Of `articles` a row is an article, whose statements are found in `text`; else it is a statement.

    `context` and `title` may be missing in a file; `date` and `source` are for the report alone.
    """

    articles: bool = False
    text: str = "text"
    context: str = "context"
    title: str = "title"
    speaker: str = "speaker"
    date: str | None = None
    source: str | None = None

    @property
    def read(self) -> tuple[str, ...]:
        """Those that have to be text."""
        return (self.text, self.title) if self.articles else (self.text, self.context)

    @property
    def ours(self) -> frozenset[str]:
        """The names that the archive needs itself; a column of the input that has one is called `input_…` in it."""
        return frozenset([*WHERE.names, *VERDICT.names, *(FOUND.names if self.articles else ())])

    def out(self, name: str) -> str:
        """What a column of the input is called in the archive."""
        return f"input_{name}" if name in self.ours else name


def planned(samples: Mapping[str, Sequence[Mapping[str, Any]]], columns: Columns) -> pa.Schema:
    """The schema of JSON objects of which `samples` are the first ones, by file."""
    kinds: dict[str, set[type]] = {}
    for rows in samples.values():
        for row in rows:
            for name, value in row.items():
                kinds.setdefault(name, set()).update(() if value is None else (type(value),))
    fields = [(name, pa.string() if name in columns.read else _kind(found)) for name, found in kinds.items() if name != MORE]
    return pa.schema([*fields, (MORE, pa.string())])


def together(schemas: Iterable[tuple[str, pa.Schema]]) -> pa.Schema:
    """One schema for files of several. Raises `InvalidInput` where a column has one type here and another there."""
    fields: dict[str, tuple[pa.DataType, str]] = {}
    for place, schema in schemas:
        for field in schema:
            kind, first = fields.setdefault(field.name, (field.type, place))
            if kind != field.type:
                raise InvalidInput(Fault(f"{place}, column {field.name}", str(field.type), f"{kind}, as in {first}; archive them apart"))
    return pa.schema([(name, kind) for name, (kind, _) in fields.items()])


def check_readable(place: str, schema: pa.Schema, columns: Columns) -> None:
    """Raises `InvalidInput` where a file has no text to read."""
    if columns.text not in schema.names:
        raise InvalidInput(Fault(place, f"the columns {', '.join(schema.names) or 'none'}", f"a column {columns.text!r} (--text-column names another)"))
    for name in columns.read:
        if name in schema.names and not _is_text(schema.field(name).type):
            raise InvalidInput(Fault(f"{place}, column {name}", str(schema.field(name).type), "text"))


def kinds_of(schema: pa.Schema) -> dict[str, pa.DataType]:
    """What `fitted` wants to know of a schema; a lookup there takes less time than one in the schema itself."""
    return {field.name: field.type for field in schema if field.name != MORE}


def fitted(row: Mapping[str, Any], kinds: Mapping[str, pa.DataType], columns: Columns) -> dict[str, Any]:
    """The values of a JSON object by the columns of a schema; raises `InvalidInput` where what has to be text is none."""
    values: dict[str, Any] = {}
    left: dict[str, Any] = {}
    for name, value in row.items():
        if name in columns.read and not isinstance(value, str | None):
            raise InvalidInput(Fault(name, shown(value), "a string"))
        kind = kinds.get(name)
        if kind is None or not _takes(kind, value):
            left[name] = value
        else:
            values[name] = _json(value) if pa.types.is_string(kind) and not isinstance(value, str | None) else value
    if left:
        values[MORE] = _json(left)
    for name, value in values.items():
        if isinstance(value, str) and not _is_unicode(value):
            raise InvalidInput(Fault(name, shown(value), "Unicode text, without lone surrogates"))
    return values


def _kind(found: set[type]) -> pa.DataType:
    if found == {int, float}:
        return pa.float64()
    return _KINDS.get(next(iter(found)), pa.string()) if len(found) == 1 else pa.string()


def _takes(kind: pa.DataType, value: Any) -> bool:
    if value is None or pa.types.is_string(kind):
        return True
    if kind == pa.float64():
        return type(value) is float or (type(value) is int and abs(value) <= 2**53)
    return type(value) is (bool if kind == pa.bool_() else int) and -(2**63) <= value < 2**63


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or (pa.types.is_dictionary(kind) and _is_text(kind.value_type)))


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
