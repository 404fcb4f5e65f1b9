"""python -m tests.bench.archive speed | million | kills: `python -m service archive` beside the bare session pool, in a fixed memory, and killed at random.

speed    the same statements, all different and as long as quotes are (--words 10: as headlines), on one core and on all, by a pool of sessions alone and by the
         command, which take turns in rounds, as a machine's speed changes; bars, of all rounds together: 90 % of the pool's rows a second, and 1.8 times as
         many on two cores as on one. Both with the start of Ray and without, which is taken from an archive of a row a core.
million  1,000,000 short statements of which every other one is a duplicate, anywhere; bar: 4 GiB for the command and all that it starts, as the kernel counts
         pages (PSS), and each input row once.
kills    the command killed with SIGKILL five times at random moments; bar: the rows that come out are those of an undisturbed run.

Ends with 1 where a bar is missed.
"""

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import psutil
import pyarrow.parquet as pq
from rich.console import Console

from service.classifier import pool_of
from service.model_folder import RELEASED, open_model_folder
from service.pool import available_cores
from service.settings import MODELS
from service.statements.statement import Statement
from tests.archives import command, rows_of
from tests.bench.memory import tree_bytes
from training.examples import QUOTES

_MOST_BYTES = 4 << 30
_SHARE, _TIMES = 0.9, 1.8
_N_KILLS = 5
_HEADLINE_WORDS = 10
console = Console(soft_wrap=True)


@dataclass(frozen=True)
class Ran:
    """The command: how long it took, and the most memory that it and all below it held at once."""

    seconds: float
    most_bytes: float


