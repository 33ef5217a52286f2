"""Ways besides mail: text messages, the inbox in the app; a log of every try; secrets sealed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP, UUID

revision = "notification_0002"
down_revision = "notification_0001"
branch_labels = None
depends_on = None

MOMENT = TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for name, default in (("channel", "'email'"), ("category", "'transactional'"), ("attachments", "'[]'::jsonb")):
        kind = JSONB if name == "attachments" else sa.Text
        op.add_column(
            "messages",
            sa.Column(name, kind, nullable=False, server_default=sa.text(default)),
            schema="notification",
        )
    op.create_check_constraint(
        "messages_channel_check", "messages", "channel IN ('email', 'sms')", schema="notification"
    )
    op.drop_index("messages_due_idx", "messages", schema="notification")
    op.create_index(
        "messages_due_idx",
        "messages",
        ["channel", "next_attempt_at"],
        schema="notification",
        postgresql_where=sa.text("next_attempt_at IS NOT NULL"),
    )
    # what was queued before is read as it is until it is sent: a migration has no key to seal it with
    op.alter_column("secrets", "data", nullable=True, schema="notification")
    op.add_column("secrets", sa.Column("sealed", sa.LargeBinary), schema="notification")
    op.create_check_constraint(
        "secrets_sealed_check", "secrets", "(data IS NULL) <> (sealed IS NULL)", schema="notification"
    )
    create_attempts()
    create_notices()


def create_attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("message_id", UUID, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("outcome", sa.Text),
        sa.Column("answer", sa.Text),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("duration_ms", sa.Integer),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["notification.messages.id"],
            name="attempts_message_id_fkey",
            ondelete="CASCADE",
        ),
        sa.CheckConstraint("outcome IN ('sent', 'deferred', 'failed')", name="attempts_outcome_check"),
        sa.CheckConstraint("(outcome IS NULL) = (duration_ms IS NULL)", name="attempts_ended_check"),
        schema="notification",
    )
    op.create_index("attempts_message_idx", "attempts", ["message_id", "id"], schema="notification")
    op.execute("GRANT SELECT, INSERT, UPDATE ON notification.attempts TO holdfast_app")
    op.execute("ALTER TABLE notification.attempts ENABLE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY read_by_house ON notification.attempts FOR SELECT USING (kernel.is_house())")
    op.execute("CREATE POLICY made_by_system ON notification.attempts FOR INSERT WITH CHECK (kernel.is_system())")
    op.execute("CREATE POLICY ended_by_system ON notification.attempts FOR UPDATE USING (kernel.is_system())")
    # messages past their time are forgotten, with their tries and what was secret
    op.execute("GRANT DELETE ON notification.messages TO holdfast_app")
    op.execute("CREATE POLICY forgotten_by_system ON notification.messages FOR DELETE USING (kernel.is_system())")


def create_notices() -> None:
    op.create_table(
        "notices",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("user_id", UUID, nullable=False),
        sa.Column("booking_id", UUID),
        sa.Column("template", sa.Text, nullable=False),
        sa.Column("category", sa.Text, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("read_at", MOMENT),
        schema="notification",
    )
    op.create_index("notices_user_idx", "notices", ["user_id", "created_at", "id"], schema="notification")
    op.create_index(
        "notices_unread_idx",
        "notices",
        ["user_id", "created_at", "id"],
        schema="notification",
        postgresql_where=sa.text("read_at IS NULL"),
    )
    op.create_index("notices_created_idx", "notices", ["created_at"], schema="notification")
    op.execute("GRANT SELECT, INSERT, DELETE, UPDATE (read_at) ON notification.notices TO holdfast_app")
    op.execute("ALTER TABLE notification.notices ENABLE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY put_by_all ON notification.notices FOR INSERT WITH CHECK (read_at IS NULL)")
    op.execute(
        "CREATE POLICY own ON notification.notices FOR SELECT"
        " USING (kernel.is_system() OR user_id = kernel.calling_id())"
    )
    op.execute(
        "CREATE POLICY read_by_receiver ON notification.notices FOR UPDATE USING (user_id = kernel.calling_id())"
    )
    op.execute("CREATE POLICY forgotten_by_system ON notification.notices FOR DELETE USING (kernel.is_system())")


def downgrade() -> None:
    op.drop_table("notices", schema="notification")
    op.drop_table("attempts", schema="notification")
    op.execute("DROP POLICY forgotten_by_system ON notification.messages")
    op.execute("REVOKE DELETE ON notification.messages FROM holdfast_app")
    # what only the new form holds cannot be read by the old one
    op.execute("DELETE FROM notification.secrets WHERE data IS NULL")
    op.drop_constraint("secrets_sealed_check", "secrets", schema="notification")
    op.drop_column("secrets", "sealed", schema="notification")
    op.alter_column("secrets", "data", nullable=False, schema="notification")
    op.execute("DELETE FROM notification.messages WHERE channel <> 'email'")
    op.drop_index("messages_due_idx", "messages", schema="notification")
    op.drop_constraint("messages_channel_check", "messages", schema="notification")
    for name in ("attachments", "category", "channel"):
        op.drop_column("messages", name, schema="notification")
    op.create_index(
        "messages_due_idx",
        "messages",
        ["next_attempt_at"],
        schema="notification",
        postgresql_where=sa.text("next_attempt_at IS NOT NULL"),
    )
