"""How far labellers agree, as Cohen has it."""

from datetime import UTC, datetime

import pytest

from service.labels.agreement import agreements
from service.labels.quote import Change, Kind, Label, Quote, Source
from service.statements.statement import Statement

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def quote(text: str, *more: Change, **labels: Label) -> Quote:
    return Quote(Statement(text), (*(Change(Kind.LABEL, by, NOON, Source.API, label) for by, label in labels.items()), *more))


def test_kappa_leaves_out_what_chance_would_give() -> None:
    # 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: the textbook's 0.4.
    counted: list[tuple[int, Label, Label]] = [(20, "deny", "deny"), (5, "deny", "other"), (10, "other", "deny"), (15, "other", "other")]
    quotes = [quote(f"{first} {second} {number}", anna=first, ben=second) for n, first, second in counted for number in range(n)]
    (found,) = agreements(quotes)
    assert (found.labellers, found.n, found.share) == (("anna", "ben"), 50, 0.7)
    assert found.kappa == pytest.approx(0.4)


def test_pairs_come_by_what_they_have_in_common_and_deleted_quotes_count_nothing() -> None:
    quotes = [
        quote("one", anna="deny", ben="deny", cleo="other"),
        quote("two", anna="deny", ben="deny"),
        quote("three", Change(Kind.DELETE, "anna", NOON, Source.API), anna="deny", cleo="deny"),
        quote("four", anna="deny"),
    ]
    found = agreements(quotes)
    assert [(agreement.labellers, agreement.n) for agreement in found] == [(("anna", "ben"), 2), (("anna", "cleo"), 1), (("ben", "cleo"), 1)]
    assert found[0].kappa is None  # both say the same of everything: chance would do as well
    assert agreements([]) == []
