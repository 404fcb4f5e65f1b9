"""Rows of the database <-> quotes and changes."""

from collections import defaultdict
from typing import Any

import sqlalchemy as sa

from service.labels.quote import Change, Given, Kind, Quote, Source
from service.labels.tables import changes, quotes
from service.stance import Stance
from service.statements.statement import Statement

CHUNK = 500  # values in one statement: SQLite takes 32,766, older ones 999


def read_quotes(
    connection: sa.Connection, *conditions: Any, order: tuple[Any, ...] = (quotes.c.number,), n: int | None = None, locked: bool = False
) -> list[tuple[int, Quote]]:
    """The first `n` quotes that meet the conditions, each with its number; `locked` until the end of the transaction, where the database has row locks."""
    select = sa.select(quotes).where(*conditions).order_by(*order).limit(n)
    rows = connection.execute(select.with_for_update() if locked else select).all()  # for SQLite, SQLAlchemy leaves the lock out
    made: dict[int, list[Change]] = defaultdict(list)
    numbers = [row.number for row in rows]
    for start in range(0, len(numbers), CHUNK):
        wanted = sa.select(changes).where(changes.c.quote.in_(numbers[start : start + CHUNK])).order_by(changes.c.at, changes.c.number)
        for row in connection.execute(wanted):
            made[row.quote].append(_change(row))
    return [(row.number, Quote(Statement(row.text, row.context), tuple(made[row.number]), row.story)) for row in rows]


def summary_row(quote: Quote) -> dict[str, Any]:
    """What a quote's changes add up to, as its own row keeps it."""
    return {
        "story": quote.story,
        "status": str(quote.status),
        "label": quote.label,
        "speaker": quote.speaker,
        "changed": max(change.at for change in quote.changes),
    }


def _change(row: Any) -> Change:
    given = Given(row.model, Stance(row.stance), row.probability) if row.model is not None else None
    return Change(Kind(row.kind), row.by, row.at, Source(row.source), row.label, row.speaker, row.note, given)
