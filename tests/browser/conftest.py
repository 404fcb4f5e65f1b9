"""A service in this process, with toy models that can be run and changed, and Chromium pages in front of it."""

import shutil
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from service.api.app import create_app
from service.api.served import ServedModel
from service.classifier import classifier_of
from service.documents import load_languages
from service.keys import Keys, Role
from service.labels.store import LabelStore
from service.model_folder import RELEASED
from service.registry import Registry
from service.retrains import Runs
from service.settings import Settings
from service.statements.passage import load_parser
from tests.fakes import write_toy_model

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SHOTS = Path(__file__).resolve().parent.parent.parent / "build" / "screenshots"
RESULTS = {
    "macro_f1": 0.8125,
    "macro_f1_interval": [0.79, 0.83],
    "n": 400,
    **{name: {"confirm": 0.9, "deny": 0.8, "threat": 0.7, "appeal": 0.85, "other": 0.95} for name in ("f1", "precision", "recall")},
    "confusion": [[8, 1, 0, 0, 1], [0, 8, 1, 0, 1], [0, 1, 7, 1, 1], [0, 0, 1, 9, 0], [1, 1, 1, 1, 36]],
    "reliability": [[0.45, 0.5, 10], [0.75, 0.7, 20], [0.96, 0.97, 50]],
    "certain_share": 0.8,
    "certain_accuracy": 0.96,
}
# Learns until it is told how to end: "promoted" makes the model "better" serve, "refused" says why not.
WORKER = """
import sys, time
from dataclasses import replace
from pathlib import Path
from service.registry import Registry
from service.retrains import Point, Runs, State

runs, models, run_id = Runs(Path(sys.argv[1])), Path(sys.argv[2]), sys.argv[3]
with runs.holding(run_id):
    run = replace(runs.get(run_id), state=State.RUNNING, stage="train", progress=0.4, counts={"train": 3, "aside": 1, "rehearsed": 40},
                  curve=(Point(20, loss=1.5), Point(40, loss=0.7), Point(40, macro_f1=0.8)))
    runs.write(run)
    print("fine-tuning: 40%", flush=True)
    word = runs.folder / "word"
    while not word.is_file():
        time.sleep(0.02)
    said = word.read_text()
    if said == "promoted":
        Registry(models).promote("better", by=run.by, reason=run.reason)
    sentences = ("Macro-F1 is 0.500, 0.300 under the bar of 0.800.",) if said == "refused" else ()
    runs.write(replace(run, state=State(said), stage="gate", progress=1.0, sentences=sentences, model="better"))
"""


@dataclass
class Place:
    """A service that answers at `address`; `stop` and `start` are what happens to services."""

    folder: Path
    registry: Registry
    runs: Runs
    port: int = 0
    server: uvicorn.Server | None = None
    thread: threading.Thread | None = None
    labels: str = field(init=False)

    def __post_init__(self) -> None:
        self.labels = f"sqlite:///{self.folder}/labels.db"

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def add_key(self, role: Role) -> str:
        """From now on the service wants keys, of which this is one."""
        key = Keys(self.folder / "keys.json").add(role, role)
        self.stop()  # it would notice by itself within a second
        self.start()
        return key

    def start(self) -> None:
        settings = Settings(models=self.registry.models, labels=self.labels, retrains=self.runs.folder, keys=self.folder / "keys.json")
        folder = self.registry.open(self.registry.served_name())
        served = ServedModel(folder.card, lambda: classifier_of(folder, 1), load_parser, self.registry, lambda found: classifier_of(found, 1), folder.path.name)
        app = create_app(served, settings)
        app.state.runs = self.runs
        self.server = uvicorn.Server(uvicorn.Config(app, port=self.port, log_level="error", timeout_graceful_shutdown=1))
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        deadline = time.monotonic() + 30
        while not (self.server.started and served.why_not_ready() is None):
            assert time.monotonic() < deadline
            time.sleep(0.02)  # another thread: there is nothing here to wait on
        self.port = self.server.servers[0].sockets[0].getsockname()[1]

    def stop(self) -> None:
        assert self.server
        assert self.thread
        self.server.should_exit = self.server.force_exit = True
        self.thread.join()

    def quotes(self) -> dict[str, str | None]:
        """Label by text, of all that the store holds."""
        store = LabelStore(self.labels)
        found = {quote.statement.text: quote.label for quote in store.everything()}
        store.close()
        return found


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    models = tmp_path / "models"
    for name in (RELEASED, "better"):
        (models / name).mkdir(parents=True)
        write_toy_model(models / name, name="first" if name == RELEASED else "better", results=RESULTS)
    runs = Runs(tmp_path / "retrains", [sys.executable, "-c", WORKER, str(tmp_path / "retrains"), str(models)])
    found = Place(tmp_path, Registry(models), runs)
    found.start()
    yield found
    found.stop()


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """For these tests alone: as long as its driver runs, nothing else can run an event loop in this thread."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    load_parser()  # once, before anybody waits for it
    load_languages()
    expect.set_options(timeout=20_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"])
        yield browser
        browser.close()


@pytest.fixture
def context(chromium: Browser, place: Place, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    """A browser of a person's own, at a laptop's width unless the test says otherwise; what it asks of anybody else is an error."""
    options = getattr(request, "param", {})
    opened = chromium.new_context(base_url=place.address, **({"viewport": {"width": 1280, "height": 850}} | options))
    opened.set_default_timeout(10_000)
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext, place: Place) -> Iterator[Page]:
    """The page, read to be used. Fails where a script failed, or where something was asked of another host."""
    opened = context.new_page()
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("request", lambda request: wrong.append(request.url) if not request.url.startswith((place.address, "blob:", "data:")) else None)
    opened.goto("/")
    yield opened
    assert wrong == []
