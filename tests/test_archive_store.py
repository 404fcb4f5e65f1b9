"""An archive in an object store, as S3 answers it: read from there, written to there, gone on with there."""

from collections.abc import Iterator

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from moto.server import ThreadedMotoServer
from pyarrow import fs

from service.__main__ import main
from service.archive.place import Folder, sources_of
from service.errors import InvalidInput
from service.model_folder import ModelFolder
from tests.archives import archived, run
from tests.fakes import write_toy_model

ROWS = [{"id": number, "text": f"They {word} it {number}."} for number, word in enumerate(("denied", "confirmed", "mentioned") * 40)]


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    return write_toy_model(tmp_path_factory.mktemp("toy"))


class Bucket:
    """One bucket of a store in this process."""

    def __init__(self, endpoint: str) -> None:
        self._query = f"?endpoint_override={endpoint}&scheme=http&region=us-east-1&allow_bucket_creation=true"
        self.files, _ = fs.FileSystem.from_uri(self.of("any"))
        self.files.create_dir("news")

    def of(self, path: str) -> str:
        return f"s3://news/{path}{self._query}"

    def names(self, folder: str) -> list[str]:
        found = self.files.get_file_info(fs.FileSelector(f"news/{folder}", recursive=True))
        return sorted(info.path.removeprefix("news/") for info in found if info.is_file)

    def rows(self, folder: str) -> list[dict[str, object]]:
        parts = (self.files.open_input_file(f"news/{name}") for name in self.names(f"{folder}/verdicts"))
        return [row for part in parts for row in pq.read_table(part).to_pylist()]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    httpx.post(f"http://{endpoint}/moto-api/reset").raise_for_status()
    made = Bucket(endpoint)
    for number, part in enumerate((ROWS[:50], ROWS[50:])):
        with made.files.open_output_stream(f"news/in/{number}.parquet") as stream:
            pq.write_table(pa.Table.from_pylist(part), stream)
    return made


def test_verdicts_go_where_the_rows_came_from_and_are_not_read_as_rows(bucket: Bucket, toy: ModelFolder) -> None:
    for _ in range(2):
        archived(toy, bucket.of("in/out"), bucket.of("in"))
        assert [(row["id"], row["stance"]) for row in bucket.rows("in/out")] == [
            (row["id"], {"denied": "deny", "confirmed": "confirm"}.get(str(row["text"]).split()[1], "other")) for row in ROWS
        ]
    assert [source.address.partition("?")[0] for source in sources_of([bucket.of("in")], Folder(bucket.of("in/out")).address)] == [
        "s3://news/in/0.parquet",
        "s3://news/in/1.parquet",
    ]


def test_a_chunk_that_is_missing_is_done_again_and_no_other(bucket: Bucket, toy: ModelFolder) -> None:
    archived(toy, bucket.of("out"), bucket.of("in/*.parquet"))
    before = bucket.rows("out")
    first, second, *_ = bucket.names("out/verdicts")
    bucket.files.delete_file(f"news/{first}")
    kept = bucket.files.get_file_info(f"news/{second}").mtime
    archived(toy, bucket.of("out"), bucket.of("in/*.parquet"))
    assert bucket.rows("out") == before
    assert bucket.files.get_file_info(f"news/{second}").mtime == kept


def test_a_file_is_there_when_its_writer_has_ended_and_not_before(bucket: Bucket) -> None:
    folder = Folder(bucket.of("out"))
    with pytest.raises(TypeError), folder.writing("verdicts/part.parquet") as file:
        file.write(3)  # type: ignore[arg-type]
    assert not folder.has("verdicts/part.parquet")
    with folder.writing("verdicts/part.parquet") as file:
        file.write(b"whole")
    assert folder.read("verdicts/part.parquet") == b"whole"


def test_what_is_not_in_the_store_is_told(bucket: Bucket) -> None:
    with pytest.raises(InvalidInput, match="no such file"):
        sources_of([bucket.of("none/*.parquet")], "/out")


@pytest.mark.model
def test_the_command_reads_and_writes_there(bucket: Bucket, toy: ModelFolder, capfd: pytest.CaptureFixture[str]) -> None:
    done = run(bucket.of("in"), "--out", bucket.of("out"), "--model", toy.path, "--cores", "2", "--report")
    assert f"{len(ROWS)} rows" in done.stdout
    assert [row["id"] for row in bucket.rows("out")] == [row["id"] for row in ROWS]
    assert "out/report.html" in bucket.names("out")
    assert main(["archive", bucket.of("in"), "--out", bucket.of("out"), "--model", str(toy.path), "--text-column", "id"]) == 2
    assert "was begun with the column text, not id" in capfd.readouterr().err
