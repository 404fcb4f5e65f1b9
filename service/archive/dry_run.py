"""A plan -> what a run would read and how long it would take, from a few rows judged here. Nothing is written, and no Ray started."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from service.archive.judge import judge_of
from service.archive.plan import Plan
from service.archive.progress import duration
from service.archive.rows import slices_of
from service.archive.work import Work, judged
from service.model_folder import ModelFolder

_SECONDS = 5.0
_SAMPLE_CHUNKS = 8
_SAMPLE_ROWS = {False: 64, True: 1}  # articles or not: judged at once before looking at the clock


@dataclass(frozen=True)
class Estimate:
    """`seconds_a_core` is for all rows, duplicates not taken off."""

    n_files: int
    n_chunks: int
    n_bytes: int
    n_rows: float
    seconds_a_core: float

    def sentence(self, n_cores: int) -> str:
        """For the person who thinks of starting it."""
        speed = self.n_rows / max(self.seconds_a_core, 1e-9)
        took = duration(self.seconds_a_core / n_cores)
        size = f"{self.n_bytes / 1e6:,.1f} MB" if self.n_bytes < 1e9 else f"{self.n_bytes / 1e9:,.1f} GB"
        files, chunks = (f"{n:,} {word}{'s' * (n != 1)}" for n, word in ((self.n_files, "file"), (self.n_chunks, "chunk")))
        what = f"{files} of {size}, about {self.n_rows:,.0f} rows, in {chunks}"
        return f"would read {what}: at {speed:,.1f} rows a second on each of {n_cores} cores about {took}, less for duplicates"


def estimate(plan: Plan, folder: ModelFolder, clock: Callable[[], float] = time.monotonic) -> Estimate:
    """Judges rows from chunks all over the input for a few seconds."""
    work = Work(plan.columns, plan.schema, plan.model, plan.model_digest, "")
    n_rows, n_bytes, seconds = 0, 0.0, 0.0
    with tempfile.TemporaryDirectory() as scratch:
        classifier, _ = judge_of(folder, Path(scratch) / "known.sqlite")
        for chunk in plan.chunks[:: max(1, len(plan.chunks) // _SAMPLE_CHUNKS)]:
            begun, n_read = clock(), 0.0
            for rows in slices_of(chunk, plan.schema, plan.columns, _SAMPLE_ROWS[plan.columns.articles]):
                judged(rows, work, chunk, classifier)
                n_rows += len(rows.at) + len(rows.rejects)
                n_read = chunk.n_bytes * (rows.stop - chunk.start) / (chunk.stop - chunk.start)
                if clock() - begun > _SECONDS / _SAMPLE_CHUNKS:
                    break
            n_bytes += n_read
            seconds += clock() - begun
        classifier.close()
    total = sum(chunk.n_bytes for chunk in plan.chunks)
    factor = total / n_bytes if n_bytes else 0.0
    return Estimate(len(plan.sources), len(plan.chunks), total, n_rows * factor, seconds * factor)
