"""`python -m service export` and `import`: the store of labels to a file and back, on a real database."""

import io
import os
import sys
from pathlib import Path

import pytest

from service.__main__ import main
from service.labels.readers import READERS

LINES = '{"text": "No.", "label": "deny", "labeller": "anna"}\n{"text": "Yes.", "label": "confirm", "labeller": "ben"}\n'


@pytest.fixture(autouse=True)
def _own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONRECORD_LABELS", f"sqlite:///{tmp_path}/labels.db")


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "lines.jsonl"
    path.write_text(LINES, encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_what_is_exported_makes_the_same_store(
    kind: str, lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["import", str(lines)]) == 0
    assert capsys.readouterr().out == "2 created, 0 changed, 0 unchanged\n"
    first, second = tmp_path / "first", tmp_path / "second"
    assert main(["export", str(first), "--format", kind]) == 0
    assert capsys.readouterr().err.endswith("first: 2 quotes\n")
    monkeypatch.setenv("ONRECORD_LABELS", f"sqlite:///{tmp_path}/copy.db")
    assert main(["import", str(first), "--format", kind]) == 0
    assert main(["export", str(second), "--format", kind]) == 0
    assert first.read_bytes() == second.read_bytes() != b""


@pytest.mark.parametrize("kind", READERS)
def test_an_export_to_standard_output_is_the_file_itself(kind: str, lines: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["import", str(lines)]) == 0
    assert main(["export", str(tmp_path / "file"), "--format", kind]) == 0
    capfdbinary.readouterr()
    assert main(["export", "-", "--format", kind]) == 0
    assert capfdbinary.readouterr().out == (tmp_path / "file").read_bytes()


def test_lines_on_standard_input_are_taken_in(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(LINES.encode())))
    assert main(["import", "-"]) == 0
    assert capsys.readouterr().out.startswith("2 created")


def test_a_faulty_file_is_refused_whole_and_its_faults_are_told(lines: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines.write_text(LINES + "nonsense\n" * 30, encoding="utf-8")
    assert main(["import", str(lines)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    told = printed.err.splitlines()
    assert told[0].startswith(f"{lines}, line 3: wanted a JSON object")
    assert told[-2:] == ["... and 10 faults more", "nothing was taken in; --skip-faulty takes in the lines without a fault"]
    assert main(["import", str(lines), "--skip-faulty"]) == 2
    assert capsys.readouterr().out == "2 created, 0 changed, 0 unchanged\n"


def test_a_row_that_names_no_labeller_needs_one_for_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "table.csv"
    table.write_text("text,label\nNo.,deny\n", encoding="utf-8")
    assert main(["import", str(table), "--format", "csv"]) == 2
    assert "labeller" in capsys.readouterr().err
    assert main(["import", str(table), "--format", "csv", "--labeller", "anna"]) == 0


def test_an_export_that_cannot_be_written_leaves_what_was_there(lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", str(lines)]) == 0
    capsys.readouterr()
    assert main(["export", str(tmp_path / "no" / "file")]) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert os.listdir(tmp_path).count("no") == 0


def test_a_store_that_cannot_be_opened_is_told(lines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("ONRECORD_LABELS", f"sqlite:///{lines}/labels.db")
    for command in (["import", str(lines)], ["export", str(tmp_path / "out")]):
        assert main(command) == 2
        assert capsys.readouterr().err.startswith("error: the label store")
    monkeypatch.setenv("ONRECORD_LABELS", "mysql://host/labels")
    assert main(["import", str(lines)]) == 2
    assert "sqlite:" in capsys.readouterr().err
