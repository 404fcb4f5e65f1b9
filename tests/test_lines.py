"""Lines become statements, or the first that cannot is named with its number."""

import json

import pytest

from service.errors import Fault, InvalidInput
from service.statements.lines import Line, read_lines
from service.statements.statement import MAX_TEXT_CHARS, Statement


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("We had nothing to do with it.\n", Line(Statement("We had nothing to do with it."))),
        ("  indented\t\r\n", Line(Statement("indented"))),
        ('"any role" {in it}\n', Line(Statement('"any role" {in it}'))),
        ("[1, 2]", Line(Statement("[1, 2]"))),
        ('{"text": "any role"}\n', Line(Statement("any role"))),
        ('  {"text": " any role "}', Line(Statement(" any role "))),
        ('{"text": "a", "context": "b", "speaker": "c"}', Line(Statement("a", "b", "c"))),
        ('{"text": "a", "context": null, "speaker": null}', Line(Statement("a"))),
        ('{"text": "a\\nb \\u00fc"}', Line(Statement("a\nb ü"))),
        ('{"id": 7, "text": "a", "label": "deny", "from": {"x": [1]}}', Line(Statement("a"), {"id": 7, "label": "deny", "from": {"x": [1]}})),
    ],
)
def test_a_line_is_a_statement_or_a_json_object_with_one(line: str, expected: Line) -> None:
    assert list(read_lines([line], "input")) == [expected]


def test_blank_lines_are_passed_over_but_counted() -> None:
    lines = ["one\n", "\n", "  \t\n", "two\n", '{"text": 3}\n']
    read = read_lines(lines, "quotes.jsonl")
    assert [next(read).statement.text, next(read).statement.text] == ["one", "two"]
    with pytest.raises(InvalidInput, match=r"^quotes\.jsonl line 5, text: "):
        next(read)


def test_no_lines_are_no_statements() -> None:
    assert list(read_lines([], "input")) == []


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('{"text": 3}', Fault("input line 1, text", "3", "a string")),
        ('{"text": ["a"]}', Fault("input line 1, text", '["a"]', "a string")),
        ('{"text": "a", "context": {}}', Fault("input line 1, context", "{}", "a string")),
        ('{"text": "a", "speaker": false}', Fault("input line 1, speaker", "false", "a string")),
        ("{}", Fault("input line 1", "[]", "a field `text`")),
        ('{"text": null, "id": 7}', Fault("input line 1", '["id", "text"]', "a field `text`")),
        ('{"quote": "a"}', Fault("input line 1", '["quote"]', "a field `text`")),
        ('{"text": " "}', Fault("input line 1, text", '" "', "a text that is not blank")),
        (
            '{"text": "a\\u0000"}',
            Fault("input line 1, text", "the control character U+0000 at character 1", "printable Unicode text"),
        ),
        ('{"text": "\\ud83d"}', Fault("input line 1, text", "the lone surrogate U+D83D at character 0", "printable Unicode text")),
        ("a\x07b", Fault("input line 1, text", "the control character U+0007 at character 1", "printable Unicode text")),
        ("x" * 20_001, Fault("input line 1, text", "20001 characters", f"at most {MAX_TEXT_CHARS} characters")),
    ],
)
def test_a_line_that_holds_no_statement_is_refused(line: str, fault: Fault) -> None:
    with pytest.raises(InvalidInput) as refusal:
        list(read_lines([line], "input"))
    assert list(refusal.value.faults) == [fault]


@pytest.mark.parametrize(
    "line", ["{", '{"text": "a"', '{"text": "a"} {"text": "b"}', "{text: a}", '{"text": ' + "[" * 100_000, '{"text": ' + "1" * 10_000 + "}"]
)
def test_broken_json_is_refused_with_the_reason(line: str) -> None:
    with pytest.raises(InvalidInput, match="wanted a JSON object") as refusal:
        list(read_lines(["fine", line], "input"))
    assert refusal.value.faults[0].where == "input line 2"
    assert len(str(refusal.value)) < 400


def test_what_comes_before_a_bad_line_is_read() -> None:
    read = read_lines(["fine", "{"], "input")
    assert next(read) == Line(Statement("fine"))
    with pytest.raises(InvalidInput):
        next(read)


def test_lines_are_read_as_they_are_asked_for() -> None:
    asked = iter([json.dumps({"text": "one"}), "two", "three"])
    next(read_lines(asked, "input"))
    assert list(asked) == ["two", "three"]
