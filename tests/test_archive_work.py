"""Chunks -> verdicts, without Ray: what stands in the archive, what is not read twice, and what is told of rows that cannot be read."""

import json
from pathlib import Path

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.archive.columns import Columns
from service.archive.dry_run import estimate
from service.archive.finish import Total, write_rejected
from service.archive.known import Known
from service.archive.place import Folder
from service.archive.progress import Progress, duration
from service.archive.work import Done, read_done
from service.errors import InvalidInput, StoreUnavailable
from service.model_folder import CARD, ModelFolder, open_model_folder, sha256
from service.network import Output
from service.settings import EXAMPLE
from service.stance import STANCES
from service.statements.article import statements_in
from tests.archives import archived, planned, real_rows, rows_of, write_lines
from tests.fakes import write_toy_model

SAID = ("They denied it.", "They confirmed it.", "We are looking into it.")


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    return write_toy_model(tmp_path_factory.mktemp("toy"))


def test_a_row_comes_out_with_its_columns_its_place_and_its_verdict(toy: ModelFolder, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "in.jsonl", [{"text": text, "id": number, "stance": "mine"} for number, text in enumerate(SAID)])
    archived(toy, tmp_path / "out", path)
    rows = rows_of(tmp_path / "out")
    assert [(row["text"], row["id"], row["stance"], row["certain"]) for row in rows] == [
        ("They denied it.", 0, "deny", True),
        ("They confirmed it.", 1, "confirm", True),
        ("We are looking into it.", 2, "other", False),
    ]
    for row in rows:
        assert row["input_stance"] == "mine"
        assert (row["input_file"], row["model"], row["model_digest"]) == (str(path), "fake", sha256(toy.path / CARD))
        assert row["probability"] == max(row[stance] for stance in STANCES)
        assert sum(row[stance] for stance in STANCES) == pytest.approx(1)
        assert path.read_bytes()[row["input_row"] :].startswith(json.dumps({"text": row["text"]})[:-1].encode())


def test_columns_have_the_names_that_the_options_say(toy: ModelFolder, tmp_path: Path) -> None:
    pq.write_table(pa.table({"said": ["any role"], "around": ["They denied any role."], "text": [7]}), tmp_path / "in.parquet")
    archived(toy, tmp_path / "out", tmp_path / "in.parquet", columns=Columns(text="said", context="around"))
    (row,) = rows_of(tmp_path / "out")
    assert (row["stance"], row["text"], row["input_row"]) == ("deny", 7, 0)


def test_a_text_is_read_once_wherever_it_stands(toy: ModelFolder, tmp_path: Path) -> None:
    rows = [{"text": f"They denied it {number % 50}."} for number in range(400)]
    dones = archived(toy, tmp_path / "out", write_lines(tmp_path / "in.jsonl", rows))
    assert len(dones) > 10
    assert sum(done.n_run for done in dones) == 50
    assert Total().plus(dones[0]).plus(dones[-1]).share_known > 0


def test_the_same_text_in_another_context_is_another(toy: ModelFolder, tmp_path: Path) -> None:
    rows = [{"text": "it", "context": context} for context in ("They denied it.", "They confirmed it.", None, "They denied it.")]
    dones = archived(toy, tmp_path / "out", write_lines(tmp_path / "in.jsonl", rows), chunk_bytes=10_000)
    assert [row["stance"] for row in rows_of(tmp_path / "out")] == ["deny", "confirm", "other", "deny"]
    assert dones[0].n_run == 3


def test_a_chunk_that_is_done_is_not_done_again(toy: ModelFolder, tmp_path: Path) -> None:
    path, out = write_lines(tmp_path / "in.jsonl", [{"text": text} for text in SAID * 20]), tmp_path / "out"
    first = archived(toy, out, path)
    before = {part.name: part.stat().st_mtime_ns for part in (out / "verdicts").iterdir()}
    (out / "verdicts" / "part-000001.parquet").unlink()
    assert archived(toy, out, path)[0] == first[0]
    after = {part.name: part.stat().st_mtime_ns for part in (out / "verdicts").iterdir()}
    assert {name for name in before if before[name] != after[name]} == {"part-000001.parquet"}


