"""python -m tests.bench.overload: what On Record still answers when one, two and five times as much comes as it can do.

Requests come when they come (Poisson), whether or not those before are answered: most hold one statement, one in ten holds 64. Nobody asks again. First the
capacity is measured, with as many clients as keep all cores busy; goodput is what is answered in time, as a share of the best level's. All of that in several
rounds, since on a machine that others use too, speed changes within minutes by more than what is looked for. Nothing is cached, and the service refuses as it
does by default (ONRECORD_MOST_WAIT_MS). The table and the figures as JSON go to build/bench. The clients share the service's cores.
"""

import argparse
import asyncio
import itertools
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import uvloop
from rich.console import Console
from rich.progress import track

from service.pool import available_cores
from service.settings import MODELS
from tests.bench.client import Client
from tests.bench.load import Load, bodies_of, measure, percentile
from tests.bench.servers import BUILT, NotRunning, refusing, running
from training.examples import read_split

SMALL, LARGE = 1, 64  # statements a request
_SHARE_LARGE = 0.1  # of the requests: they hold nine statements in ten
_CAPACITY = Load(8, 8)
_MOST_SECONDS = 60  # for one answer


@dataclass(frozen=True)
class Answer:
    """`seconds` from the moment when the request came; `status` 0 where there was no answer."""

    n_texts: int
    status: int
    seconds: float


@dataclass(frozen=True)
class Poured:
    """All answers to what came in one go, the seconds until the last one, and those that the clients had a core."""

    answers: Sequence[Answer]
    seconds: float
    client_seconds: float


@dataclass(frozen=True)
class Told:
    """What became of the requests of one size. The times are those of the accepted; None where there was none."""

    n_requests: int
    n_accepted: int
    n_refused: int
    n_failed: int
    p50_seconds: float | None
    p99_seconds: float | None


