"""Verdicts -> how many of each stance a day, so that drift is seen. No text is kept."""

import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from service.errors import StoreUnavailable
from service.labels.database import Database
from service.labels.tables import verdicts as table
from service.stance import Stance, Verdict

_WRITE_SECONDS = 15.0
_COLUMNS = ("day", "model", "stance", "n", "n_certain")


@dataclass(frozen=True)
class DayCount:
    """Of the verdicts that `model` gave on a `day` (UTC), how many had that `stance`, and how many of those were certain."""

    day: date
    model: str
    stance: Stance
    n: int
    n_certain: int


class Tally:
    """Counts in memory and adds to the database now and then, so that no verdict waits for it; kill -9 loses the counts of a quarter of a minute."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._counts: dict[tuple[date, str, Stance], tuple[int, int]] = {}
        self._over = threading.Event()

    def count(self, model: str, verdicts: Sequence[Verdict]) -> None:
        """Counts verdicts that `model` has just given."""
        day = datetime.now(UTC).date()
        with self._lock:
            for verdict in verdicts:
                self._add((day, model, verdict.stance), 1, int(verdict.certain))

    def write(self) -> None:
        """Adds what was counted to the database. Raises `StoreUnavailable`, and then keeps it for the next time."""
        with self._lock:
            counts, self._counts = self._counts, {}
        if not counts:
            return
        rows = [dict(zip(_COLUMNS, (*key, *counted), strict=True)) for key, counted in sorted(counts.items())]
        insert = (sqlite if self._database.is_sqlite else postgresql).insert(table)
        added = {name: table.c[name] + insert.excluded[name] for name in ("n", "n_certain")}
        try:
            with self._database.writing() as connection:
                connection.execute(insert.on_conflict_do_update(index_elements=["day", "model", "stance"], set_=added), rows)
        except StoreUnavailable:
            with self._lock:
                for key, (n, n_certain) in counts.items():
                    self._add(key, n, n_certain)
            raise

    def daily(self, n_days: int) -> list[DayCount]:
        """The counts of the last `n_days`, today's included, oldest first. Raises `StoreUnavailable`."""
        self.write()
        since = datetime.now(UTC).date() - timedelta(days=n_days - 1)
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(table).where(table.c.day >= since).order_by(table.c.day, table.c.model, table.c.stance)).all()
        return [DayCount(row.day, row.model, Stance(row.stance), row.n, row.n_certain) for row in rows]

    def start(self) -> None:
        """Opens the database, and writes every quarter of a minute, in a thread of its own, until `close`."""
        threading.Thread(target=self._write_often, name="tally", daemon=True).start()

    def close(self) -> None:
        """Writes what is left, if it can, and gives the connections back."""
        self._over.set()
        with suppress(StoreUnavailable):
            self.write()
        self._database.close()

    def _write_often(self) -> None:
        with suppress(StoreUnavailable):
            self._database.open()
        while not self._over.wait(_WRITE_SECONDS):
            with suppress(StoreUnavailable):  # whoever asks for labels is told; the counts are kept
                self.write()

    def _add(self, key: tuple[date, str, Stance], n: int, n_certain: int) -> None:
        before = self._counts.get(key, (0, 0))
        self._counts[key] = (before[0] + n, before[1] + n_certain)
