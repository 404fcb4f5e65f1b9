"""The tables of the label store, as `migrations/` makes them; a test holds the two together."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa


class UtcTime(sa.TypeDecorator[datetime]):
    """A time with its zone. PostgreSQL keeps zones; SQLite does not, so there it is the hour of UTC."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        return value if value is None else value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        time: datetime = value if value.tzinfo else value.replace(tzinfo=UTC)
        return time.astimezone(UTC)


# SQLite counts rows by INTEGER alone.
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

metadata = sa.MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s", "fk": "fk_%(table_name)s_%(column_0_N_name)s"}
)

# `status`, `label`, `speaker` and `changed` are what the changes add up to, kept for the sake of searching; `model`, `stance` and `probability` are the
# last verdict known, by a person's correction or by the service.
quotes = sa.Table(
    "quotes",
    metadata,
    sa.Column("number", _NUMBER, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(16), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("context", sa.Text),
    sa.Column("story", sa.Text),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("label", sa.String(32)),
    sa.Column("speaker", sa.Text),
    sa.Column("model", sa.Text),
    sa.Column("stance", sa.String(16)),
    sa.Column("probability", sa.Float),
    sa.Column("changed", UtcTime, nullable=False),
    sa.Index("ix_quotes_id", "id", unique=True),
    sa.Index("ix_quotes_status_probability", "status", "probability"),
    sa.Index("ix_quotes_changed", "changed"),
)

changes = sa.Table(
    "changes",
    metadata,
    sa.Column("number", _NUMBER, primary_key=True, autoincrement=True),
    sa.Column("quote", _NUMBER, sa.ForeignKey("quotes.number"), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("source", sa.String(16), nullable=False),
    sa.Column("label", sa.String(32)),
    sa.Column("speaker", sa.Text),
    sa.Column("note", sa.Text),
    sa.Column("model", sa.Text),
    sa.Column("stance", sa.String(16)),
    sa.Column("probability", sa.Float),
    sa.Index("ix_changes_quote", "quote"),
    sa.Index("ix_changes_by", "by"),
)

# How many verdicts there were, so that a person sees the shares of the stances drift. No text is kept.
verdicts = sa.Table(
    "verdicts",
    metadata,
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("model", sa.String(255), nullable=False),
    sa.Column("stance", sa.String(16), nullable=False),
    sa.Column("n", sa.BigInteger, nullable=False),
    sa.Column("n_certain", sa.BigInteger, nullable=False),
    sa.PrimaryKeyConstraint("day", "model", "stance"),
)

# Requests that carried an idempotency key, so that one that is sent again is answered and not done again.
requests = sa.Table(
    "requests",
    metadata,
    sa.Column("key", sa.String(255), primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("answer", sa.Text, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
)
