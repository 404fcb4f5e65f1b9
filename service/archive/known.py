"""Outputs that a node has already, by what they depend on: on disk, shared by the cores of the node, kept through a kill.

A duplicate may stand a million rows behind its first, in another file and another core's chunk, so that no core can know it by itself; and what is known may
not grow in memory. SQLite holds it, in a file on the node, by the digest that the service's own cache goes by. It only saves work: an output is that of its
statement alone, so a file that is lost, or full, changes no result.
"""

import sqlite3
import threading
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from service.errors import StoreUnavailable
from service.network import Output
from service.stance import STANCES

_KEY_BYTES = 16  # of SHA-256: among 10^9 texts two agree in them with a chance of 10^-21
_MOST_BYTES = 4 << 30  # forty million texts or so; beyond, what is not known yet is not taken in
_MOST_KEYS = 500  # in one question


class Known:
    """For several threads. Raises `StoreUnavailable` where its file cannot be used."""

    def __init__(self, path: Path, most_bytes: int = _MOST_BYTES) -> None:
        self._path = path
        self._most_bytes = most_bytes
        self._one_at_a_time = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
            # After a crash of the program a log of this kind is whole; after one of the machine the last outputs may be gone, which costs only time.
            for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "cache_size = -16000"):
                self._database.execute(f"PRAGMA {pragma}")
            self._database.execute("CREATE TABLE IF NOT EXISTS known (key BLOB PRIMARY KEY, output BLOB NOT NULL) WITHOUT ROWID")
            self._page_bytes = int(self._database.execute("PRAGMA page_size").fetchone()[0])
        except (sqlite3.Error, OSError) as error:
            raise self._unusable(error) from None

    def look_up(self, keys: Sequence[bytes]) -> dict[bytes, Output]:
        """The outputs of those keys that are known."""
        wanted = {key[:_KEY_BYTES]: key for key in keys}
        short = list(wanted)
        found: dict[bytes, Output] = {}
        try:
            for first in range(0, len(short), _MOST_KEYS):
                some = short[first : first + _MOST_KEYS]
                marks = ",".join("?" * len(some))
                with self._one_at_a_time:
                    rows = self._database.execute(f"SELECT key, output FROM known WHERE key IN ({marks})", some).fetchall()  # noqa: S608 - question marks
                found |= {wanted[key]: _output(value) for key, value in rows}
        except sqlite3.Error as error:
            raise self._unusable(error) from None
        return found

    def remember(self, outputs: Mapping[bytes, Output]) -> None:
        """Keeps outputs by their keys, as long as there is room."""
        rows = [(key[:_KEY_BYTES], bytes([output.truncated]) + output.logits.astype("<f4").tobytes()) for key, output in outputs.items()]
        try:
            with self._one_at_a_time:
                self._keep(sorted(rows))
        except sqlite3.Error as error:
            raise self._unusable(error) from None

    def _keep(self, rows: list[tuple[bytes, bytes]]) -> None:
        n_pages = self._database.execute("PRAGMA page_count").fetchone()[0]
        if rows and n_pages * self._page_bytes < self._most_bytes:
            with closing(self._database.cursor()) as cursor:
                cursor.execute("BEGIN IMMEDIATE")
                cursor.executemany("INSERT OR IGNORE INTO known VALUES (?, ?)", rows)
                cursor.execute("COMMIT")

    def close(self) -> None:
        """Nothing is lost by not doing it."""
        self._database.close()

    def _unusable(self, error: Exception) -> StoreUnavailable:
        return StoreUnavailable(f"{self._path}: what is known of texts cannot be kept there ({error}); make room, or remove the file")


def _output(value: bytes) -> Output:
    return Output(np.frombuffer(value, dtype="<f4", offset=1, count=len(STANCES)).astype(np.float32), bool(value[0]))
