"""python -m tests.bench.loop teach FILE.jsonl | poison | kill-service | kill-trainer | carry: the loop played through over HTTP, with the released model.

The service runs in a process of its own, on copies of models, labels and runs that are removed afterwards. `teach` labels a part of FILE (a JSON object a
line: `text`, `context`, `label`), retrains while clients go on asking, and tells how many of the rest are right before and after. `poison` sends 300 wrong
labels. The kills end service or trainer with kill -9 at ten random moments. `carry` takes 10,000 quotes out of one store and into another.
"""

import argparse
import itertools
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from service.model_folder import RELEASED
from service.settings import MODELS
from service.stance import STANCES
from training.examples import place_of

_WAITING = MODELS.parent / "waiting" / "round12.jsonl"  # written, and in no split
_OVER = ("promoted", "passed", "refused", "failed", "cancelled", "interrupted")
_N_CLIENTS = 2
_PLAIN = {"text": "any role in the deal", "context": "Ruiz denied any role in the deal."}
console = Console(soft_wrap=True)
Row = dict[str, Any]


class Service:
    """A service on its own copies in `folder`, which can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        self.models, self.retrains = folder / "models", folder / "retrains"
        if not self.models.exists():
            shutil.copytree(MODELS / RELEASED, self.models / RELEASED)
        places = {"ONRECORD_MODELS": self.models, "ONRECORD_RETRAINS": self.retrains, "ONRECORD_LABELS": f"sqlite:///{folder}/labels.db", "ONRECORD_PORT": port}
        places["ONRECORD_KEYS"] = folder / "keys.json"  # is not there
        self._environment = os.environ | {key: str(value) for key, value in places.items()}
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120)
        self._log = (folder / "service.log").open("ab")

    def start(self) -> None:
        self._process = subprocess.Popen([sys.executable, "-m", "service", "serve"], env=self._environment, stdout=self._log, stderr=self._log)
        while not self._is_ready():
            if self._process.poll() is not None:
                sys.exit(f"the service ended: {Path(self._log.name).read_text(encoding='utf-8')[-2000:]}")
            time.sleep(0.1)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        self.kill()
        self.http.close()
        self._log.close()

    def _is_ready(self) -> bool:
        try:
            return self.http.get("/readyz").is_success
        except httpx.TransportError:
            return False

    def get(self, path: str) -> Any:
        return self.http.get(path).raise_for_status().json()

    def post(self, path: str, body: Row) -> Any:
        return self.http.post(path, json=body).raise_for_status().json()

    def stances(self, rows: Sequence[Row]) -> list[str]:
        statements = [{"text": row["text"], "context": row.get("context")} for row in rows]
        if not statements:
            return []
        return [verdict["stance"] for verdict in self.post("/v1/predict", {"statements": statements})["verdicts"]]

    def label(self, rows: Sequence[Row], labeller: str) -> None:
        for begin in range(0, len(rows), 500):
            quotes = [{key: row.get(key) for key in ("text", "context", "label")} for row in rows[begin : begin + 500]]
            self.post("/v1/quotes", {"labeller": labeller, "quotes": quotes})

    def retrain(self, reason: str) -> Row:
        """Starts a run and waits for its end."""
        run = self.post("/v1/retrains", {"by": "anna", "reason": reason})["id"]
        return self.wait_for(run)

    def wait_for(self, run: str) -> Row:
        while True:
            found: Row = self.get(f"/v1/retrains/{run}?log=0")
            if found["state"] in _OVER:
                break
            time.sleep(1)
        while found["state"] == "promoted" and self.get("/v1/model")["name"] != found["model"]:
            time.sleep(0.1)  # the service looks twice a second, and then loads it
        return found

    def served(self) -> str:
        return str(self.get("/v1/models")["served"])


@contextmanager
def service() -> Iterator[Service]:
    with tempfile.TemporaryDirectory() as folder:
        found = Service(Path(folder))
        found.start()
        try:
            yield found
        finally:
            found.close()


@contextmanager
def asking(at: Service, rows: Sequence[Row]) -> Iterator[dict[str, set[str]]]:
    """Clients that go on asking the same; what they got, by the model that answered. An error of any kind is under "errors"."""
    answers: dict[str, set[str]] = {}
    statements = [{"text": row["text"], "context": row.get("context")} for row in rows[:4]]
    over = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=at.http.base_url, timeout=60) as client:
            while not over.is_set():
                try:
                    answer = client.post("/v1/predict", json={"statements": statements}).raise_for_status().json()
                    answers.setdefault(answer["model"], set()).add(json.dumps(answer["verdicts"]))
                except httpx.HTTPError as error:
                    answers.setdefault("errors", set()).add(str(error))
                over.wait(1)

    clients = [threading.Thread(target=ask) for _ in range(_N_CLIENTS)]
    for client in clients:
        client.start()
    try:
        yield answers
    finally:
        over.set()
        for client in clients:
            client.join()


def teach(options: argparse.Namespace) -> None:
    rows = _read(options.file)
    taught = [row for row in rows if place_of(row["text"]) < options.share]
    unseen = [row for row in rows if place_of(row["text"]) >= options.share]
    with service() as at:
        before = {"taught": at.stances(taught), "unseen": at.stances(unseen)}
        corrected = [row for row, stance in zip(taught, before["taught"], strict=True) if not options.wrong_only or stance != row["label"]]
        at.label(corrected, "anna")
        started = time.monotonic()
        with asking(at, unseen or taught) as answers:
            run = at.retrain(f"labels of {options.file.name}")
        seconds = time.monotonic() - started
        _tell(run, seconds, at.served())
        for name, some in (("taught", taught), ("unseen", unseen)):
            acts = [place for place, row in enumerate(some) if row["label"] != "other"]
            after = at.stances(some)
            for what, places in (("all", range(len(some))), ("acts", acts)):
                right = [sum(stances[place] == some[place]["label"] for place in places) for stances in (before[name], after)]
                console.print(f"{name}, {what}: {right[0]} -> {right[1]} of {len(places)} right by what serves now")
        told = {model: len(different) for model, different in answers.items()}
        console.print(f"clients meanwhile: different answers by model {told} (1 each is right; errors would be listed)")


def poison(_: argparse.Namespace) -> None:
    rows = _read(_WAITING)[:300]
    turned = [row | {"label": STANCES[(STANCES.index(row["label"]) + 1) % len(STANCES)]} for row in rows]
    with service() as at:
        at.label(turned, "mallory")
        started = time.monotonic()
        run = at.retrain("300 turned labels")
        _tell(run, time.monotonic() - started, at.served())


def kill_service(options: argparse.Namespace) -> None:
    """Each round sends labels one at a time until the kill; every one that was answered has to be there afterwards."""
    rows = iter(_read(_WAITING) * 20)
    kept: set[str] = set()
    chance = random.Random(options.seed)  # noqa: S311 - moments, no secrets
    with service() as at:
        for number in range(options.times):
            killer = threading.Timer(chance.uniform(0.05, 3), at.kill)
            killer.start()
            try:
                for n, row in enumerate(rows):
                    body = {"text": f"{row['text']} ({number}-{n})", "context": None, "label": row["label"], "labeller": "anna"}
                    kept.update(quote["id"] for quote in at.post("/v1/quotes", body)["quotes"])
            except httpx.HTTPError:
                killer.join()
            at.start()
            there = {json.loads(line)["id"] for line in at.http.get("/v1/quotes/export").raise_for_status().text.splitlines()}
            console.print(
                f"kill {number + 1}: {len(kept)} labels answered so far, {len(kept - there)} lost; served {at.served()}, verdict {at.stances([_PLAIN])}"
            )
            if kept - there:
                sys.exit(1)


def kill_trainer(options: argparse.Namespace) -> None:
    """Each round starts, or resumes, a run and kills its process; at the end it is resumed and left alone."""
    chance = random.Random(options.seed)  # noqa: S311
    with service() as at:
        at.label(_read(_WAITING)[:100], "anna")
        run = at.post("/v1/retrains", {"by": "anna", "reason": "killed again and again"})["id"]
        for number in range(options.times):
            time.sleep(chance.uniform(1, options.most_seconds))
            stage = at.get(f"/v1/retrains/{run}?log=0")
            for pid in _processes(run):
                os.kill(pid, signal.SIGKILL)
            ended = at.wait_for(run)
            console.print(
                f"kill {number + 1} in {stage['stage']} at {stage['progress']:.0%}: {ended['state']}; served {at.served()}, verdict {at.stances([_PLAIN])}; "
                f"models {sorted(path.name for path in at.models.iterdir() if path.is_dir())}"
            )
            if ended["state"] != "interrupted":
                break
            at.post(f"/v1/retrains/{run}/resume", {})
        _tell(at.wait_for(run), 0, at.served())


def carry(_: argparse.Namespace) -> None:
    """10,000 quotes with two labellers, disputes and notes: out of one store, into an empty one, and out again."""
    rows = _read(_WAITING)
    quotes = [row | {"text": f"{row['text']} ({number})", "context": None} for number, row in zip(range(10_000), itertools.cycle(rows), strict=False)]
    with service() as one, service() as other:
        one.label(quotes, "anna")
        one.label([quote | {"label": "other"} for quote in quotes[::7]], "ben")
        started = time.monotonic()
        out = one.http.get("/v1/quotes/export").raise_for_status().content
        console.print(f"out: {len(out.splitlines())} quotes, {len(out):,} bytes, {time.monotonic() - started:.1f} s")
        started = time.monotonic()
        taken = other.http.post("/v1/quotes/import", content=out, headers={"Content-Type": "application/x-ndjson"}).raise_for_status().json()
        console.print(f"in: {time.monotonic() - started:.1f} s, {str(taken)[:200]}")
        again = other.http.get("/v1/quotes/export").raise_for_status().content
        same = sorted(out.splitlines()) == sorted(again.splitlines())
        console.print(f"the same store: {same}")
        sys.exit(not same)


def _tell(run: Row, seconds: float, served: str) -> None:
    console.print(f"{run['state']} after {seconds:.0f} s; counts {run['counts']}; served {served}")
    for sentence in run["sentences"]:
        console.print(f"  {sentence}")


def _processes(run: str) -> list[int]:
    """Of those that work on a run."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it ended in the meantime
            if run.encode() in path.read_bytes():
                found.append(int(path.parent.name))
    return found


def _read(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    for name, run in (("teach", teach), ("poison", poison), ("kill-service", kill_service), ("kill-trainer", kill_trainer), ("carry", carry)):
        command = commands.add_parser(name, description=run.__doc__)
        command.set_defaults(run=run)
        if name == "teach":
            command.add_argument("file", type=Path)
            command.add_argument("--share", type=float, default=0.64, help="of FILE that is labelled; the rest is unseen")
            command.add_argument("--wrong-only", action="store_true", help="label only what the served model has wrong")
        if name.startswith("kill"):
            command.add_argument("--times", type=int, default=10)
            command.add_argument("--seed", type=int, default=1)
        if name == "kill-trainer":
            command.add_argument("--most-seconds", type=float, default=60, help="from the start of a process to its kill")
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
