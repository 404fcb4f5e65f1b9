"""`python -m service read`: an article in, its statements out; one clear sentence where it cannot be read."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from service.__main__ import main
from service.stance import STANCES
from tests.fakes import write_toy_model

ARTICLE = "Ana Ruiz, the mayor, denied any role in the deal.\n\n“You will regret this,” she added. “All of you.”\n"
Read = Callable[..., str]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_model(tmp_path_factory.mktemp("models") / "toy").path


@pytest.fixture
def article(tmp_path: Path) -> Path:
    path = tmp_path / "article.txt"
    path.write_text(ARTICLE, encoding="utf-8")
    return path


@pytest.fixture
def read(model: Path, capsys: pytest.CaptureFixture[str]) -> Read:
    def run(*arguments: str) -> str:
        assert main(["read", "--model", str(model), *arguments]) == 0
        printed = capsys.readouterr()
        assert printed.err == ""
        return printed.out

    return run


def test_a_table_shows_who_does_what(read: Read, article: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    lines = [line.split() for line in read(str(article)).splitlines()]
    assert lines[0] == ["speaker", "stance", "probability", "statement"]
    assert lines[1] == ["Ana", "Ruiz", "deny", "0.91", "any", "role", "in", "the", "deal"]
    assert lines[2] == ["Ana", "Ruiz", "threat", "1.00", "You", "will", "regret", "this", "…", "All", "of", "you."]


def test_json_lines_hold_places_and_the_whole_verdict(read: Read, article: Path) -> None:
    denied, threatened = [json.loads(line) for line in read(str(article), "--format", "jsonl").splitlines()]
    assert ARTICLE[denied["start"] : denied["end"]] == denied["text"] == "any role in the deal"
    assert denied["speaker"] == {"name": "Ana Ruiz", "mention": "Ana Ruiz, the mayor", "start": 0, "end": 19}
    assert (denied["stance"], denied["cue"]["text"]) == ("deny", "denied")
    assert list(denied["probabilities"]) == list(STANCES)
    assert [ARTICLE[start:end] for start, end in threatened["spans"]] == ["You will regret this", "All of you."]


def test_csv_can_be_read_back(read: Read, article: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(read(str(article), "--format", "csv"))))
    assert [(row["speaker"], row["cue"], row["stance"]) for row in rows] == [("Ana Ruiz", "denied", "deny"), ("Ana Ruiz", "added", "threat")]
    assert json.loads(rows[1]["spans"]) == [[52, 72], [87, 98]]


def test_a_text_without_statements_says_so(read: Read, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("", encoding="utf-8")
    assert read(str(tmp_path / "empty.txt")).strip() == "no statements found"
    assert read(str(tmp_path / "empty.txt"), "--format", "jsonl") == ""
    assert read(str(tmp_path / "empty.txt"), "--format", "csv").count("\n") == 1


def test_standard_input_is_read(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbf" + ARTICLE.encode())))
    assert len(read("-", "--format", "jsonl").splitlines()) == 2


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"caf\xe9", "article.txt: wanted UTF-8 text, got byte 0xE9"),
        (b"a" * 200_001, "article: wanted at most 200000 characters, got 200001 characters"),
        (None, "article.txt: wanted a file that can be read, got No such file or directory"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, says: str
) -> None:
    path = tmp_path / "article.txt"
    if content is not None:
        path.write_bytes(content)
    assert main(["read", "--model", str(model), str(path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.endswith(f"{says}\n")
