"""Files of labelled statements come in checked, line by line."""

import json
from pathlib import Path

import pytest

from service.errors import InvalidInput
from service.stance import Stance
from training.examples import data_digest, labels_of, read_examples

GOOD = {"id": "a", "text": "We had no part in it.", "label": "deny", "form": "direct", "topic": "war", "story": "s", "rule": 7}


def write(path: Path, *rows: object) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), encoding="utf-8")
    return path


def test_an_example_keeps_everything_its_line_says(tmp_path: Path) -> None:
    (example,) = read_examples(write(tmp_path / "x.jsonl", GOOD | {"context": "“We had no part in it.”", "speaker": "a colonel"}))
    assert (example.id, example.label, example.form, example.topic, example.story, example.rule) == ("a", Stance.DENY, "direct", "war", "s", 7)
    assert (example.statement.text, example.statement.speaker) == ("We had no part in it.", "a colonel")


def test_a_line_needs_no_more_than_text_and_label(tmp_path: Path) -> None:
    examples = read_examples(write(tmp_path / "x.jsonl", {"text": "a", "label": "other"}, "", {"text": "b", "label": "confirm", "source": "fnc"}))
    assert [example.id for example in examples] == ["1", "3"]
    assert labels_of(examples) == [4, 0]


@pytest.mark.parametrize(
    ("row", "where", "wanted"),
    [
        ('{"text": ', "line 1", "JSON object"),
        ("[]", "line 1", "JSON object"),
        (GOOD | {"label": "maybe"}, "label", "one of confirm"),
        ({"label": "deny"}, "text", "a text"),
        (GOOD | {"text": 3}, "text", "a string"),
        (GOOD | {"text": "  "}, "text", "not blank"),
        (GOOD | {"form": "spoken"}, "form", "one of direct"),
        (GOOD | {"rule": 17}, "rule", "1 to 16"),
        (GOOD | {"rule": True}, "rule", "1 to 16"),
        (GOOD | {"context": "\x00"}, "context", "printable Unicode text"),
    ],
)
def test_a_bad_line_is_named_with_what_was_wanted(tmp_path: Path, row: object, where: str, wanted: str) -> None:
    with pytest.raises(InvalidInput) as error:
        read_examples(write(tmp_path / "x.jsonl", row))
    (fault,) = error.value.faults
    assert "x.jsonl line 1" in fault.where
    assert where in fault.where
    assert wanted in fault.wanted


def test_all_bad_lines_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as error:
        read_examples(write(tmp_path / "x.jsonl", GOOD, GOOD | {"label": 1, "id": "b"}, GOOD))
    assert [fault.where.split(" line ")[1] for fault in error.value.faults] == ["2, label", "3, id"]


def test_a_file_without_examples_is_refused(tmp_path: Path) -> None:
    for path in (write(tmp_path / "empty.jsonl"), tmp_path / "absent.jsonl", tmp_path):
        with pytest.raises(InvalidInput):
            read_examples(path)


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_bytes(b'{"text": "\xff", "label": "deny"}\n')
    with pytest.raises(InvalidInput, match="UTF-8"):
        read_examples(tmp_path / "x.jsonl")


def test_the_digest_follows_every_byte_and_split(tmp_path: Path) -> None:
    for split in ("train", "validation", "test"):
        write(tmp_path / f"{split}.jsonl", GOOD)
    before = data_digest(tmp_path)
    write(tmp_path / "test.jsonl", GOOD | {"topic": "peace"})
    changed = data_digest(tmp_path)
    write(tmp_path / "validation.jsonl", GOOD | {"topic": "peace"})
    write(tmp_path / "test.jsonl", GOOD)
    assert len({before, changed, data_digest(tmp_path)}) == 3
