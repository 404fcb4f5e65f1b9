"""Inputs -> chunks: every row in one chunk, whatever the format and wherever the cuts fall; and a plan that is held to."""

import csv
import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.archive.columns import Columns
from service.archive.place import Folder
from service.archive.plan import plan_of, write_plan
from service.archive.rows import lines_at, slices_of
from service.archive.text import MOST_LINE_BYTES
from service.errors import Conflict, InvalidInput
from service.model_folder import ModelFolder
from tests.archives import planned, write_lines
from tests.fakes import write_model_folder

CELLS = st.text(st.sampled_from('ab,"\n\r é'), max_size=12)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    return write_model_folder(tmp_path_factory.mktemp("model"))


def texts(model: ModelFolder, folder: Path, *inputs: Path, chunk_bytes: int = 100) -> list[str]:
    """The texts of all chunks, each read by itself."""
    plan = planned(model, folder / "out", *inputs, chunk_bytes=chunk_bytes)
    slices = [rows for chunk in plan.chunks for rows in slices_of(chunk, plan.schema, plan.columns, 3)]
    assert not any(rows.rejects for rows in slices)
    return [text for rows in slices for text in rows.rows.column("text").to_pylist()]


@pytest.mark.parametrize("chunk_bytes", [1, 7, 30, 31, 10_000])
def test_every_line_is_in_one_chunk(model: ModelFolder, tmp_path: Path, chunk_bytes: int) -> None:
    path = write_lines(tmp_path / "in.jsonl", [{"text": "é" * number} if number % 4 else "" for number in range(40)])
    assert texts(model, tmp_path, path, chunk_bytes=chunk_bytes) == ["é" * number for number in range(40) if number % 4]


