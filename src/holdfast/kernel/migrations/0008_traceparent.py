"""Events and queued jobs are kept with the trace they belong to."""

import sqlalchemy as sa
from alembic import op

revision = "kernel_0008"
down_revision = "kernel_0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # what waits longer for a lock makes everyone behind it wait
    op.execute("SET LOCAL lock_timeout = '5s'")
    for table in ("outbox", "jobs"):
        op.add_column(table, sa.Column("traceparent", sa.Text), schema="kernel")


def downgrade() -> None:
    for table in ("outbox", "jobs"):
        op.drop_column(table, "traceparent", schema="kernel")
