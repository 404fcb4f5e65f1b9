"""Counts of verdicts by day, model and stance."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "verdicts",
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("model", sa.String(255), nullable=False),
        sa.Column("stance", sa.String(16), nullable=False),
        sa.Column("n", sa.BigInteger, nullable=False),
        sa.Column("n_certain", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("day", "model", "stance", name="pk_verdicts"),
    )
