"""Outputs of statements that were answered before, exactly these and no others, within a bound in bytes."""

import hashlib
import threading
from collections import OrderedDict

from service.network import Output
from service.statements.statement import Statement

_ENTRY_BYTES = 400  # keys and all; measured in tests/test_pool.py


class Cache:
    """The outputs of the statements that were asked for last, by `key_of` them, in `n_bytes` at most. For several threads."""

    def __init__(self, n_bytes: int) -> None:
        self._n_entries = n_bytes // _ENTRY_BYTES
        self._entries: OrderedDict[bytes, Output] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: bytes) -> Output | None:
        with self._lock:
            found = self._entries.get(key)
            if found is not None:
                self._entries.move_to_end(key)
            return found

    def put(self, key: bytes, output: Output) -> None:
        with self._lock:
            self._entries[key] = output
            self._entries.move_to_end(key)
            if len(self._entries) > self._n_entries:
                self._entries.popitem(last=False)


def key_of(statement: Statement) -> bytes:
    """All that an output depends on. A digest, so that a long text takes no more room than a short one, and no text is kept."""
    text, frame = statement.text.encode(), statement.frame
    return hashlib.sha256(b"%d %b" % (len(text), text) + (b"" if frame is None else b"|" + frame.encode())).digest()
