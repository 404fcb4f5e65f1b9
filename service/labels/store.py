"""The store of labelled quotes: what goes in and what is asked for, over SQLite or PostgreSQL. What a quote's changes mean is quote.py's."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from service.errors import Fault, InvalidInput, NotFound, shown
from service.labels.database import Database
from service.labels.quote import Change, Quote, Status, change_row, with_changes
from service.labels.rows import CHUNK, read_quotes, summary_row
from service.labels.search import Search, after, conditions, not_by
from service.labels.tables import changes, quotes, requests
from service.stance import Verdict

MAX_PAGE = 1_000
_KEY_DAYS = 30


class Outcome(StrEnum):
    """What became of a quote that was sent in."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class Page:
    """Quotes, newest first; `next` goes on from there, None at the end; `total` counts all that the search finds."""

    quotes: list[Quote]
    next: str | None
    total: int


class LabelStore:
    """All methods may be called from several threads and processes at once; each is one transaction. They raise `StoreUnavailable` where the database fails."""

    def __init__(self, url: str) -> None:
        self.database = Database(url)

    def merge(self, incoming: Sequence[Quote], *, are_made_now: bool = False) -> list[tuple[Quote, Outcome]]:
        """Puts in what the quotes hold that is new, all or nothing. Returns them as they are then, in order, with what became of each.

        What is made now comes after all that is there, whatever the clocks say; else the times of the changes decide.
        """
        with self.database.writing() as connection:
            return self._merge(connection, incoming, are_made_now=are_made_now)

    def answer_once(self, key: str, request: str, answer: Callable[[Sequence[tuple[Quote, Outcome]]], str], incoming: Sequence[Quote]) -> str:
        """What `answer` makes of the merge of `incoming`; where `key` has come before with the same `request` (a digest), the answer that was given then.

        What comes in is made now. Raises `InvalidInput` where it came with another one. Keys are kept for a month.
        """
        with self.database.writing() as connection:
            row = connection.execute(sa.select(requests).where(requests.c.key == key)).one_or_none()
            if row is not None and row.digest != request:
                raise InvalidInput(Fault("header Idempotency-Key", shown(key), "a key that did not come with another request before"))
            if row is not None:
                return str(row.answer)
            text = answer(self._merge(connection, incoming, are_made_now=True))
            now = datetime.now(UTC)
            connection.execute(sa.delete(requests).where(requests.c.at < now - timedelta(days=_KEY_DAYS)))
            connection.execute(sa.insert(requests).values(key=key, digest=request, answer=text, at=now))
            return text

    def change(self, quote: str, made: Sequence[Change]) -> Quote:
        """The quote of that id after the changes. Raises `NotFound`."""
        _check_id(quote)
        with self.database.writing() as connection:
            held = self._held(connection, [quote])
            if not held:
                raise _missing(quote)
            ((_, before),) = held.values()
            ((after, _),) = self._merge(connection, [replace(before, changes=tuple(made))], are_made_now=True)
            return after

    def get(self, quote: str) -> Quote:
        """The quote of that id, deleted or not. Raises `NotFound`."""
        _check_id(quote)
        with self.database.reading() as connection:
            found = read_quotes(connection, quotes.c.id == quote)
        if not found:
            raise _missing(quote)
        return found[0][1]

    def find(self, search: Search, n: int = 100, cursor: str | None = None) -> Page:
        """The newest `n` (1 to 1,000) quotes of a search, or those that follow on `cursor`. Deleted ones are found by that status alone."""
        wanted = conditions(search)
        with self.database.reading() as connection:
            total = connection.execute(sa.select(sa.func.count()).select_from(quotes).where(*wanted)).scalar_one()
            rows = read_quotes(connection, *wanted, *after(cursor), order=(quotes.c.number.desc(),), n=n + 1)
        more = str(rows[n - 1][0]) if len(rows) > n else None
        return Page([quote for _, quote in rows[:n]], more, total)

    def everything(self) -> Iterator[Quote]:
        """Every quote, deleted ones too, oldest first, as they are at one moment."""
        with self.database.reading() as connection:
            last = 0
            while rows := read_quotes(connection, quotes.c.number > last, n=CHUNK):
                last = rows[-1][0]
                yield from (quote for _, quote in rows)

    def next_unlabelled(self, n: int, *, labeller: str | None = None, at_random: bool = False) -> list[Quote]:
        """Quotes without a label: those first whose verdict was least probable (least-confidence sampling, Lewis and Gale 1994), or in no order."""
        order = (sa.func.random() if at_random else sa.func.coalesce(quotes.c.probability, 0.0),)
        with self.database.reading() as connection:
            rows = read_quotes(connection, quotes.c.status == Status.UNLABELLED, *not_by(labeller), order=order, n=n)
        return [quote for _, quote in rows]

    def next_disagreements(self, n: int, *, labeller: str | None = None) -> list[Quote]:
        """Quotes on which people differ, then those on which people differ from the model, the surest verdicts first."""
        differs = sa.or_(quotes.c.status == Status.DISPUTED, sa.and_(quotes.c.status == Status.AGREED, quotes.c.label != quotes.c.stance))
        order = (sa.case((quotes.c.status == Status.DISPUTED, 0), else_=1), sa.func.coalesce(quotes.c.probability, 0.0).desc())
        with self.database.reading() as connection:
            rows = read_quotes(connection, differs, *not_by(labeller), order=order, n=n)
        return [quote for _, quote in rows]

    def without_verdict_of(self, model: str, n: int) -> list[Quote]:
        """Up to `n` unlabelled quotes that this model has not judged yet."""
        with self.database.reading() as connection:
            unjudged = sa.or_(quotes.c.model.is_(None), quotes.c.model != model)
            rows = read_quotes(connection, quotes.c.status == Status.UNLABELLED, unjudged, n=n)
        return [quote for _, quote in rows]

    def keep_verdicts(self, model: str, verdicts: Mapping[str, Verdict]) -> None:
        """Keeps what `model` says of the quotes of these ids, for `next_unlabelled` to choose by. It is no part of a quote's history."""
        with self.database.writing() as connection:
            if not verdicts:
                return
            rows = [(quote, {"model": model, "stance": str(verdict.stance), "probability": verdict.probability}) for quote, verdict in sorted(verdicts.items())]
            numbers = {quote.id: number for number, quote in self._held(connection, [quote for quote, _ in rows]).values()}
            _update(connection, {numbers[quote]: row for quote, row in rows if quote in numbers})

    def counts(self) -> dict[str, int]:
        """How many quotes there are of each status."""
        with self.database.reading() as connection:
            found = {row[0]: row[1] for row in connection.execute(sa.select(quotes.c.status, sa.func.count()).group_by(quotes.c.status))}
        return {str(status): found.get(str(status), 0) for status in Status}

    def close(self) -> None:
        """Gives the connections back."""
        self.database.close()

    def _merge(self, connection: sa.Connection, incoming: Sequence[Quote], *, are_made_now: bool = False) -> list[tuple[Quote, Outcome]]:
        ids = sorted({quote.id for quote in incoming})
        fresh = self._insert(connection, ids, incoming)
        held = self._held(connection, ids)
        now = {quote.id: (number, quote) for number, quote in held.values()}
        outcomes: list[tuple[str, Outcome]] = []
        rows: list[dict[str, Any]] = []
        touched: set[int] = set()
        for quote in incoming:
            number, old = now[quote.id]
            made = _after(old.changes, quote.changes) if are_made_now else quote.changes
            new = replace(old, changes=with_changes(old.changes, made), story=old.story or quote.story)
            known = set(old.changes)
            rows += [change_row(change) | {"quote": number} for change in new.changes if change not in known]
            is_new = quote.id in fresh and not old.changes
            outcomes.append((quote.id, Outcome.CREATED if is_new else Outcome.UNCHANGED if new == old else Outcome.CHANGED))
            now[quote.id] = (number, new)
            if new != old:
                touched.add(number)
        if rows:
            connection.execute(sa.insert(changes), rows)
        judged = {row["quote"]: {key: row[key] for key in ("model", "stance", "probability")} for row in rows if row["model"] is not None}
        _update(connection, {number: summary_row(quote) for number, quote in now.values() if number in touched})
        _update(connection, judged)
        return [(now[identity][1], outcome) for identity, outcome in outcomes]

    def _insert(self, connection: sa.Connection, ids: Sequence[str], incoming: Sequence[Quote]) -> set[str]:
        """Makes a row for every quote that has none yet; returns the ids of those."""
        there: set[str] = set()
        for start in range(0, len(ids), CHUNK):
            there |= set(connection.execute(sa.select(quotes.c.id).where(quotes.c.id.in_(ids[start : start + CHUNK]))).scalars())
        first = {quote.id: quote for quote in reversed(incoming)}
        blank = {"status": str(Status.UNLABELLED), "changed": datetime.now(UTC)}
        rows = [
            blank | {"id": identity, "text": first[identity].statement.text, "context": first[identity].statement.context, "story": first[identity].story}
            for identity in dict.fromkeys(quote.id for quote in incoming)
            if identity not in there
        ]
        if rows:
            connection.execute(sa.insert(quotes), rows)
        return {str(row["id"]) for row in rows}

    def _held(self, connection: sa.Connection, ids: Sequence[str]) -> dict[str, tuple[int, Quote]]:
        """The quotes of these ids with their numbers, locked until the end of the transaction."""
        held: dict[str, tuple[int, Quote]] = {}
        for start in range(0, len(ids), CHUNK):
            rows = read_quotes(connection, quotes.c.id.in_(ids[start : start + CHUNK]), order=(quotes.c.id,), locked=True)
            held |= {quote.id: (number, quote) for number, quote in rows}
        return held


def _update(connection: sa.Connection, rows: Mapping[int, dict[str, Any]]) -> None:
    """Sets the columns of each quote, by its number; all of them the same columns."""
    if rows:
        columns = next(iter(rows.values()))
        update = sa.update(quotes).where(quotes.c.number == sa.bindparam("which")).values({name: sa.bindparam(f"new_{name}") for name in columns})
        connection.execute(update, [{"which": number} | {f"new_{name}": value for name, value in row.items()} for number, row in rows.items()])


def _after(there: Sequence[Change], made: Sequence[Change]) -> Sequence[Change]:
    """`made`, at the earliest just after the last of `there`, which may have come by a clock that is ahead of ours, or by ours before it was set back."""
    if not there:
        return made
    return [replace(change, at=max(change.at, there[-1].at + timedelta(microseconds=1 + number))) for number, change in enumerate(made)]


def _check_id(quote: str) -> None:
    if not re.fullmatch("[0-9a-f]{16}", quote):  # PostgreSQL takes no NUL in a text
        raise _missing(quote)


def _missing(quote: str) -> NotFound:
    return NotFound(f"there is no quote {shown(quote)}; GET /v1/quotes lists those that there are")
