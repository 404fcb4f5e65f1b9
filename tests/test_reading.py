"""A model reads one string: the context with the statement marked in it."""

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.statements.reading import Reading, place_of, reading_of
from service.statements.statement import Statement


def all_of_it(text: str) -> int:
    return len(text)


def the_first(n_chars: int) -> Callable[[str], int]:
    return lambda text: min(len(text), n_chars)


@pytest.mark.parametrize(
    ("text", "context", "reading"),
    [
        ("any role", "The group denied any role on Monday.", "The group denied « any role » on Monday."),
        ("any role", None, "any role"),
        ("any role", " any role ", "any role"),
        # The first place counts, but no part of a longer word.
        ("No", "“No”, he said, and again: “No”.", "“« No »”, he said, and again: “No”."),
        ("No", "Nobody knows. Asked about it, he said: “No.”", "Nobody knows. Asked about it, he said: “« No ».”"),
        ("“No.”", "Now the minister said “No,” flatly.", "Now the minister said “« No »,” flatly."),
        ("war", "The ward sister warned of war.", "The ward sister warned of « war »."),
        # Callers cut quotes out by hand: marks, full stops and spaces around and inside them differ.
        ("“A tissue\nof lies.”", "A “tissue of lies”. “A  tissue of lies,” she said.", "A “tissue of lies”. “« A  tissue of lies »,” she said."),
        ('"We know nothing"', "“We know\n\n nothing,” he said.", "“« We know\n\n nothing »,” he said."),
        ("«Non»", "“Non”, he said.", "“« Non »”, he said."),
        # A quote that its attribution interrupts stands before its context.
        ("We did not shoot. We ran.", "“We did not shoot,” she said. “We ran.”", "« We did not shoot. We ran. » “We did not shoot,” she said. “We ran.”"),
        ("...", "He said nothing", "« ... » He said nothing"),
        # French marks in a context mark no statement; in a text alone they do, as in the string that one gives to a pipeline of transformers.
        ("jamais", "Il a dit «jamais» et «non».", 'Il a dit "« jamais »" et "non".'),
        ("The group denied « any role ».", None, "The group denied « any role »."),
    ],
)
def test_the_statement_is_marked_where_it_stands(text: str, context: str | None, reading: str) -> None:
    assert reading_of(Statement(text, context), all_of_it) == Reading(reading, is_cut=False)


def test_a_context_that_the_model_reads_to_the_statement_stays_whole() -> None:
    context = "word " * 100 + "denied any role. " + "more " * 100
    reading = reading_of(Statement("any role", context), the_first(530))
    assert reading == Reading(context.replace("any role", "« any role »"), is_cut=False)


def test_where_the_model_does_not_get_that_far_as_little_as_helps_is_cut_at_a_word() -> None:
    context = "word " * 100 + "denied any role. " + "more " * 200
    for n_chars, margin in ((500, 400), (300, 200), (150, 100)):
        reading = reading_of(Statement("any role", context), the_first(n_chars))
        assert reading.is_cut
        assert reading.text.startswith("word word")
        assert margin - 5 <= reading.text.index("«") <= margin
        assert reading.text.index("»") < n_chars


def test_without_a_space_nearby_the_cut_is_made_inside_a_word() -> None:
    reading = reading_of(Statement("any role", "The minister denied " + "x" * 600 + " any role"), the_first(500))
    assert 395 <= reading.text.index("«") <= 400


def test_a_statement_that_is_too_long_by_itself_is_read_from_its_beginning() -> None:
    text = "statement " * 60 + "end"
    reading = reading_of(Statement(text, f"Before it. {text} After it."), the_first(200))
    assert reading == Reading(f"« {text} »", is_cut=True)


@given(st.text(alphabet="ab «».\n", min_size=1, max_size=30).filter(str.strip), st.text(alphabet="ab «».\n", max_size=900), st.integers(0, 900))
def test_whatever_the_texts_the_reading_of_a_context_marks_one_statement(text: str, context: str, n_chars: int) -> None:
    statement = Statement(text, context)
    reading = reading_of(statement, lambda given: min(len(given), n_chars)).text
    if statement.frame is None:
        assert reading == text
    else:
        assert reading.count("«") == reading.count("»") == 1
        assert (place := place_of(statement)) is None or statement.frame[slice(*place)].strip()


@pytest.mark.parametrize(
    ("text", "context"), [("a " * 9_000 + "b", "a " * 10_000), ("a" * 19_999, "a" * 20_000), ("x", " " * 19_999 + "y"), ("a", "ba " * 6_600)]
)
def test_hostile_texts_are_searched_in_no_time(text: str, context: str) -> None:
    started = time.perf_counter()
    for _ in range(5):
        place_of(Statement(text, context))
    assert time.perf_counter() - started < 1.0  # a fiftieth of a second each; a pattern made of the text took a whole one
