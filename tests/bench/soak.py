"""python -m tests.bench.soak --minutes 20: a service under a mixed load, and whether its memory, threads and open files stay where they are.

The load is what comes to a service from outside: statements, articles, labels put in and looked up, bodies that make no sense, and callers who hang up half
way. The service is a process of its own, on a store of its own, with the released model. A quarter of the time is warm-up, in which caches fill (that of
verdicts is made small for it). Prints a table, draws build/soak.png, and exits with 1 where something has grown.
"""

import argparse
import itertools
import json
import os
import random
import signal
import socket
import statistics
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import matplotlib as mpl
import numpy as np
import psutil
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table
from scipy.stats import theilslopes

from service.settings import EXAMPLE
from tests.conftest import running_service
from training.examples import read_split

_PICTURE = Path(__file__).parent.parent.parent / "build" / "soak.png"
_N_CLIENTS = 4
_WARM_UP = 0.25
_CACHE_BYTES = 400_000  # a thousand verdicts
# What may be more at the end than after the warm-up: about two in a hundred of what a service takes, and what comes and goes with its connections.
_MOST_MB, _MOST_THREADS, _MOST_FILES = 8.0, 4, 8
_BAD = (b"{", b"[]", b'{"statements": []}', b'{"statements": [1]}', b'{"article": null}', b"\xff\xfe", b'{"statements": ["a"], "more": 1}', b"[" * 5_000)
console = Console(soft_wrap=True)


@dataclass(frozen=True)
class Sample:
    """Of the process, `seconds` after the load began; `spent_ms` are of the requests since the sample before."""

    seconds: float
    rss_mb: float
    n_threads: int
    n_files: int
    spent_ms: Sequence[float]


class Load:
    """Clients that go on until `over`."""

    def __init__(self, address: str, seed: int) -> None:
        self._address = address
        self._seed = seed
        self._texts = [example.statement.text for example in read_split("test")]
        self._article = EXAMPLE.read_text(encoding="utf-8")
        self._numbers = itertools.count()
        self._spent: list[float] = []
        self.over = threading.Event()
        self.n_done: dict[str, int] = {}
        self.failures: list[str] = []
        kinds: dict[Callable[[httpx.Client, random.Random], None], int] = {
            self.predict: 8,
            self.read_article: 2,
            self.put: 4,
            self.look_up: 3,
            self.send_nonsense: 2,
            self.hang_up: 2,
        }
        self._kinds = [kind for kind, weight in kinds.items() for _ in range(weight)]

    def run(self, number: int) -> None:
        chance = random.Random(self._seed + number)  # noqa: S311 - a load, no secrets
        with httpx.Client(base_url=self._address, timeout=120) as http:
            while not self.over.is_set():
                kind = chance.choice(self._kinds)
                started = time.perf_counter()
                try:
                    kind(http, chance)
                except (httpx.HTTPError, OSError) as error:
                    self.failures.append(f"{kind.__name__}: {error!r}")
                self._spent.append(1e3 * (time.perf_counter() - started))
                self.n_done[kind.__name__] = self.n_done.get(kind.__name__, 0) + 1

    def taken(self) -> list[float]:
        """Milliseconds of the requests since this was asked before."""
        spent, self._spent = self._spent, []
        return spent

    def predict(self, http: httpx.Client, chance: random.Random) -> None:
        texts = chance.sample(self._texts, chance.choice((1, 1, 4, 16)))
        self._check(http.post("/v1/predict", json={"statements": [f"{text} {next(self._numbers)}" for text in texts]}), 200, 429)

    def read_article(self, http: httpx.Client, chance: random.Random) -> None:
        paragraphs = self._article.split("\n\n")
        chance.shuffle(paragraphs)
        self._check(http.post("/v1/articles", json={"article": "\n\n".join(paragraphs[: chance.randint(1, 6)])}), 200, 429)

    def put(self, http: httpx.Client, chance: random.Random) -> None:
        quote = {"text": f"{chance.choice(self._texts)} {next(self._numbers)}", "label": chance.choice(("deny", "other", None)), "labeller": "anna"}
        self._check(http.post("/v1/quotes", json=quote), 200)

    def look_up(self, http: httpx.Client, chance: random.Random) -> None:
        path = chance.choice(("/v1/quotes?limit=20", "/v1/quotes/next?n=3", "/v1/quotes/0123456789abcdef", "/v1/models", "/metrics", "/"))
        self._check(http.get(path), 200, 404)

    def send_nonsense(self, http: httpx.Client, chance: random.Random) -> None:
        path = chance.choice(("/v1/predict", "/predict", "/v1/articles", "/v1/quotes", "/v1/quotes/import"))
        self._check(http.post(path, content=chance.choice(_BAD), headers={"Content-Type": "application/json"}), 400, 422, 429)

    def hang_up(self, http: httpx.Client, chance: random.Random) -> None:
        body = json.dumps({"statements": [f"{text} {next(self._numbers)}" for text in chance.sample(self._texts, 16)]}).encode()
        head = b"POST /v1/predict HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        sent = (head + body)[: chance.choice((10, len(head), len(head) + 20, len(head) + len(body)))]
        with socket.create_connection((http.base_url.host, http.base_url.port or 80), timeout=30) as connection:
            connection.sendall(sent)
            if chance.random() < 0.5:
                connection.shutdown(socket.SHUT_WR)

    def _check(self, answer: httpx.Response, *wanted: int) -> None:
        if answer.status_code not in wanted:
            self.failures.append(f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text[:200]}")


