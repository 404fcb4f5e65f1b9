"""Where quotation marks open and close, in all the ways that people and programs type them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.statements.marks import blocks_of, paragraphs_of, quotations_of


def quoted(text: str) -> list[str]:
    return [text[quotation.start : quotation.end] for quotation in quotations_of(text, paragraphs_of(text))]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('He said "no" and "not yet" then.', ["no", "not yet"]),
        ("He said “no” then.", ["no"]),
        ("„Das ist so“, sagte er. „Und?“", ["Das ist so", "Und?"]),
        ("»So« und »da«", ["So", "da"]),
        ("«Oui», dit-elle.", ["Oui"]),
        ("''No,'' he said. ''We won't.''", ["No,", "We won't."]),
        ("``No,'' he said.", ["No,"]),
        ("“A “small” one,” she said.", ["A “small” one,"]),
        ('“No," she said.', ["No,"]),
        ("She said: ‘I don’t know what the workers’ union wants.’ Then she left.", ["I don’t know what the workers’ union wants."]),
        ("The 'best' of the workers' party", ["best"]),
        ("Rock 'n' roll in the '90s", []),
        ("It's the boys' turn.", []),
        ('The hole was 5" wide and 6\'2" deep.', []),
        ("“ spaced out ” he said", [" spaced out "]),
        ("He called it “", []),
        ("”", []),
        ("", []),
    ],
)
def test_quotations_are_found_whatever_the_marks(text: str, wanted: list[str]) -> None:
    assert quoted(text) == wanted


def test_an_odd_mark_takes_no_other_paragraph_with_it() -> None:
    assert quoted("He said “no and left.\n\n“Yes,” she said.") == ["Yes,"]


def test_a_speech_over_several_paragraphs_opens_each_and_closes_the_last() -> None:
    text = '"One.\n\n"Two.\n\n"Three," he said.'
    quotations = quotations_of(text, paragraphs_of(text))
    assert [text[quotation.start : quotation.end] for quotation in quotations] == ["One.", "Two.", "Three,"]
    assert [quotation.goes_on for quotation in quotations] == [True, True, False]


def test_a_line_is_a_paragraph_unless_lines_are_broken_to_a_width() -> None:
    assert paragraphs_of("One is here.\nTwo is here.\r\n\r\nThree.") == [(0, 12), (13, 25), (29, 35)]
    wrapped = "This is a sentence which goes on\nin the next line and ends\nhere.\n\nThis one too\nends here."
    assert [wrapped[start:end] for start, end in paragraphs_of(wrapped)] == [wrapped[:64], wrapped[66:]]


def test_a_long_paragraph_is_parted_behind_a_sentence_outside_of_quotations() -> None:
    text = "“" + "It is late. " * 200 + "” " + "We go home. " * 400
    paragraphs = paragraphs_of(text)
    quotations = quotations_of(text, paragraphs)
    blocks = blocks_of(text, paragraphs, quotations)
    assert len(blocks) > 2
    assert "".join(text[start:end] for start, end in blocks).replace(" ", "") == text.replace(" ", "")
    assert all(text[end - 1] == "." for _, end in blocks)
    assert not any(quotations[0].start < end < quotations[0].end for _, end in blocks)


@given(st.text(alphabet="“”‘’„«»\"' \nab.,A-'", max_size=200))
def test_quotations_are_in_order_and_apart(text: str) -> None:
    paragraphs = paragraphs_of(text)
    quotations = quotations_of(text, paragraphs)
    edges = [edge for quotation in quotations for edge in (quotation.outer_start, quotation.start, quotation.end, quotation.outer_end)]
    assert edges == sorted(edges)
    assert all(any(start <= quotation.outer_start and quotation.outer_end <= end for start, end in paragraphs) for quotation in quotations)
