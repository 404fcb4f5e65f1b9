"""The file of keys -> who may ask for what, and how often. Only digests are kept; what a request looks like is the API's matter."""

import hashlib
import hmac
import json
import logging
import re
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from service.errors import Fault, InvalidInput, shown
from service.locks import held
from service.model_folder import replace_text

LOOK_SECONDS = 1.0
MOST_PER_MINUTE = 1_000_000
_PREFIX = "onrecord_"  # so that scanners for leaked secrets, and people, know one when they see it
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")  # it goes into logs and tables
_log = logging.getLogger("onrecord")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_ROW = "name, role (predict, label or admin), sha256 (64 hexadecimal digits), created and per_minute (a whole number or null), as `keys add` writes them"


class Role(StrEnum):
    """What a key is for, lowest first: each may do what those before it may."""

    PREDICT = "predict"
    LABEL = "label"
    ADMIN = "admin"

    def covers(self, wanted: "Role") -> bool:
        roles = list(Role)
        return roles.index(self) >= roles.index(wanted)


@dataclass(frozen=True)
class Key:
    """Somebody who is let in. `sha256` is the hexadecimal digest of the key itself, which nobody keeps but its owner.

    A key is 256 bits of chance: no list of guesses holds it, so a plain SHA-256 hides it as well as a slow, salted hash, which is for passwords, and costs
    a microsecond a request. `created` is ISO 8601 in UTC; `per_minute` None means as often as one likes.
    """

    name: str
    role: Role
    sha256: str
    created: str
    per_minute: int | None = None


class Keys:
    """The keys in one file, which need not be there. What it writes is there as a whole or not at all, and for nobody else on the machine to read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> tuple[Key, ...]:
        """In the order in which they were made; none where there is no file. Raises `InvalidInput` where any part of it cannot be understood."""
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise InvalidInput(Fault(str(self.path), error.strerror or "an error", "a file that can be read")) from None
        except UnicodeDecodeError as error:
            raise InvalidInput(Fault(str(self.path), f"byte 0x{error.object[error.start]:02X}", "UTF-8 text")) from None
        return self._parsed(text)

    def add(self, name: str, role: Role, per_minute: int | None = None) -> str:
        """Makes a key and returns it; it cannot be had again. Raises `InvalidInput` for a name that is taken or none, and as `read` does."""
        if not _NAME.fullmatch(name):
            raise InvalidInput(Fault("NAME", shown(name), "1 to 64 letters, digits and . _ @ -, a letter or digit first"))
        if per_minute is not None and not 1 <= per_minute <= MOST_PER_MINUTE:
            raise InvalidInput(Fault("--per-minute", str(per_minute), f"a whole number from 1 to {MOST_PER_MINUTE}"))
        secret = _PREFIX + secrets.token_urlsafe(32)
        key = Key(name, role, digest(secret.encode()), datetime.now(UTC).isoformat(timespec="seconds"), per_minute)
        with held(self._lock):
            keys = self.read()
            if any(other.name == name for other in keys):
                raise InvalidInput(Fault("NAME", shown(name), f"a name that no key in {self.path} has; revoke that one first"))
            self._write([*keys, key])
        return secret

    def revoke(self, name: str) -> None:
        """From within a second on, nobody is let in by the key of that name. Raises `InvalidInput` where there is none, and as `read` does."""
        with held(self._lock):
            keys = self.read()
            kept = [key for key in keys if key.name != name]
            if len(kept) == len(keys):
                raise InvalidInput(Fault("NAME", shown(name), f"the name of a key in {self.path}: {', '.join(key.name for key in keys) or 'it has none'}"))
            self._write(kept)

    def mark(self) -> tuple[int, int, int] | None:
        """Another value each time that the file is another; None while there is none. Cheap to ask for."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        except OSError:
            return (0, 0, 0)  # `read` says what is wrong
        return (found.st_mtime_ns, found.st_ino, found.st_size)

    @property
    def _lock(self) -> Path:
        return self.path.with_name(f".{self.path.name}.lock")

    def _write(self, keys: Sequence[Key]) -> None:
        rows = [asdict(key) for key in keys]
        try:
            replace_text(self.path, json.dumps({"keys": rows}, indent=1) + "\n", mode=0o600)
        except OSError as error:
            raise InvalidInput(Fault(str(self.path), error.strerror or "an error", "a file that can be written")) from None

    def _parsed(self, text: str) -> tuple[Key, ...]:
        # What came is never shown: it may hold what somebody took for the place for a key.
        try:
            rows = json.loads(text)["keys"]
        except (ValueError, KeyError, TypeError, RecursionError):
            rows = None
        if not isinstance(rows, list):
            raise InvalidInput(Fault(str(self.path), "something else", 'JSON of the form {"keys": [...]}, as `keys add` writes it'))
        for number, row in enumerate(rows):
            if not _is_key(row):
                raise InvalidInput(Fault(f"{self.path}, keys[{number}]", "something else", _ROW))
        names = [row["name"] for row in rows]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise InvalidInput(Fault(str(self.path), f"{shown(twice[0])} twice", "one key of a name"))
        return tuple(Key(**(row | {"role": Role(row["role"])})) for row in rows)


def _is_key(row: object) -> bool:
    """Whether it is one as `add` writes it, to the last field: a fault that was let pass might let somebody in."""
    if not isinstance(row, dict) or row.keys() != {field.name for field in fields(Key)}:
        return False
    if not all(isinstance(row[name], str) for name in ("name", "role", "sha256", "created")):
        return False
    is_limit = row["per_minute"] is None or (type(row["per_minute"]) is int and 1 <= row["per_minute"] <= MOST_PER_MINUTE)
    return bool(_NAME.fullmatch(row["name"]) and row["role"] in list(Role) and _DIGEST.fullmatch(row["sha256"]) and is_limit)


class KeyRing:
    """The keys of a file that may change, which is looked at once a second at most. For one thread, or one event loop."""

    def __init__(self, keys: Keys, clock: Callable[[], float] = time.monotonic) -> None:
        self._keys = keys
        self._clock = clock
        self._look_at = -float("inf")
        self._seen: object = object()  # like no mark
        self._found: tuple[Key, ...] = ()
        self._faults: Sequence[Fault] = ()

    def all(self) -> tuple[Key, ...]:
        """The keys as they are, or were a second ago. Raises `InvalidInput`, each time, while the file cannot be understood: nobody is let in by a fault."""
        now = self._clock()
        if now >= self._look_at:
            self._look_at = now + LOOK_SECONDS
            mark = self._keys.mark()  # before reading: what is written in between is looked at once more
            if mark != self._seen:
                self._seen = mark
                self._read()
        if self._faults:
            raise InvalidInput(*self._faults)
        return self._found

    def find(self, secret: bytes) -> Key | None:
        """The key that `secret` is. Every one is compared, each in the same time, so that how long it takes tells nothing about them. Raises as `all` does."""
        sought, found = digest(secret), None
        for key in self.all():
            if hmac.compare_digest(key.sha256, sought):
                found = key
        return found

    def _read(self) -> None:
        try:
            self._found, self._faults = self._keys.read(), ()
        except InvalidInput as error:
            self._found, self._faults = (), error.faults
            _log.error("nobody is let in: %s", error)


def digest(secret: bytes) -> str:
    """Hexadecimal SHA-256."""
    return hashlib.sha256(secret).hexdigest()
