"""A URL -> connections to an up-to-date database: SQLite or PostgreSQL. What is in it is tables.py's."""

import errno
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError

from service.errors import Fault, InvalidInput, StoreUnavailable

# "onre", "onrf": any numbers that nobody else locks in the same database.
_MIGRATING, _WRITING = 0x6F6E7265, 0x6F6E7266
_TURN = sa.text("SELECT pg_advisory_xact_lock(:number)")
_BUSY_SECONDS = 30
_CONNECT_SECONDS = 5
_alembic = threading.Lock()  # it keeps what it works on in its module: two threads that bring databases up to date at once take it from each other


class Database:
    """Opened, and brought up to date, by the first transaction, so that a service without its database still does what it can."""

    def __init__(self, url: str) -> None:
        try:
            self._url = sa.make_url(url)
        except (sa.exc.ArgumentError, ValueError):
            raise InvalidInput(Fault("ONRECORD_LABELS", "a text that is no database URL", _WANTED)) from None
        backend = self._url.get_backend_name()
        if backend not in ("sqlite", "postgresql"):
            raise InvalidInput(Fault("ONRECORD_LABELS", backend, _WANTED))
        self.is_sqlite = backend == "sqlite"
        if self.is_sqlite and self._url.database in (None, "", ":memory:"):
            raise InvalidInput(Fault("ONRECORD_LABELS", "a database in memory, which other processes do not see", _WANTED))
        # What callers are shown of it: neither who signs in nor how, which may stand in its query too.
        self._place = sa.URL.create(backend, host=self._url.host, port=self._url.port, database=self._url.database).render_as_string()
        if not self.is_sqlite and self._url.drivername == "postgresql":
            self._url = self._url.set(drivername="postgresql+psycopg")
        self._engine: sa.Engine | None = None
        self._file: tuple[int, int] | None = None  # which SQLite file was opened; None while none was
        self._lock = threading.Lock()

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """One consistent view, however long it is read from."""
        with self._faults(), self._ready().connect() as connection:
            if not self.is_sqlite:
                connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """One transaction: all of it is there at the end, or nothing is."""
        with self._faults(), self._ready().connect() as connection:
            connection.execution_options(writes=True)
            with connection.begin():
                if not self.is_sqlite:  # one writer at a time, as SQLite has it: two that put in the same quotes in another order would wait for each other
                    connection.execute(_TURN, {"number": _WRITING})
                yield connection

    def open(self) -> None:
        """Opens it before it is used, so that a SQLite file that is gone later is missed."""
        with self._faults():
            self._ready()

    def close(self) -> None:
        """Gives the connections back; the next transaction opens new ones."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
            self._engine = None

    def _ready(self) -> sa.Engine:
        with self._lock:
            if self._engine is not None and self._file != self._file_there():
                self._engine.dispose()  # what is written to a file that was removed, or put aside for another, is lost, and SQLite does not say so
                self._engine = None
            if self._engine is None:
                engine = self._open()
                try:
                    with _alembic:
                        _upgrade(engine)
                except BaseException:
                    engine.dispose()
                    raise
                self._engine, self._file = engine, self._file_there()
            return self._engine

    def _file_there(self) -> tuple[int, int] | None:
        """Which SQLite file is in the place of the store now: its device and number, None where there is none."""
        if not self.is_sqlite or not self._url.database:
            return None
        try:
            found = Path(self._url.database).stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    def _open(self) -> sa.Engine:
        if not self.is_sqlite:
            arguments = {"connect_timeout": _CONNECT_SECONDS}  # psycopg's own patience of two minutes would take the threads that statements need
            return sa.create_engine(self._url, pool_pre_ping=True, pool_size=8, max_overflow=32, connect_args=arguments)
        if self._file is not None and self._file_there() is None:  # a disk that is not there for a while; an empty store in its place would hide it
            raise FileNotFoundError(errno.ENOENT, "its file is gone; bring it back, or start the service again for an empty store")
        if self._url.database:
            Path(self._url.database).parent.mkdir(parents=True, exist_ok=True)
        engine = sa.create_engine(self._url, connect_args={"timeout": _BUSY_SECONDS}, pool_size=8, max_overflow=32)
        sa.event.listen(engine, "connect", _set_up_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
        return engine

    @contextmanager
    def _faults(self) -> Iterator[None]:
        place = self._place
        try:
            yield
        except CommandError as error:
            raise StoreUnavailable(f"the label store {place} was made by another version of On Record ({error}); update, or set ONRECORD_LABELS") from None
        except (sa.exc.DBAPIError, sa.exc.TimeoutError) as error:
            reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
            raise StoreUnavailable(f"the label store {place} cannot be used: {reason}. Nothing was changed; send it again, or set ONRECORD_LABELS") from error
        except OSError as error:
            raise StoreUnavailable(f"the label store {place} cannot be used: {error.strerror or error}; set ONRECORD_LABELS") from error


_WANTED = "a URL such as sqlite:////path/to/labels.db or postgresql://user:password@host/database"


def _set_up_sqlite(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # Python's own BEGIN comes too late; ours is below
    cursor = connection.cursor()
    # WAL: readers and one writer go on beside each other, and kill -9 leaves whole transactions. FULL: so does a power cut.
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    # A transaction that reads first and writes later fails when another has written in between: one that means to write takes its turn at once.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")


def _upgrade(engine: sa.Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(resources.files("service") / "labels" / "migrations"))
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        if engine.dialect.name == "postgresql":  # two services that start at once: the second finds nothing left to do
            connection.execute(_TURN, {"number": _MIGRATING})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
