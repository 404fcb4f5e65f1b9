"""Changes -> what a quote adds up to: labels, disputes, deletion, and what says something new."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from service.errors import InvalidInput
from service.labels.quote import LABELS, MAX_NAME_CHARS, NOT_A_STATEMENT, Change, Given, Kind, Quote, Source, Status, quote_id, with_changes
from service.stance import STANCES, Stance
from service.statements.statement import Statement

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
STATEMENT = Statement("any role in the fire", "The union denied any role in the fire.")


def change(kind: Kind = Kind.LABEL, by: str = "anna", minute: int = 0, **fields: object) -> Change:
    return Change(kind, by, NOON + timedelta(minutes=minute), Source.API, **fields)  # type: ignore[arg-type]


def label(name: str, by: str = "anna", minute: int = 0, **fields: object) -> Change:
    return change(Kind.LABEL, by, minute, label=name, **fields)


def quote(*changes: Change) -> Quote:
    return Quote(STATEMENT, changes)


def test_a_quote_that_nobody_has_labelled_is_unlabelled() -> None:
    found = quote(change(Kind.ADD))
    assert (found.status, found.label, found.opinions) == (Status.UNLABELLED, None, {})


def test_one_label_is_agreed() -> None:
    found = quote(label("deny"))
    assert (found.status, found.label) == (Status.AGREED, "deny")


def test_two_people_who_differ_are_both_kept_and_the_quote_has_no_label() -> None:
    found = quote(label("deny"), label("other", "ben", 1))
    assert (found.status, found.label) == (Status.DISPUTED, None)
    assert {by: opinion.label for by, opinion in found.opinions.items()} == {"anna": "deny", "ben": "other"}


def test_a_person_who_changes_their_mind_ends_the_dispute() -> None:
    found = quote(label("deny"), label("other", "ben", 1), label("deny", "ben", 2))
    assert (found.status, found.label) == (Status.AGREED, "deny")
    assert len(found.changes) == 3


def test_a_label_that_is_withdrawn_counts_no_more() -> None:
    found = quote(label("deny"), label("other", "ben", 1), change(Kind.WITHDRAW, "anna", 2))
    assert (found.status, found.label) == (Status.AGREED, "other")
    assert quote(label("deny"), change(Kind.WITHDRAW, "anna", 1)).status is Status.UNLABELLED


def test_a_settled_dispute_has_the_label_that_it_was_settled_as() -> None:
    found = quote(label("deny"), label("other", "ben", 1), change(Kind.SETTLE, "chief", 2, label="confirm"))
    assert (found.status, found.label) == (Status.AGREED, "confirm")
    assert set(found.opinions) == {"anna", "ben"}


def test_a_different_label_after_the_settlement_opens_the_dispute_again() -> None:
    settled = (label("deny"), label("other", "ben", 1), change(Kind.SETTLE, "chief", 2, label="deny"))
    assert quote(*settled, label("other", "cleo", 3)).status is Status.DISPUTED
    assert quote(*settled, label("deny", "cleo", 3)).label == "deny"
    assert quote(*settled, label("other", "cleo", 3), change(Kind.WITHDRAW, "cleo", 4)).label == "deny"


def test_a_deleted_quote_comes_back_with_the_next_label_but_not_because_somebody_adds_it() -> None:
    deleted = (label("deny"), change(Kind.DELETE, "ben", 1))
    assert quote(*deleted).status is Status.DELETED
    assert quote(*deleted, change(Kind.ADD, "cleo", 2)).status is Status.DELETED
    assert quote(*deleted, label("deny", "anna", 2)).status is Status.AGREED


def test_the_last_speaker_and_the_last_verdict_stand() -> None:
    given = Given("r1", Stance.OTHER, 0.6)
    found = quote(label("deny", speaker="the union", verdict=given), change(Kind.SPEAKER, "ben", 1, speaker="Ana Ruiz"), label("deny", "ben", 2))
    assert (found.speaker, found.verdict) == ("Ana Ruiz", given)


def test_the_same_label_again_says_nothing_new_unless_its_note_or_speaker_does() -> None:
    held = (label("deny", note="why", speaker="the union"),)
    assert with_changes(held, [label("deny", minute=5)]) == held
    assert with_changes(held, [label("deny", minute=5, note="why")]) == held
    assert len(with_changes(held, [label("deny", minute=5, note="better")])) == 2
    assert len(with_changes(held, [label("deny", minute=5, speaker="Ana Ruiz")])) == 2
    assert len(with_changes(held, [label("deny", "ben", minute=5)])) == 2


def test_the_same_label_does_say_something_new_after_a_deletion_a_settlement_and_a_withdrawal() -> None:
    for last in (change(Kind.DELETE, "ben", 1), change(Kind.SETTLE, "ben", 1, label="other"), change(Kind.WITHDRAW, "anna", 1)):
        assert len(with_changes((label("deny"), last), [label("deny", minute=2)])) == 3, last


def test_an_older_change_takes_its_place_in_time() -> None:
    held = (label("deny", minute=10),)
    found = with_changes(held, [label("other", "ben", 5), label("other", "anna", 5)])
    assert [(each.by, each.label) for each in found] == [("ben", "other"), ("anna", "other"), ("anna", "deny")]
    assert with_changes(found, [label("other", "ben", 5)]) == found


def test_a_history_put_in_twice_or_in_parts_is_the_same_history() -> None:
    history = (change(Kind.ADD), label("deny", minute=1), label("other", "ben", 2), change(Kind.SETTLE, "chief", 3, label="deny"), label("deny", "ben", 4))
    for order in permutations(range(len(history)), 2):
        parts = [history[: min(order)], history, history[max(order) :]]
        found: tuple[Change, ...] = ()
        for part in parts:
            found = with_changes(found, part)
        assert Quote(STATEMENT, found).label == "deny"
        assert [each for each in found if each.kind is not Kind.ADD] == [each for each in history if each.kind is not Kind.ADD]


def test_spaces_marks_and_dashes_make_no_other_quote_but_words_and_context_do() -> None:
    one = quote_id("We “never” signed – anything", "He said: “We never…”")
    assert one == quote_id('We "never"  signed - anything ', 'He said: "We never..."')
    assert one != quote_id("We never signed anything", "He said: “We never…”")
    assert one != quote_id("We “never” signed – anything", None)
    assert len(one) == 16


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"label": "denial"}, "label"),
        ({"label": None}, "label"),
        ({"kind": Kind.SPEAKER, "label": None}, "speaker"),
        ({"kind": Kind.DELETE}, "label"),
        ({"by": " "}, "labeller"),
        ({"by": "x" * (MAX_NAME_CHARS + 1)}, "labeller"),
        ({"note": "a\x00b"}, "note"),
    ],
)
def test_a_change_that_cannot_be_is_refused_with_its_place(fields: dict[str, object], where: str) -> None:
    row: dict[str, object] = {"kind": Kind.LABEL, "by": "anna", "at": NOON, "source": Source.API, "label": "deny"} | fields
    with pytest.raises(InvalidInput) as refused:
        Change(**row)  # type: ignore[arg-type]
    assert refused.value.faults[0].where == where


def test_a_person_may_say_that_it_is_no_statement() -> None:
    assert (*STANCES, NOT_A_STATEMENT) == LABELS
    assert quote(label(NOT_A_STATEMENT)).label == NOT_A_STATEMENT
