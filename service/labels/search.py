"""What quotes are looked for -> conditions of SQL."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from service.errors import Fault, InvalidInput, shown
from service.labels.quote import Kind, Status
from service.labels.tables import changes, quotes
from service.stance import Stance


@dataclass(frozen=True)
class Search:
    """What quotes have to be like, each field None for any.

    `since` and `until` bound the last change, from and before. `stance` is the verdict's, and `corrected` says whether the label is another one.
    """

    label: str | None = None
    stance: Stance | None = None
    status: Status | None = None
    labeller: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    corrected: bool | None = None


def conditions(search: Search) -> list[Any]:
    """Deleted quotes are found by that status alone."""
    found: list[Any] = [quotes.c.status == search.status if search.status else quotes.c.status != Status.DELETED]
    for column, value in ((quotes.c.label, search.label), (quotes.c.stance, search.stance)):
        if value is not None:
            found.append(column == str(value))
    if search.since is not None:
        found.append(quotes.c.changed >= search.since)
    if search.until is not None:
        found.append(quotes.c.changed < search.until)
    if search.corrected is not None:
        found.append(quotes.c.label != quotes.c.stance if search.corrected else quotes.c.label == quotes.c.stance)
    if search.labeller is not None:
        found.append(_labelled_by(search.labeller))
    return found


def not_by(labeller: str | None) -> list[Any]:
    """That this person, if any, has not labelled it."""
    return [] if labeller is None else [~_labelled_by(labeller)]


def after(cursor: str | None) -> list[Any]:
    """That it follows on the page that gave `cursor`. Raises `InvalidInput`."""
    if cursor is None:
        return []
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= 18):
        raise InvalidInput(Fault("cursor", shown(cursor), "`next` of an earlier answer"))
    return [quotes.c.number < int(cursor)]


def _labelled_by(labeller: str) -> Any:
    kinds = [str(kind) for kind in (Kind.LABEL, Kind.SETTLE)]
    return sa.exists().where(changes.c.quote == quotes.c.number, changes.c.by == labeller, changes.c.kind.in_(kinds))
