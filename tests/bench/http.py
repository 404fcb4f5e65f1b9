"""python -m tests.bench.http: texts a second and latency over HTTP, beside a plain FastAPI app around `transformers.pipeline`, in one run.

The plain app runs the same architecture and tokenizer with fresh torch weights (speed does not depend on their values), so that it works beside a released
model, which has none. Each server runs alone, on all cores, in a process of its own; the client shares those cores.
"""

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table
from transformers import AutoConfig, AutoModelForSequenceClassification

from training.examples import read_split

LOADS = ((1, 1), (8, 1), (64, 1), (1, 8), (8, 8))  # (texts a request, connections)


@contextmanager
def serving(name: str, command: list[str], port: int, environment: dict[str, str]) -> Iterator[str]:
    """The address of a server that answers; ended afterwards."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, env=os.environ | environment, stdout=log, stderr=log)
        address = f"http://127.0.0.1:{port}/predict"
        try:
            for _ in range(600):
                if process.poll() is not None:
                    log.seek(0)
                    sys.exit(f"{name} ended:\n{log.read().decode(errors='replace')}")
                try:
                    if httpx.post(address, json={"inputs": ["Ready?"]}, timeout=30).is_success:
                        break
                except httpx.TransportError:
                    pass
                time.sleep(0.1)
            yield address
        finally:
            process.terminate()
            process.wait(timeout=30)


def measure(address: str, texts: list[str], n_texts: int, n_connections: int, seconds: float) -> tuple[float, list[float]]:
    """Texts a second, and the seconds of each request, while `n_connections` clients send requests of `n_texts` for `seconds`."""
    end = time.perf_counter() + seconds

    def client(number: int) -> list[float]:
        source = islice(cycle(texts), number * 37 % len(texts), None)  # clients start at different texts
        spent = []
        with httpx.Client(timeout=120) as http:
            while time.perf_counter() < end or not spent:
                body = {"inputs": list(islice(source, n_texts))}
                started = time.perf_counter()
                http.post(address, json=body).raise_for_status()
                spent.append(time.perf_counter() - started)
        return spent

    started = time.perf_counter()
    with ThreadPoolExecutor(n_connections) as pool:
        spent = [seconds for client_seconds in pool.map(client, range(n_connections)) for seconds in client_seconds]
    return len(spent) * n_texts / (time.perf_counter() - started), spent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("data/models/released"), help="model folder (%(default)s)")
    parser.add_argument("--seconds", type=float, default=6.0, help="for each server and load (%(default)s)")
    options = parser.parse_args()

    texts = [example.statement.text for example in read_split("test")]
    with tempfile.TemporaryDirectory() as folder:
        AutoModelForSequenceClassification.from_config(AutoConfig.from_pretrained(options.model)).save_pretrained(folder)
        for name in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copy(options.model / name, folder)
        ports = free_port(), free_port()
        plain = [sys.executable, "-m", "uvicorn", "tests.bench.plain_app:app", "--port", str(ports[0]), "--log-level", "error"]
        ours = [sys.executable, "-m", "service", "serve", "--model", str(options.model), "--port", str(ports[1])]
        servers = {"plain": (plain, ports[0], {"MODEL": folder}), "On Record": (ours, ports[1], {"ONRECORD_KEYS": f"{folder}/keys.json"})}
        figures: dict[str, list[tuple[float, list[float]]]] = {}
        for name, (command, port, environment) in servers.items():
            with serving(name, command, port, environment) as address:
                measure(address, texts, 8, 2, 2.0)  # warm-up
                figures[name] = [measure(address, texts, n_texts, n_connections, options.seconds) for n_texts, n_connections in LOADS]

    table = Table("texts a request", "connections", "server", "texts/s", "p50 ms", "p99 ms", "times plain")
    for row, (n_texts, n_connections) in enumerate(LOADS):
        for name in figures:
            rate, spent = figures[name][row]
            p99 = sorted(spent)[int(0.99 * (len(spent) - 1))]
            ratio = rate / figures["plain"][row][0]
            cells = (f"{rate:.0f}", f"{1e3 * statistics.median(spent):.1f}", f"{1e3 * p99:.1f}", f"{ratio:.1f}")
            table.add_row(str(n_texts), str(n_connections), name, *cells)
    Console().print(table)


if __name__ == "__main__":
    main()
