"""Errors say where, what came and what was wanted, in text that any terminal and any log can hold."""

import json
from typing import Any

import pytest

from service.errors import Fault, GateRefused, InvalidInput, InvalidModelFolder, NotReady, OnRecordError, shown


def test_an_error_names_every_fault() -> None:
    first, second = Fault("statements[3].text", '""', "a text that is not blank"), Fault("top_k", "0", "1 at least")
    error = InvalidInput(first, second)
    assert str(error) == 'statements[3].text: wanted a text that is not blank, got ""; top_k: wanted 1 at least, got 0'
    assert list(error.faults) == [first, second]


@pytest.mark.parametrize("kind", [InvalidInput, InvalidModelFolder, NotReady, GateRefused])
def test_each_error_is_told_apart_from_the_others(kind: type[OnRecordError]) -> None:
    others = {InvalidInput, InvalidModelFolder, NotReady, GateRefused} - {kind}
    assert issubclass(kind, OnRecordError)
    assert not any(issubclass(kind, other) for other in others)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("", '""'),
        ("no", '"no"'),
        (None, "null"),
        (True, "true"),
        ("\ud800", '"\\ud800"'),
        ("a\x00\x1b[31mb", '"a\\u0000\\u001b[31mb"'),
        ("нет\n", '"\\u043d\\u0435\\u0442\\n"'),
        ({"text": [1, 2.5]}, '{"text": [1, 2.5]}'),
        (b"no", "\"b'no'\""),
    ],
)
def test_what_came_is_shown_in_plain_ascii(value: Any, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize("n_chars", [10, 60])
def test_what_came_is_cut_to_a_length_that_can_be_read(n_chars: int) -> None:
    text = shown("x" * 10_000, n_chars=n_chars)
    assert len(text) == n_chars
    assert text.endswith("xxx...")


def test_what_just_fits_is_shown_whole() -> None:
    assert json.loads(shown("x" * 58)) == "x" * 58
    assert shown("x" * 59).endswith("...")
