"""Verdicts -> a page with plots: what is counted, and that it shows texts as they are."""

from collections import Counter
from pathlib import Path

import pytest

from service.archive.columns import Columns
from service.archive.figures import Figures, figures_of, most
from service.archive.place import Folder
from service.archive.report import write_report
from service.model_folder import ModelFolder
from tests.archives import archived, planned, write_lines
from tests.fakes import write_toy_model

COLUMNS = Columns(date="day", source="paper")


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    return write_toy_model(tmp_path_factory.mktemp("toy"))


@pytest.fixture
def out(toy: ModelFolder, tmp_path: Path) -> Path:
    rows = [
        {"text": f"They {word} <it> {number}.", "day": f"2024-{number % 3 + 1:02}-05T08:00:00Z", "paper": "Post", "speaker": f"Speaker {number % 2}"}
        for number, word in enumerate(["denied", "confirmed", "denied", "mentioned"] * 6)
    ]
    write_lines(tmp_path / "in.jsonl", [*rows, {"text": "They urged them.", "day": "long ago"}, "{"])
    dones = archived(toy, tmp_path / "out", tmp_path / "in.jsonl", columns=COLUMNS)
    assert sum(done.n_rejected for done in dones) == 1
    return tmp_path / "out"


def test_statements_are_counted_by_stance_day_speaker_and_source(toy: ModelFolder, out: Path) -> None:
    figures = figures_of(Folder(str(out)), planned(toy, out, out.parent / "in.jsonl", columns=COLUMNS))
    assert figures.stances == {"deny": 12, "confirm": 6, "other": 6, "appeal": 1}
    assert figures.uncertain.total() == figures.uncertain["other"] == 6
    assert figures.over_time().keys() == {"2024-01-05", "2024-02-05", "2024-03-05"}
    assert figures.sources["Post"].total() == 24
    assert figures.speakers["Speaker 0"] == {"deny": 12}
    assert len(figures.examples["deny"]) == 5


def test_an_example_is_shown_once_however_often_it_was_said() -> None:
    figures = Figures()
    for number in range(20):
        probability, text = 0.9 + number / 1_000, "No." if number > 10 else f"No {number}."
        figures.add({"stance": "deny", "certain": True, "probability": probability, "text": text, "speaker": None, "source": None, "date": None})
    assert sorted(example.text for example in figures.examples["deny"]) == ["No 10.", "No 7.", "No 8.", "No 9.", "No."]


def test_a_long_time_is_drawn_by_month() -> None:
    figures = Figures(days={f"2024-{month:02}-{day:02}": Counter(deny=1) for month in (1, 2, 3) for day in range(1, 29)})
    assert {month: found.total() for month, found in figures.over_time().items()} == {"2024-01": 28, "2024-02": 28, "2024-03": 28}
    assert list(most(figures.over_time(), 1)) == ["2024-01"]


def test_the_page_has_plots_and_examples_and_runs_nothing_of_the_texts(toy: ModelFolder, out: Path) -> None:
    write_report(Folder(str(out)), planned(toy, out, out.parent / "in.jsonl", columns=COLUMNS))
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 3
    assert "<h1>25 statements</h1>" in page
    assert "They denied &lt;it&gt; " in page
    assert "<it>" not in page
    assert "http" not in page.replace("Speaker", "")  # it asks nobody for anything
