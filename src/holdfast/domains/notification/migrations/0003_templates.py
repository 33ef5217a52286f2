"""The house's own versions of the templates; version 1 is the one that is shipped."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP, UUID

revision = "notification_0003"
down_revision = "notification_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "templates",
        sa.Column("template", sa.Text, primary_key=True),
        sa.Column("language", sa.Text, primary_key=True),
        sa.Column("channel", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("subject", sa.Text),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("html", sa.Text),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("created_at", TIMESTAMP(timezone=True), nullable=False),
        sa.Column("created_by", UUID),
        sa.CheckConstraint("version > 1", name="templates_version_check"),
        sa.CheckConstraint("channel IN ('email', 'sms', 'in_app')", name="templates_channel_check"),
        schema="notification",
    )
    op.create_index(
        "templates_active_key",
        "templates",
        ["template", "language", "channel"],
        unique=True,
        schema="notification",
        postgresql_where=sa.text("active"),
    )
    # what a version says is never changed, only whether it is in use; anybody's act may make a message of it
    op.execute("GRANT SELECT, INSERT, UPDATE (active) ON notification.templates TO holdfast_app")
    op.execute("ALTER TABLE notification.templates ENABLE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY read_by_all ON notification.templates FOR SELECT USING (true)")
    op.execute("CREATE POLICY saved_by_house ON notification.templates FOR INSERT WITH CHECK (kernel.is_house())")
    op.execute("CREATE POLICY switched_by_house ON notification.templates FOR UPDATE USING (kernel.is_house())")


def downgrade() -> None:
    op.drop_table("templates", schema="notification")
