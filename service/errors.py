"""What callers can tell apart, as a tree. HTTP maps it to status codes and the command line to exit codes, each in one table."""

import json
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with an input.

    `where` names the place as the caller knows it ("statements[3].text", "quotes.jsonl line 7"), `came` shows what stood
    there, shortened and in ASCII, `wanted` says what would have been right.
    """

    where: str
    came: str
    wanted: str

    def __str__(self) -> str:
        return f"{self.where}: wanted {self.wanted}, got {self.came}"


class OnRecordError(Exception):
    """Base of every error that the project raises on purpose. Its text is a sentence for the person at the other end."""


class InvalidInput(OnRecordError):
    """The caller sent something that cannot be used; sending it again changes nothing."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(str(fault) for fault in faults))
        self.faults: Sequence[Fault] = faults


class InvalidModelFolder(OnRecordError):
    """A folder is no model, is damaged, or does not fit this version of the service."""


class NotReady(OnRecordError):
    """The network cannot answer now: not loaded yet, or its threads are gone. Sending again later may work."""


class Overloaded(OnRecordError):
    """More is asked than can be answered soon; `retry_after` seconds from now it should be less."""

    def __init__(self, text: str, retry_after: float) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class TooLate(OnRecordError):
    """The caller's own deadline is over."""


class NotFound(OnRecordError):
    """What the caller names is not there."""


class Conflict(OnRecordError):
    """The request does not fit what is going on now; later it may."""


class StoreUnavailable(OnRecordError):
    """The database of labels cannot be used now; nothing was changed."""


class GateRefused(OnRecordError):
    """A model falls short of a bar; the text holds one sentence for each."""


def shown(value: object, *, n_chars: int = 60) -> str:
    """`value` as JSON, in ASCII (so lone surrogates and control characters come escaped), cut to `n_chars`."""
    text = json.dumps(value, default=repr)
    return text if len(text) <= n_chars else f"{text[: n_chars - 3]}..."