def soak(process: psutil.Process, load: Load, seconds: float) -> list[Sample]:
    """Samples of the process under the load, about two hundred."""
    clients = [threading.Thread(target=load.run, args=(number,)) for number in range(_N_CLIENTS)]
    for client in clients:
        client.start()
    began = time.monotonic()
    samples = []
    try:
        while (gone := time.monotonic() - began) < seconds:
            load.over.wait(max(0.5, seconds / 200))
            samples.append(Sample(gone, process.memory_info().rss / 1e6, process.num_threads(), process.num_fds(), load.taken()))
    finally:
        load.over.set()
        for client in clients:
            client.join()
    return samples


def grown(samples: Sequence[Sample]) -> list[str]:
    """A sentence for each thing that has grown since the warm-up; prints how much all of them have."""
    kept = [sample for sample in samples if sample.seconds >= _WARM_UP * samples[-1].seconds]
    seconds = [sample.seconds for sample in kept]
    found = []
    for name, values, most in (
        ("MB of memory", [sample.rss_mb for sample in kept], _MOST_MB),
        ("threads", [sample.n_threads for sample in kept], _MOST_THREADS),
        ("open files", [sample.n_files for sample in kept], _MOST_FILES),
    ):
        slope, _, low, high = theilslopes(values, seconds)  # a median of slopes: a burst is no leak
        growth = slope * (seconds[-1] - seconds[0])
        console.print(f"{name}: {growth:+.1f} after the warm-up ({3600 * slope:+.1f} an hour, {3600 * low:+.1f} to {3600 * high:+.1f}); at most {most:+g}")
        if growth > most:
            found.append(f"{name} grew by {growth:.1f}, more than {most:g}")
    return found


def tell(samples: Sequence[Sample], load: Load) -> None:
    table = Table("minute", "MB", "threads", "open files", "requests/s", "p50 ms", "p99 ms")
    step = max(1, len(samples) // 12)
    for begin in range(0, len(samples), step):
        part = samples[begin : begin + step]
        spent = sorted(ms for sample in part for ms in sample.spent_ms) or [0.0]
        length = part[-1].seconds - (samples[begin - 1].seconds if begin else 0) or 1
        cells = (f"{part[-1].seconds / 60:.1f}", f"{part[-1].rss_mb:.0f}", str(part[-1].n_threads), str(part[-1].n_files), f"{len(spent) / length:.0f}")
        table.add_row(*cells, f"{statistics.median(spent):.1f}", f"{spent[int(0.99 * (len(spent) - 1))]:.1f}")
    console.print(table)
    console.print(f"{sum(load.n_done.values())} requests: {load.n_done}; {len(load.failures)} not answered as they should be")
    for failure in load.failures[:5]:
        console.print(f"  {failure}")


def draw(samples: Sequence[Sample]) -> None:
    mpl.use("Agg")  # no screen needed
    figure = Figure(figsize=(10, 6), layout="constrained")
    minutes = [sample.seconds / 60 for sample in samples]
    p99 = [np.percentile(sample.spent_ms, 99) if sample.spent_ms else np.nan for sample in samples]
    columns = {
        "resident memory, MB": [sample.rss_mb for sample in samples],
        "threads": [sample.n_threads for sample in samples],
        "open files": [sample.n_files for sample in samples],
        "latency, p99, ms": p99,
    }
    for axes, (name, values) in zip(figure.subplots(2, 2).flat, columns.items(), strict=True):
        axes.plot(minutes, values, color="#0072B2")
        axes.axvspan(0, _WARM_UP * minutes[-1], color="#666666", alpha=0.15, linewidth=0)
        axes.set_ylim(bottom=0)
        axes.set_title(name, loc="left", fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
    _PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(_PICTURE, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=20.0, help="(%(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    os.environ["ONRECORD_CACHE_BYTES"] = str(_CACHE_BYTES)
    with running_service() as (process, address, _):
        load = Load(address, options.seed)
        httpx.post(f"{address}/v1/articles", json={"article": "They denied it."}, timeout=600).raise_for_status()  # the parser is loaded by then
        samples = soak(psutil.Process(process.pid), load, 60 * options.minutes)
        process.send_signal(signal.SIGTERM)
        ended = process.wait(timeout=60)
    tell(samples, load)
    draw(samples)
    found = grown(samples)
    if load.failures:
        found.append(f"{len(load.failures)} requests were not answered as they should be")
    if ended != 0:
        found.append(f"the service ended with {ended}")
    for sentence in found or ["Memory, threads and open files are flat."]:
        console.print(sentence)
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
