"""Quotes, their changes, and the requests that were answered."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    time = sa.DateTime(timezone=True)
    op.create_table(
        "quotes",
        sa.Column("number", number, autoincrement=True, nullable=False),
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
        sa.Column("changed", time, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_quotes"),
    )
    op.create_index("ix_quotes_id", "quotes", ["id"], unique=True)
    op.create_index("ix_quotes_status_probability", "quotes", ["status", "probability"])
    op.create_index("ix_quotes_changed", "quotes", ["changed"])
    op.create_table(
        "changes",
        sa.Column("number", number, autoincrement=True, nullable=False),
        sa.Column("quote", number, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at", time, nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("label", sa.String(32)),
        sa.Column("speaker", sa.Text),
        sa.Column("note", sa.Text),
        sa.Column("model", sa.Text),
        sa.Column("stance", sa.String(16)),
        sa.Column("probability", sa.Float),
        sa.PrimaryKeyConstraint("number", name="pk_changes"),
        sa.ForeignKeyConstraint(["quote"], ["quotes.number"], name="fk_changes_quote"),
    )
    op.create_index("ix_changes_quote", "changes", ["quote"])
    op.create_index("ix_changes_by", "changes", ["by"])
    op.create_table(
        "requests",
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("at", time, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_requests"),
    )
