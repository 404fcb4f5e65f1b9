"""`python -m service archive`, on Ray: one command from files to verdicts, which goes on after whatever ended it, here and on a cluster."""

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest

from service.__main__ import main
from tests.archives import archived, command, real_rows, rows_of, run, write_lines
from tests.fakes import CUES, write_toy_model

N_ROWS = 10_000  # enough that a run is still at work when it is looked at and ended
CHUNK_BYTES = "3000"
AGENTS = {"ray::DashboardAgent", "ray::RuntimeEnvAgent"}  # of Ray; they try for a minute to tell of its death, and end then


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_model(tmp_path_factory.mktemp("toy")).path


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    words = [*CUES, "mentioned"]
    rows = [{"id": number, "text": f"They {words[number % len(words)]} it {number % 700}."} for number in range(N_ROWS)]
    return write_lines(tmp_path_factory.mktemp("inputs") / "in.jsonl", [*rows[:1_500], "{", *rows[1_500:]])


@pytest.fixture(scope="module")
def undisturbed(toy: Path, inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What has to come out, whatever happens on the way."""
    from service.model_folder import open_model_folder

    out = tmp_path_factory.mktemp("undisturbed")
    archived(open_model_folder(toy), out, inputs, chunk_bytes=int(CHUNK_BYTES))
    return rows_of(out)


def n_parts(out: Path) -> int:
    return len(list((out / "verdicts").glob("part-*"))) if (out / "verdicts").is_dir() else 0


def wait_for(process: "subprocess.Popen[str]", holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 100
    while not holds():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)  # another process: there is nothing here to wait on


@pytest.fixture
def started() -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Starts the command; whatever is left of it is ended after the test."""
    processes: list[subprocess.Popen[str]] = []

    def start(*arguments: str | Path) -> "subprocess.Popen[str]":
        process = subprocess.Popen(command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A folder with a short name: Ray puts sockets there."""
    with tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.mark.model
def test_an_archive_that_is_killed_again_and_again_ends_as_one_that_was_not(
    toy: Path, inputs: Path, undisturbed: list[dict[str, Any]], tmp_path: Path, started: Callable[..., "subprocess.Popen[str]"]
) -> None:
    options = [inputs, "--out", tmp_path, "--model", toy, "--chunk-bytes", CHUNK_BYTES, "--cores", "2"]
    for least in (2, 7):
        process = started(*options)
        wait_for(process, lambda least=least: n_parts(tmp_path) >= least)  # type: ignore[misc]
        below = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGKILL)
        process.wait()
        left = psutil.wait_procs(below, timeout=5)[1]
        assert {process.name() for process in left} <= AGENTS, "Ray outlives the command"
        for agent in left:
            agent.kill()
        assert n_parts(tmp_path) < len(undisturbed)
    done = run(*options)
    assert rows_of(tmp_path) == undisturbed
    assert f"{N_ROWS + 1:,} rows" in done.stdout
    assert f"line {1_501}" in done.stdout
    assert not (tmp_path / ".work").exists()


@pytest.mark.model
def test_ctrl_c_leaves_what_is_done_and_says_so(
    toy: Path, inputs: Path, undisturbed: list[dict[str, Any]], tmp_path: Path, started: Callable[..., "subprocess.Popen[str]"]
) -> None:
    options = [inputs, "--out", tmp_path, "--model", toy, "--chunk-bytes", CHUNK_BYTES, "--cores", "1"]
    process = started(*options)
    wait_for(process, lambda: n_parts(tmp_path) >= 2)
    process.send_signal(signal.SIGINT)
    error = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert "the same command goes on from there" in error
    assert "Traceback" not in error
    run(*options)
    assert rows_of(tmp_path) == undisturbed


@pytest.mark.model
def test_strict_ends_with_the_row_that_cannot_be_read(toy: Path, inputs: Path, tmp_path: Path) -> None:
    done = run(inputs, "--out", tmp_path, "--model", toy, "--cores", "1", "--strict", status=2)
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"error: {inputs} line 1501: wanted rows that can be read")


@pytest.mark.model
@pytest.mark.filterwarnings("ignore")  # Ray's, of libraries that it uses
def test_a_cluster_goes_on_when_one_of_its_nodes_is_killed(
    released: Path, tmp_path: Path, scratch: Path, started: Callable[..., "subprocess.Popen[str]"], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two nodes of one core, beside a head without any; the model goes to them with the job, and each part says which node it is from."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("TMPDIR", str(scratch))  # of the nodes
    model, rows = tmp_path / "model", real_rows(900)
    shutil.copytree(released, model)
    inputs, out = write_lines(tmp_path / "in.jsonl", rows), tmp_path / "out"
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": 80_000_000})
    try:
        nodes = [cluster.add_node(num_cpus=1, object_store_memory=80_000_000) for _ in range(2)]
        cluster.wait_for_nodes()
        process = started(inputs, "--out", out, "--model", model, "--address", cluster.address, "--chunk-bytes", "10000")
        wait_for(process, lambda: len(nodes_of(out)) == 2)
        cluster.remove_node(nodes[1], allow_graceful=False)
        printed = process.communicate(timeout=150)
        assert process.returncode == 0, printed
    finally:
        cluster.shutdown()
    found = rows_of(out)
    assert [(row["id"], row["text"]) for row in found] == [(row["id"], row["text"]) for row in rows]
    assert list(scratch.glob("onrecord-*/*")) == [], "the node that is left keeps the model"


def nodes_of(out: Path) -> set[str]:
    parts = list((out / "verdicts").glob("part-*")) if out.is_dir() else []
    return {json.loads(pq.ParquetFile(part).metadata.metadata[b"onrecord"])["node"] for part in parts}


def test_an_archive_that_is_complete_is_summed_up_without_ray(toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from service.model_folder import open_model_folder

    inputs = write_lines(tmp_path / "in.jsonl", [{"text": "They denied it."}] * 4)
    archived(open_model_folder(toy), tmp_path / "out", inputs)
    assert main(["archive", str(inputs), "--out", str(tmp_path / "out"), "--model", str(toy), "--report"]) == 0
    assert capsys.readouterr().out == (f"{tmp_path}/out/verdicts: 4 rows, 75% duplicates, model fake\nreport: {tmp_path}/out/report.html\n")


def test_two_runs_do_not_write_to_one_folder(toy: Path, inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (tmp_path / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert main(["archive", str(inputs), "--out", str(tmp_path), "--model", str(toy)]) == 2
    assert capsys.readouterr().err == f"error: {tmp_path}: another run is writing to it; wait for its end\n"
    assert os.listdir(tmp_path) == [".lock"]


def test_a_cluster_that_is_not_there_is_told_at_once(toy: Path, inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    with warnings.catch_warnings(action="ignore"):  # of libraries that Ray imports
        assert main(["archive", str(inputs), "--out", str(tmp_path), "--model", str(toy), "--address", address]) == 2
    assert capsys.readouterr().err.startswith(f"error: Ray cannot be reached at {address}: ")


def test_a_dry_run_is_one_sentence(toy: Path, inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["archive", str(inputs), "--out", str(tmp_path / "out"), "--model", str(toy), "--dry-run", "--cores", "2"]) == 0
    assert "rows a second on each of 2 cores" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()
