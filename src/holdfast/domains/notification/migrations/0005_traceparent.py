"""Messages are kept with the trace they belong to."""

import sqlalchemy as sa
from alembic import op

revision = "notification_0005"
down_revision = "notification_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # what waits longer for a lock makes everyone behind it wait
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("messages", sa.Column("traceparent", sa.Text), schema="notification")


def downgrade() -> None:
    op.drop_column("messages", "traceparent", schema="notification")