def test_a_file_needs_no_line_end_at_its_end(model: ModelFolder, tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text('{"text": "a"}\n{"text": "b"}', encoding="utf-8")
    assert texts(model, tmp_path, path, chunk_bytes=5) == ["a", "b"]


@given(cells=st.lists(st.tuples(CELLS, CELLS), max_size=30), chunk_bytes=st.integers(1, 60))
def test_csv_is_cut_between_rows_whatever_is_quoted(
    model: ModelFolder, tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[str, str]], chunk_bytes: int
) -> None:
    folder = tmp_path_factory.mktemp("csv")
    with (folder / "in.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([("text", "note"), *cells])
    assert texts(model, folder, folder / "in.csv", chunk_bytes=chunk_bytes) == [text for text, _ in cells]


def test_parquet_is_cut_within_row_groups_too(model: ModelFolder, tmp_path: Path) -> None:
    wanted = [f"text {number}" for number in range(100)]
    pq.write_table(pa.table({"text": wanted}), tmp_path / "in.parquet", row_group_size=33)
    plan = planned(model, tmp_path / "out", tmp_path / "in.parquet", chunk_bytes=200)
    assert len(plan.chunks) > 5
    assert texts(model, tmp_path, tmp_path / "in.parquet", chunk_bytes=200) == wanted


def test_folders_and_globs_give_their_files_once_and_never_the_archive_itself(model: ModelFolder, tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.jsonl", "deep/c.csv", ".hidden.jsonl", "out/verdicts/old.jsonl"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("text\nd\n" if name.endswith("csv") else '{"text": "d"}\n', encoding="utf-8")
    (tmp_path / "note.txt").write_text("not read", encoding="utf-8")
    plan = plan_of(Folder(str(tmp_path / "out" / "new")), [str(tmp_path / "*.jsonl"), str(tmp_path / "deep"), str(tmp_path / "a.jsonl")], Columns(), model)
    assert [Path(source.address).name for source in plan.sources] == ["a.jsonl", "b.jsonl", "c.csv"]


def test_the_columns_of_all_files_come_together(model: ModelFolder, tmp_path: Path) -> None:
    one = write_lines(tmp_path / "one.jsonl", [{"text": "a", "year": 1999, "share": 1, "tags": ["x"]}])
    two = write_lines(tmp_path / "two.jsonl", [{"text": "b", "share": 0.5, "sure": True, "nothing": None}])
    schema = planned(model, tmp_path / "out", one, two).schema
    assert {field.name: str(field.type) for field in schema} == {
        "text": "string",
        "year": "int64",
        "share": "double",
        "tags": "string",
        "sure": "bool",
        "nothing": "string",
        "more": "string",
    }


def test_what_no_column_takes_is_kept_beside(model: ModelFolder, tmp_path: Path) -> None:
    rows = [{"text": "a", "year": 1999}] * 300 + [{"text": "b", "year": "unknown", "new": [1]}]
    plan = planned(model, tmp_path / "out", write_lines(tmp_path / "in.jsonl", rows), chunk_bytes=100_000)
    (read,) = slices_of(plan.chunks[0], plan.schema, plan.columns, 1_000)
    last = read.rows.slice(300).to_pylist()[0]
    assert (last["year"], json.loads(last["more"])) == (None, {"year": "unknown", "new": [1]})


def test_a_row_that_cannot_be_read_is_told_by_its_place_and_the_others_are_read(model: ModelFolder, tmp_path: Path) -> None:
    bad = ["{", "[1]", '{"text": 5}', '{"text": "\\ud800"}', '{"text": "a", "note": "\\udfff"}', '{"text": "' + "a" * MOST_LINE_BYTES + '"}']
    path = write_lines(tmp_path / "in.jsonl", [{"text": "first"}, *bad, {"text": "last"}])
    with path.open("ab") as file:
        file.write(b'{"text": "\xff"}\n')
    plan = planned(model, tmp_path / "out", path, chunk_bytes=1 << 30)
    read = list(slices_of(plan.chunks[0], plan.schema, plan.columns, 100))
    assert [text for rows in read for text in rows.rows.column("text").to_pylist()] == ["first", "last"]
    rejects = [reject for rows in read for reject in rows.rejects]
    numbers = lines_at(str(path), [reject.at for reject in rejects])
    assert [numbers[reject.at] for reject in rejects] == [2, 3, 4, 5, 6, 7, 9]
    assert "JSON object" in rejects[0].reason
    assert "byte 0xFF" in rejects[-1].reason


def test_rows_of_csv_that_cannot_be_read_are_told(model: ModelFolder, tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(b'text,note\na,b\na\n"a"b,c\n\xff,d\n' + b"x" * (MOST_LINE_BYTES + 5) + b",y\nlast,e\n")
    plan = planned(model, tmp_path / "out", path, chunk_bytes=1 << 30)
    read = list(slices_of(plan.chunks[0], plan.schema, plan.columns, 100))
    assert [text for rows in read for text in rows.rows.column("text").to_pylist()] == ["a", "last"]
    assert len([reject for rows in read for reject in rows.rejects]) == 4


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("in.jsonl", b'{"body": "a"}\n', "--text-column"),
        ("in.csv", b"text,text\n", "none twice"),
        ("in.parquet", b"no Parquet", "whole Parquet file"),
        ("in.txt", b"a", "ends in"),
    ],
)
def test_an_input_that_cannot_be_used_is_refused_at_once(model: ModelFolder, tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidInput, match=says):
        planned(model, tmp_path / "out", tmp_path / name)


def test_an_input_that_is_not_there_is_refused(model: ModelFolder, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no such file"):
        planned(model, tmp_path / "out", tmp_path / "*.jsonl")
    with pytest.raises(InvalidInput, match="address"):
        plan_of(Folder(str(tmp_path / "out")), ["nowhere://bucket"], Columns(), model)


def test_texts_that_are_no_texts_are_refused(model: ModelFolder, tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": [1, 2]}), tmp_path / "in.parquet")
    with pytest.raises(InvalidInput, match="column text"):
        planned(model, tmp_path / "out", tmp_path / "in.parquet")


def test_a_plan_is_held_to(model: ModelFolder, tmp_path: Path) -> None:
    path, out = write_lines(tmp_path / "in.jsonl", [{"text": "a", "body": "b"}]), tmp_path / "out"
    plan = planned(model, out, path)
    write_plan(Folder(str(out)), plan)
    assert planned(model, out, path, chunk_bytes=1) == plan
    assert planned(model, out, path, columns=Columns(date="day")).chunks == plan.chunks  # which only the report looks at
    for columns in (Columns(articles=True), Columns(text="body")):
        with pytest.raises(Conflict, match="was begun with"):
            planned(model, out, path, columns=columns)
    other = write_model_folder(tmp_path / "other", seed=8)
    with pytest.raises(Conflict, match="the model fake"):
        planned(other, out, path)
    with pytest.raises(Conflict, match="is new"):
        planned(model, out, path, write_lines(tmp_path / "more.jsonl", [{"text": "c"}]))
    os.utime(path, (1, 1))
    with pytest.raises(Conflict, match="changed since"):
        planned(model, out, path)
