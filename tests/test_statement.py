"""A statement holds text that a model can read, or is refused with the place and the reason."""

import pytest

from service.errors import InvalidInput
from service.statements.statement import MAX_TEXT_CHARS, Statement


@pytest.mark.parametrize(
    "text",
    [
        "No.",
        "👩‍🚒 We had nothing to do with it 🔥",
        "لم يكن لنا أي دور في الهجوم",
        "\u202bלא היינו שם\u202c",
        "Мы не имеем к этому никакого отношения.",
        "我们与此事无关。",
        "on two lines\r\n\tand indented",
        "a soft\u00adhyphen, a zero-width\u200bspace, a \ufeff mark and a private \ue000 one",
        "x" * MAX_TEXT_CHARS,
    ],
)
def test_text_of_any_script_is_a_statement(text: str) -> None:
    assert Statement(text, context=text, speaker=text).text == text


@pytest.mark.parametrize(
    ("text", "came"),
    [
        ("", '""'),
        (" \t\r\n", '" \\t\\r\\n"'),
        ("\u00a0\u3000", '"\\u00a0\\u3000"'),
        ("no\x00", "the control character U+0000 at character 2"),
        ("\x1b[31mno", "the control character U+001B at character 0"),
        ("no\x0bpe", "the control character U+000B at character 2"),
        ("no\x85", "the control character U+0085 at character 2"),
        ("a \ud800 b", "the lone surrogate U+D800 at character 2"),
        ("\udfff", "the lone surrogate U+DFFF at character 0"),
        ("x" * (MAX_TEXT_CHARS + 1), f"{MAX_TEXT_CHARS + 1} characters"),
    ],
)
def test_text_that_no_model_can_read_is_refused(text: str, came: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        Statement(text)
    (fault,) = refusal.value.faults
    assert (fault.where, fault.came) == ("text", came)


@pytest.mark.parametrize("field", ["context", "speaker"])
@pytest.mark.parametrize("value", ["\x00", "\udc00", "x" * (MAX_TEXT_CHARS + 1)])
def test_what_stands_beside_the_text_is_held_to_the_same(field: str, value: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        Statement("No.", **{field: value})
    assert [fault.where for fault in refusal.value.faults] == [field]


def test_every_field_at_fault_is_named_at_once() -> None:
    with pytest.raises(InvalidInput) as refusal:
        Statement("\x00", context="\x01", speaker="\x02")
    assert [fault.where for fault in refusal.value.faults] == ["text", "context", "speaker"]


def test_a_blank_context_or_speaker_is_no_fault() -> None:
    assert Statement("No.", context="  ", speaker="").frame is None


@pytest.mark.parametrize(
    ("context", "frame"),
    [
        (None, None),
        ("", None),
        (" \n", None),
        ("any role", None),
        ("  any role\n", None),
        ("The group denied any role.", "The group denied any role."),
        (" The group denied any role. ", " The group denied any role. "),
    ],
)
def test_a_context_is_read_only_where_it_adds_something(context: str | None, frame: str | None) -> None:
    assert Statement(" any role ", context).frame == frame