def different_statements(n: int, n_words: int | None = _HEADLINE_WORDS) -> Iterator[str]:
    """`n` different statements of real words, of `n_words` at most."""
    quotes = [json.loads(line)["text"] for line in (QUOTES / "test.jsonl").read_text(encoding="utf-8").splitlines()]
    for number in range(n):
        words = quotes[number % len(quotes)].split()[:n_words]
        yield " ".join([*words, str(number // len(quotes))])


def write(path: Path, texts: Sequence[str]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps({"id": number, "text": text}, ensure_ascii=False) + "\n" for number, text in enumerate(texts))


def run(*arguments: str | Path) -> Ran:
    """The command to its end, its memory looked at four times a second."""
    begun, most = time.monotonic(), 0.0
    process = psutil.Popen(command(*arguments), stdout=subprocess.DEVNULL)
    while process.poll() is None:
        with suppress(psutil.Error):
            most = max(most, tree_bytes(process))
        with suppress(psutil.TimeoutExpired):
            process.wait(0.25)
    if process.returncode:
        sys.exit(f"the command ended with {process.returncode}")
    return Ran(time.monotonic() - begun, most)


class Spent(NamedTuple):
    """Seconds on the same `n_rows` by a pool alone, by the command, and by it for a row a core."""

    n_rows: int
    pool: float
    whole: float
    start: float

    @property
    def net(self) -> float:
        """Rows a second of the command, its start left out."""
        return self.n_rows / (self.whole - self.start)

    def __str__(self) -> str:
        gross = self.n_rows / self.whole
        return f"pool {self.n_rows / self.pool:,.1f} rows/s; archive {gross:,.1f}, without its start of {self.start:.1f} s {self.net:,.1f}"


def speed(folder: Path, n_rows: int, n_words: int | None, n_rounds: int) -> list[str]:
    texts = list(different_statements(n_rows * n_rounds, n_words))
    n_most = available_cores()
    rounds: dict[int, list[Spent]] = {n_cores: [] for n_cores in (1, n_most)}
    for number in range(n_rounds):
        for n_cores, spent in rounds.items():
            some = texts[number * n_rows :][: n_rows * n_cores // n_most]
            spent.append(_round(folder / f"{number}-{n_cores}", some, n_cores))
            console.print(f"round {number + 1}, {n_cores} cores: {spent[-1]}")
    sums = {n_cores: Spent(*map(sum, zip(*spent, strict=True))) for n_cores, spent in rounds.items()}
    for n_cores, total in sums.items():
        console.print(f"all rounds, {n_cores} cores: {total}")
    one, ours = sums[1], sums[n_most]
    bare = ours.n_rows / ours.pool
    console.print(f"{ours.net / bare:.1%} of the pool; {ours.net / one.net:.2f} times one core (the pool itself {bare * one.pool / one.n_rows:.2f})")
    missed = [] if ours.net >= _SHARE * bare else [f"{ours.net / bare:.1%} of the pool's rows a second, wanted {_SHARE:.0%}"]
    return missed if n_most == 1 or ours.net >= _TIMES * one.net else [*missed, f"{ours.net / one.net:.2f} times one core, wanted {_TIMES}"]


def _round(folder: Path, texts: Sequence[str], n_cores: int) -> Spent:
    folder.mkdir()
    pool = pool_of(open_model_folder(MODELS / RELEASED), n_cores)
    statements = [Statement(text) for text in texts]
    pool.submit(statements[:200]).result()
    begun = time.monotonic()
    pool.submit(statements).result()
    bare = time.monotonic() - begun
    pool.close()
    write(folder / "few.jsonl", texts[:n_cores])
    write(folder / "some.jsonl", texts)
    options = ["--cores", str(n_cores), "--model", MODELS / RELEASED]
    start = run(folder / "few.jsonl", "--out", folder / "few", *options).seconds
    return Spent(len(texts), bare, run(folder / "some.jsonl", "--out", folder / "some", *options).seconds, start)


def million(folder: Path, n_rows: int) -> list[str]:
    texts = list(different_statements(n_rows // 2)) * 2
    random.Random(1).shuffle(texts)  # noqa: S311 - the same order each time
    write(folder / "in.jsonl", texts)
    ran = run(folder / "in.jsonl", "--out", folder / "out", "--model", MODELS / RELEASED, "--report")
    parts = sorted((folder / "out" / "verdicts").glob("*.parquet"))
    ids = [number for path in parts for number in pq.read_table(path, columns=["id"]).column("id").to_pylist()]
    done = [json.loads(pq.read_metadata(path).metadata[b"onrecord"]) for path in parts]
    share = 1 - sum(part["n_run"] for part in done) / n_rows
    console.print(f"{n_rows:,} rows in {ran.seconds:,.0f} s, {n_rows / ran.seconds:,.0f} rows/s, {ran.most_bytes / 2**30:.2f} GiB, {share:.2%} not read again")
    missed = [] if ids == list(range(n_rows)) else ["not every row once, in order"]
    return missed if ran.most_bytes <= _MOST_BYTES else [*missed, f"{ran.most_bytes / 2**30:.2f} GiB"]


def kills(folder: Path, n_rows: int, seed: int) -> list[str]:
    write(folder / "in.jsonl", [text for text in different_statements(n_rows // 2) for _ in range(2)])
    options = ["--model", MODELS / RELEASED, "--chunk-bytes", str(max(5_000, n_rows))]
    undisturbed = run(folder / "in.jsonl", "--out", folder / "undisturbed", *options)
    moments = random.Random(seed)  # noqa: S311 - no secret
    for number in range(_N_KILLS):
        process = subprocess.Popen(command(folder / "in.jsonl", "--out", folder / "out", *options), stdout=subprocess.DEVNULL)
        after = moments.uniform(1, 0.6 * undisturbed.seconds)
        timer = threading.Timer(after, process.kill)
        timer.start()
        process.wait()
        timer.cancel()
        parts = folder / "out" / "verdicts"
        console.print(f"kill {number + 1} after {after:.1f} s: {len(list(parts.glob('part-*'))) if parts.is_dir() else 0} chunks are done")
    run(folder / "in.jsonl", "--out", folder / "out", *options)
    return [] if rows_of(folder / "out") == rows_of(folder / "undisturbed") else ["the rows differ from those of an undisturbed run"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("speed", "million", "kills"))
    parser.add_argument("--rows", type=int, help="speed 40,000 a round, million 1,000,000, kills 20,000")
    parser.add_argument("--rounds", type=int, default=2, help="for speed (%(default)s)")
    parser.add_argument("--words", type=int, help="of a statement at most, for speed (all)")
    parser.add_argument("--seed", type=int, default=1, help="of the moments of the kills (%(default)s)")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="archive-bench-"))
    try:
        if options.what == "speed":
            missed = speed(folder, options.rows or 40_000, options.words, options.rounds)
        elif options.what == "million":
            missed = million(folder, options.rows or 1_000_000)
        else:
            missed = kills(folder, options.rows or 20_000, options.seed)
    finally:
        shutil.rmtree(folder)
    for sentence in missed or ["All bars are held."]:
        console.print(sentence)
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
