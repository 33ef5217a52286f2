"""What guests are to be reminded of, and when."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP, UUID

revision = "notification_0004"
down_revision = "notification_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reminders",
        sa.Column("booking_id", UUID, primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("due_at", TIMESTAMP(timezone=True), nullable=False),
        sa.Column("ended_at", TIMESTAMP(timezone=True)),
        sa.CheckConstraint("kind IN ('start', 'balance')", name="reminders_kind_check"),
        schema="notification",
    )
    for name, column, waiting in (
        ("reminders_due_idx", "due_at", "ended_at IS NULL"),
        ("reminders_ended_idx", "ended_at", "ended_at IS NOT NULL"),
    ):
        op.create_index(name, "reminders", [column], schema="notification", postgresql_where=sa.text(waiting))
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON notification.reminders TO holdfast_app")
    op.execute("ALTER TABLE notification.reminders ENABLE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY system_only ON notification.reminders USING (kernel.is_system())")


def downgrade() -> None:
    op.drop_table("reminders", schema="notification")
