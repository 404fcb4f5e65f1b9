"""Small archives for the tests: inputs written by hand, chunks done without Ray, and what came out as rows."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from service.archive.columns import Columns
from service.archive.judge import judge_of
from service.archive.place import Folder
from service.archive.plan import PARTS, Plan, plan_of, write_plan
from service.archive.work import Done, Work, archive_chunk
from service.model_folder import ModelFolder
from training.examples import QUOTES

Row = dict[str, Any]


def write_lines(path: Path, rows: Iterable[Mapping[str, Any] | str]) -> Path:
    """JSON Lines; a string goes in as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), encoding="utf-8")
    return path


def real_rows(n: int) -> list[Row]:
    """The first quotes of the test split, without their labels."""
    with (QUOTES / "test.jsonl").open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line, _ in zip(lines, range(n), strict=False)]
    return [{name: row[name] for name in ("id", "text", "context", "speaker", "topic")} for row in rows]


def planned(folder: ModelFolder, out: Path | str, *inputs: Path | str, columns: Columns | None = None, chunk_bytes: int = 400) -> Plan:
    return plan_of(Folder(str(out)), [str(path) for path in inputs], columns or Columns(), folder, chunk_bytes)


def archived(
    folder: ModelFolder, out: Path | str, *inputs: Path | str, columns: Columns | None = None, chunk_bytes: int = 400, strict: bool = False, n_threads: int = 1
) -> list[Done]:
    """What Ray does on many cores, done in turn."""
    plan = planned(folder, out, *inputs, columns=columns, chunk_bytes=chunk_bytes)
    write_plan(Folder(str(out)), plan)
    work = Work(plan.columns, plan.schema, plan.model, plan.model_digest, str(out), strict)
    with tempfile.TemporaryDirectory() as scratch:
        judge = judge_of(folder, Path(scratch) / "known.sqlite", n_threads)
        try:
            return [archive_chunk(work, chunk, judge, "here") for chunk in plan.chunks]
        finally:
            judge[0].close()


def rows_of(out: Path) -> list[Row]:
    """All that was archived, in the order of the input."""
    return [row for path in sorted((out / PARTS).glob("*.parquet")) for row in pq.read_table(path).to_pylist()]


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "service", "archive", *map(str, arguments)]


def run(*arguments: str | Path, status: int = 0) -> subprocess.CompletedProcess[str]:
    """The command, ended with `status`."""
    done = subprocess.run(command(*arguments), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return done
