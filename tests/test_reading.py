"""A model reads one string: the context with the statement marked in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.statements.reading import LEAST_LEAD_CHARS, MOST_LEAD_CHARS, Reading, reading_of
from service.statements.statement import Statement


@pytest.mark.parametrize(
    ("text", "context", "reading"),
    [
        ("any role", "The group denied any role on Monday.", "The group denied « any role » on Monday."),
        ("any role", None, "any role"),
        ("any role", " any role ", "any role"),
        # The first place counts.
        ("No", "“No”, he said, and again: “No”.", "“« No »”, he said, and again: “No”."),
        # Callers cut quotes out by hand: marks, full stops and spaces around and inside them differ.
        (
            "“A tissue\nof lies.”",
            "She called it a “tissue of lies”. “A  tissue of lies,” she said.",
            "She called it a “tissue of lies”. “« A  tissue of lies »,” she said.",
        ),
        ('"We know nothing"', "“We know nothing,” he said.", "“« We know nothing »,” he said."),
        # A quote that its attribution interrupts stands before its context.
        ("We did not shoot. We ran.", "“We did not shoot,” she said. “We ran.”", "« We did not shoot. We ran. » “We did not shoot,” she said. “We ran.”"),
        ("...", "He said nothing", "« ... » He said nothing"),
        # Whoever writes in French marks does not mark statements by it.
        ("«Non»", None, '"Non"'),
        ("jamais", "Il a dit «jamais» et «non».", 'Il a dit "« jamais »" et "non".'),
    ],
)
def test_the_statement_is_marked_where_it_stands(text: str, context: str | None, reading: str) -> None:
    assert reading_of(Statement(text, context)) == Reading(reading, is_cut=False)


def test_a_long_beginning_is_cut_at_a_word_so_that_the_statement_stays_in_view() -> None:
    context = "word " * 200 + "denied any role. " + "more " * 100
    reading = reading_of(Statement("any role", context))
    assert reading.is_cut
    assert reading.text.startswith("word word")
    assert MOST_LEAD_CHARS - len("any role") - 5 <= reading.text.index("«") <= MOST_LEAD_CHARS - len("any role")
    assert reading.text.endswith("more ")


def test_the_longer_the_statement_the_less_stands_before_it() -> None:
    long = "statement " * 60
    reading = reading_of(Statement(long.strip(), "x" * 1000 + " " + long))
    assert reading.text.index("«") <= LEAST_LEAD_CHARS


@given(st.text(alphabet="ab «».\n", min_size=1, max_size=30).filter(str.strip), st.text(alphabet="ab «».\n", max_size=900))
def test_whatever_the_texts_there_is_one_reading_with_at_most_one_marked_statement(text: str, context: str) -> None:
    reading = reading_of(Statement(text, context)).text
    assert reading.count("«") == reading.count("»") <= 1
    assert reading.strip()
