"""Messages and their secrets."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP, UUID

revision = "notification_0001"
down_revision = None
branch_labels = ("notification",)
depends_on = ("kernel_0002",)


def upgrade() -> None:
    op.execute("CREATE SCHEMA notification")
    op.create_table(
        "messages",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("user_id", UUID),
        sa.Column("booking_id", UUID),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("recipient_name", sa.Text),
        sa.Column("template", sa.Text, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("details", JSONB, nullable=False),
        sa.Column("has_secrets", sa.Boolean, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("next_attempt_at", TIMESTAMP(timezone=True)),
        sa.Column("created_at", TIMESTAMP(timezone=True), nullable=False),
        sa.Column("sent_at", TIMESTAMP(timezone=True)),
        sa.Column("last_error", sa.Text),
        sa.CheckConstraint("status IN ('queued', 'sending', 'sent', 'failed')", name="messages_status_check"),
        sa.CheckConstraint(
            "(status IN ('queued', 'sending')) = (next_attempt_at IS NOT NULL)", name="messages_due_check"
        ),
        sa.CheckConstraint("(status = 'sent') = (sent_at IS NOT NULL)", name="messages_sent_check"),
        schema="notification",
    )
    op.create_index(
        "messages_due_idx",
        "messages",
        ["next_attempt_at"],
        schema="notification",
        postgresql_where=sa.text("next_attempt_at IS NOT NULL"),
    )
    op.create_index("messages_created_idx", "messages", ["created_at", "id"], schema="notification")
    op.create_index("messages_status_idx", "messages", ["status", "created_at", "id"], schema="notification")
    op.create_index(
        "messages_user_idx",
        "messages",
        ["user_id", "created_at"],
        schema="notification",
        postgresql_where=sa.text("user_id IS NOT NULL"),
    )
    op.create_table(
        "secrets",
        sa.Column("message_id", UUID, primary_key=True),
        sa.Column("data", JSONB, nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["notification.messages.id"],
            name="secrets_message_id_fkey",
            ondelete="CASCADE",
        ),
        schema="notification",
    )
    open_to_the_application()


def open_to_the_application() -> None:
    """Anybody's act may make a message; the house sees all, a customer their own; only the system sees secrets."""
    op.execute("GRANT USAGE ON SCHEMA notification TO holdfast_app")
    op.execute("GRANT SELECT, INSERT, UPDATE ON notification.messages TO holdfast_app")
    op.execute("GRANT SELECT, INSERT, DELETE ON notification.secrets TO holdfast_app")
    for table in ("messages", "secrets"):
        op.execute(f"ALTER TABLE notification.{table} ENABLE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY queued_by_all ON notification.messages FOR INSERT"
        " WITH CHECK (status = 'queued' AND attempts = 0)"
    )
    op.execute(
        "CREATE POLICY read_by_house_and_recipient ON notification.messages FOR SELECT"
        " USING (kernel.is_house() OR user_id = kernel.calling_id())"
    )
    op.execute("CREATE POLICY moved_by_house ON notification.messages FOR UPDATE USING (kernel.is_house())")
    op.execute("CREATE POLICY written_by_all ON notification.secrets FOR INSERT WITH CHECK (true)")
    op.execute("CREATE POLICY read_by_system ON notification.secrets FOR SELECT USING (kernel.is_system())")
    op.execute("CREATE POLICY wiped_by_system ON notification.secrets FOR DELETE USING (kernel.is_system())")


def downgrade() -> None:
    op.drop_table("secrets", schema="notification")
    op.drop_table("messages", schema="notification")
    op.execute("DROP SCHEMA notification")
