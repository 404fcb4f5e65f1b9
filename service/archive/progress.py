"""How far an archive is -> a line that changes on a terminal, and now and then a new line elsewhere."""

import sys
import time
from collections.abc import Callable
from types import TracebackType

from service.archive.finish import Total
from service.archive.work import Done

_EVERY_SECONDS = 30.0  # where lines stay


class Progress:
    """Rows, rows a second, time left and the share of duplicates; the time is told from the bytes of input, of which `n_before` were done by earlier runs."""

    def __init__(self, n_bytes: int, total: Total, n_before: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.total = total
        self._clock = clock
        self._n_bytes, self._n_before, self._n_done = n_bytes, n_before, n_before
        self._rows_before = total.n_rows
        self._started = self._told = clock()
        self._is_terminal = sys.stderr.isatty()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._is_terminal:
            print(f"\r\033[K{self.line()}", file=sys.stderr)  # noqa: T201 - what a command shows

    def add(self, done: Done) -> None:
        """One chunk more."""
        self.total = self.total.plus(done)
        self._n_done += done.n_bytes
        if self._is_terminal:
            print(f"\r\033[K{self.line()}", end="", file=sys.stderr, flush=True)  # noqa: T201
        elif self._clock() - self._told >= _EVERY_SECONDS:
            self._told = self._clock()
            print(self.line(), file=sys.stderr, flush=True)  # noqa: T201

    def line(self) -> str:
        """All of it in a line."""
        seconds = max(self._clock() - self._started, 1e-9)
        n_rows, n_bytes = self.total.n_rows - self._rows_before, self._n_done - self._n_before
        left = duration((self._n_bytes - self._n_done) * seconds / n_bytes) if n_bytes else "?"
        share = self._n_done / max(1, self._n_bytes)
        return f"{share:4.0%}  {self.total.n_rows:,} rows  {n_rows / seconds:,.0f} rows/s  {left} left  {self.total.share_known:.0%} duplicates"


def duration(seconds: float) -> str:
    """To two places: "40 s", "12 min 5 s", "3 h 20 min", "12 d 4 h"."""
    for size, name, smaller, unit in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= size:
            return f"{seconds // size:.0f} {name} {seconds % size // smaller:.0f} {unit}"
    return f"{seconds:.0f} s"