@dataclass(frozen=True)
class Level:
    """`times` the capacity came, in all rounds; `goodput` and `offered` are statements a second, `client_cores` what the clients took."""

    times: float
    offered: float
    goodput: float
    client_cores: float
    accepted_a_second: float
    resident_bytes: float
    small: Told
    large: Told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=MODELS / "released", help="model folder (%(default)s)")
    parser.add_argument("--rounds", type=int, default=4, help="in which capacity and levels take turns (%(default)s)")
    parser.add_argument("--seconds", type=float, default=6.0, help="for each level of a round, and for the capacity (%(default)s)")
    parser.add_argument("--times", nargs="+", type=float, default=(1.0, 2.0, 5.0), help="how many times the capacity comes (1 2 5)")
    options = parser.parse_args()
    texts = [example.statement.text for example in read_split("test")]
    random.Random(0).shuffle(texts)  # noqa: S311 - as in http.py
    server = refusing()
    try:
        with tempfile.TemporaryDirectory() as unused, running(server, options.model, Path(unused)) as at:
            url = at.address + server.path
            bodies = bodies_of(texts, _CAPACITY.n_texts, server.key)
            measure(url, bodies, _CAPACITY, 2.0)
            by_size = {n_texts: bodies_of(texts, n_texts, server.key) for n_texts in (SMALL, LARGE)}
            capacities: list[float] = []
            poured: dict[float, list[Poured]] = {times: [] for times in options.times}
            for number in track(range(options.rounds), "rounds", console=Console(stderr=True), refresh_per_second=0.1):  # drawn seldom, as in http.py
                capacities.append(measure(url, bodies, _CAPACITY, options.seconds).texts_a_second)
                for times in options.times:
                    poured[times].append(uvloop.run(_pour(url, by_size, times * capacities[-1], options.seconds, number)))
            capacity, resident_bytes = statistics.mean(capacities), at.resident_bytes()
            levels = [level_of(times, found, options.seconds, resident_bytes) for times, found in poured.items()]
    except NotRunning as error:
        sys.exit(f"On Record {error}")
    BUILT.mkdir(parents=True, exist_ok=True)
    figures = {"capacity": capacity, "seconds": options.seconds, "rounds": options.rounds, "levels": [asdict(found) for found in levels]}
    (BUILT / "overload.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    text = _markdown(capacity, levels, f"{options.rounds} rounds with {options.seconds:g} s for each level")
    (BUILT / "overload.md").write_text(text, encoding="utf-8")
    sys.stdout.write(text)


def level_of(times: float, poured: Sequence[Poured], seconds: float, resident_bytes: float) -> Level:
    answers = [answer for found in poured for answer in found.answers]
    accepted = [answer for answer in answers if answer.status == 200]
    wall = sum(found.seconds for found in poured)
    offered = sum(answer.n_texts for answer in answers) / (len(poured) * seconds)
    small, large = ([answer for answer in answers if answer.n_texts == n_texts] for n_texts in (SMALL, LARGE))
    goodput = sum(answer.n_texts for answer in accepted) / wall
    client_cores = sum(found.client_seconds for found in poured) / wall
    return Level(times, offered, goodput, client_cores, len(accepted) / wall, resident_bytes, _told(small), _told(large))


async def _pour(url: str, bodies: dict[int, list[bytes]], texts_a_second: float, seconds: float, seed: int) -> Poured:
    chance = random.Random(seed)  # noqa: S311 - the same arrivals in every run
    sources = {n_texts: itertools.cycle(made) for n_texts, made in bodies.items()}
    mean_texts = SMALL + _SHARE_LARGE * (LARGE - SMALL)
    began, cpu_began = time.perf_counter(), time.process_time()
    arrives, tasks = began, []
    client = Client(url)
    while (arrives := arrives + chance.expovariate(texts_a_second / mean_texts)) < began + seconds:
        await asyncio.sleep(max(0.0, arrives - time.perf_counter()))
        n_texts = LARGE if chance.random() < _SHARE_LARGE else SMALL
        tasks.append(asyncio.create_task(_ask(client, next(sources[n_texts]), n_texts, arrives)))
    answers = await asyncio.gather(*tasks)
    client.close()
    return Poured(answers, time.perf_counter() - began, time.process_time() - cpu_began)


async def _ask(client: Client, body: bytes, n_texts: int, arrived: float) -> Answer:
    """`arrived` may be a little ago: that the clients are late counts against the service."""
    try:
        async with asyncio.timeout(_MOST_SECONDS):
            status = (await client.post(body)).status
    except (OSError, TimeoutError):
        status = 0
    return Answer(n_texts, status, time.perf_counter() - arrived)


def _told(answers: Sequence[Answer]) -> Told:
    accepted = [answer.seconds for answer in answers if answer.status == 200]
    n_refused = sum(answer.status == 429 for answer in answers)
    p50, p99 = (percentile(accepted, share) if accepted else None for share in (0.5, 0.99))
    return Told(len(answers), len(accepted), n_refused, len(answers) - len(accepted) - n_refused, p50, p99)


def _markdown(capacity: float, levels: Sequence[Level], spent: str) -> str:
    peak = max(found.goodput for found in levels)  # of this mix: the capacity is that of requests of one size
    a_core = [found.goodput / (available_cores() - found.client_cores) for found in levels]
    heads = [
        "times the capacity",
        "statements/s that came",
        "goodput, statements/s",
        "share of the peak",
        "clients' cores",
        "share for each core left",
        "accepted requests/s",
        "resident MB",
    ]
    sizes = [f"{what} of {n_texts}" for n_texts in (SMALL, LARGE) for what in ("accepted", "refused", "failed", "p50 / p99 ms")]
    lines = [f"Capacity {capacity:.0f} statements/s ({_CAPACITY.n_connections} clients of {_CAPACITY.n_texts}); {spent}.", ""]
    lines += [f"| {' | '.join(heads + sizes)} |", "| --- " * (len(heads) + len(sizes)) + "|"]
    for found, for_each in zip(levels, a_core, strict=True):
        cells = [
            f"{found.times:g}",
            f"{found.offered:.0f}",
            f"{found.goodput:.0f}",
            f"{found.goodput / peak:.0%}",
            f"{found.client_cores:.2f}",
            f"{for_each / max(a_core):.0%}",
            f"{found.accepted_a_second:.0f}",
            f"{found.resident_bytes / 1e6:.0f}",
        ]
        cells += [*_cells(found.small), *_cells(found.large)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cells(told: Told) -> list[str]:
    accepted = f"{told.n_accepted / told.n_requests:.0%}" if told.n_requests else "-"
    times = "-" if told.p50_seconds is None or told.p99_seconds is None else f"{1e3 * told.p50_seconds:.0f} / {1e3 * told.p99_seconds:.0f}"
    return [accepted, str(told.n_refused), str(told.n_failed), times]


if __name__ == "__main__":
    main()