def test_a_writer_that_fails_leaves_nothing_that_looks_done(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path))
    with pytest.raises(TypeError), folder.writing("verdicts/part.parquet") as file:
        file.write(3)  # type: ignore[arg-type]
    assert list((tmp_path / "verdicts").iterdir()) == []
    (tmp_path / "verdicts" / ".part.parquet.1.partial").write_bytes(b"of a writer that was killed")
    assert folder.names("verdicts") == set()
    folder.sweep("verdicts")
    assert list((tmp_path / "verdicts").iterdir()) == []


def test_rows_without_a_statement_are_told_with_file_line_and_reason(toy: ModelFolder, tmp_path: Path) -> None:
    path, out = write_lines(tmp_path / "in.jsonl", [{"text": "a"}, "{", {"text": " "}, {"text": "b\u0007"}, {"id": 1}, {"text": "c"}]), tmp_path / "out"
    dones = archived(toy, out, path, chunk_bytes=15)
    assert [row["text"] for row in rows_of(out)] == ["a", "c"]
    first = write_rejected(Folder(str(out)), planned(toy, out, path), dones)
    rejected = [json.loads(line) for line in (out / "rejected.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(row["file"], row["line"]) for row in rejected] == [(str(path), line) for line in (2, 3, 4, 5)]
    assert [row["reason"].partition(":")[0] for row in rejected] == ["the line", "text", "text", "text"]
    assert first is not None
    assert first.startswith(f"{path} line 2: the line: wanted a JSON object")


def test_strict_stops_at_the_first_row_that_cannot_be_read(toy: ModelFolder, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "in.jsonl", [{"text": "a"}, {"text": 5}])
    with pytest.raises(InvalidInput, match=r"in\.jsonl line 2: wanted rows that can be read, got one that cannot \(text: wanted a string, got 5\)"):
        archived(toy, tmp_path / "out", path, strict=True, chunk_bytes=10_000)
    assert not (tmp_path / "out" / "verdicts").exists()


def test_an_article_gives_a_row_for_each_of_its_statements(toy: ModelFolder, tmp_path: Path) -> None:
    article = EXAMPLE.read_text(encoding="utf-8")
    path = write_lines(tmp_path / "in.jsonl", [{"id": 1, "text": article, "speaker": "ours"}, {"id": 2, "text": "Nobody spoke."}, {"id": 3, "text": None}])
    (done,) = archived(toy, tmp_path / "out", path, columns=Columns(articles=True), chunk_bytes=100_000)
    rows = rows_of(tmp_path / "out")
    found = statements_in(article)
    assert (done.n_rows, done.n_rejected, done.n_statements) == (3, 1, len(found))
    assert [row["text"] for row in rows] == [attribution.text for attribution in found]
    for row, attribution in zip(rows, found, strict=True):
        assert (row["id"], row["input_speaker"], row["speaker"]) == (1, "ours", attribution.speaker and attribution.speaker.name)
        assert [tuple(span) for span in row["spans"]] == list(attribution.spans)
        assert row["cue"] is None or article[row["cue_start"] : row["cue_end"]] == row["cue"]


def test_what_became_of_a_chunk_stands_in_its_file(toy: ModelFolder, tmp_path: Path) -> None:
    path, out = write_lines(tmp_path / "in.jsonl", [{"text": text} for text in (*SAID, " ")]), tmp_path / "out"
    (done,) = archived(toy, out, path)
    assert read_done(Folder(str(out)), planned(toy, out, path).chunks[0]) == done == Done(0, path.stat().st_size, 4, 1, 3, 3, "here")


def test_what_is_known_is_kept_as_it_was_and_takes_no_more_room_than_it_may(tmp_path: Path) -> None:
    outputs = {bytes([number]) * 32: Output(np.array([number, 0.1, -2.5, 1e-9, 3], dtype=np.float32), number % 2 == 0) for number in range(200)}
    Known(tmp_path / "known.sqlite").remember(outputs)
    found = Known(tmp_path / "known.sqlite").look_up([*outputs, b"\xff" * 32])
    assert found.keys() == outputs.keys()
    assert all(np.array_equal(found[key].logits, output.logits) and found[key].truncated == output.truncated for key, output in outputs.items())
    full = Known(tmp_path / "full.sqlite", most_bytes=0)
    full.remember(outputs)
    assert full.look_up(list(outputs)) == {}


def test_a_file_of_what_is_known_that_is_damaged_is_named(tmp_path: Path) -> None:
    (tmp_path / "known.sqlite").write_bytes(b"no database" * 1_000)
    with pytest.raises(StoreUnavailable, match=r"known\.sqlite"):
        Known(tmp_path / "known.sqlite")


def test_a_dry_run_tells_rows_and_time_and_writes_nothing(toy: ModelFolder, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "in.jsonl", [{"text": f"They denied it {number:05}."} for number in range(3_000)])
    found = estimate(planned(toy, tmp_path / "out", path, chunk_bytes=10_000), toy)
    assert found.n_rows == pytest.approx(3_000, rel=0.02)
    assert found.sentence(2).startswith("would read 1 file of 0.1 MB, about ")
    assert not (tmp_path / "out").exists()


def test_progress_tells_rows_speed_time_left_and_duplicates() -> None:
    now = [0.0]
    progress = Progress(4_000, Total(n_rows=100, n_statements=100), 1_000, lambda: now[0])
    now[0] = 10.0
    progress.add(Done(1, 1_000, 100, 0, 100, 40, ""))
    assert progress.line() == " 50%  200 rows  10 rows/s  20 s left  30% duplicates"
    assert [duration(seconds) for seconds in (40, 725, 12_000, 100_000)] == ["40 s", "12 min 5 s", "3 h 20 min", "1 d 3 h"]


@pytest.mark.model
def test_a_statement_gets_the_same_answer_here_and_over_http(released: Path, address: str, tmp_path: Path) -> None:
    rows = real_rows(1_000)
    archived(open_model_folder(released), tmp_path / "out", write_lines(tmp_path / "in.jsonl", rows), chunk_bytes=100_000)
    for first in range(0, 1_000, 250):
        asked = [{"text": row["text"], "context": row["context"]} for row in rows[first : first + 250]]
        answer = httpx.post(f"{address}/v1/predict", json={"statements": asked}, timeout=60).raise_for_status().json()
        for verdict, row in zip(answer["verdicts"], rows_of(tmp_path / "out")[first : first + 250], strict=True):
            assert {name: row[name] for name in ("stance", "probability", "certain", "truncated")} == {
                name: verdict[name] for name in ("stance", "probability", "certain", "truncated")
            }
            assert {str(stance): row[stance] for stance in STANCES} == verdict["probabilities"]


def test_slices_that_are_judged_ahead_come_out_in_order_and_as_in_turn(toy: ModelFolder, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "in.jsonl", [{"id": number, "text": f"{SAID[number % 3]} {number % 900}"} for number in range(2_000)])
    in_turn, ahead = tmp_path / "in turn", tmp_path / "ahead"
    archived(toy, in_turn, path, chunk_bytes=1_000_000)
    (done,) = archived(toy, ahead, path, chunk_bytes=1_000_000, n_threads=3)
    assert rows_of(ahead) == rows_of(in_turn)
    assert 900 <= done.n_run <= 1_024  # two slices that are on their way at once may both have a text read


@pytest.mark.parametrize(("sizes", "n"), [([1, 1], 1), ([2], 2), ([0, 16, 16], 8), ([12], 6), ([13], 1), ([4, 6], 2)])
def test_a_task_takes_as_many_cores_as_leave_none_idle(sizes: list[int], n: int) -> None:
    from service.archive.run import threads_of

    assert threads_of(sizes) == n
