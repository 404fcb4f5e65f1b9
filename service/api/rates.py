"""How often a key may ask.

Ours, since libraries for it (`limits` is the best known) bring windows, storages and strategies, and know no bucket that fills steadily: that is ten lines.
"""

import time
from collections.abc import Callable

from service.keys import Key


class Bucket:
    """A request takes a token; `per_minute` of them come back in a minute, steadily, and no more than that many are ever there."""

    def __init__(self, per_minute: int, now: float) -> None:
        self._per_second = per_minute / 60
        self._most = self._n_tokens = float(per_minute)
        self._at = now

    def take(self, now: float) -> float:
        """0 where there was a token, else the seconds until there is one."""
        self._n_tokens = min(self._most, self._n_tokens + (now - self._at) * self._per_second)
        self._at = now
        if self._n_tokens < 1:
            return (1 - self._n_tokens) / self._per_second
        self._n_tokens -= 1
        return 0.0


class Rates:
    """A bucket for each key that has a limit, in memory: a service that starts anew has forgotten who asked how often."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: dict[Key, Bucket] = {}  # as many as somebody has made keys; strangers add none

    def wait(self, key: Key) -> float:
        """Counts a request with `key`: 0 where it may be answered, else the seconds until one may."""
        if key.per_minute is None:
            return 0.0
        now = self._clock()
        return self._buckets.setdefault(key, Bucket(key.per_minute, now)).take(now)
