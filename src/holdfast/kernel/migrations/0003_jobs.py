"""Queued jobs, and whose turn the periodic ones are."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP, UUID

revision = "kernel_0003"
down_revision = "kernel_0002"
branch_labels = None
depends_on = None

MOMENT = TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("payload", JSONB, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("claim", UUID),
        sa.Column("claimed_until", MOMENT),
        sa.Column("done_at", MOMENT),
        sa.Column("failed_at", MOMENT),
        sa.Column("last_error", sa.Text),
        schema="kernel",
    )
    waiting = sa.text("done_at IS NULL AND failed_at IS NULL")
    op.create_index("jobs_waiting_idx", "jobs", ["due_at"], schema="kernel", postgresql_where=waiting)
    done = sa.text("done_at IS NOT NULL")
    op.create_index("jobs_done_idx", "jobs", ["done_at"], schema="kernel", postgresql_where=done)
    op.create_table(
        "turns",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("next_at", MOMENT, nullable=False),
        sa.Column("holder", UUID),
        sa.Column("held_until", MOMENT),
        schema="kernel",
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON kernel.jobs, kernel.turns TO holdfast_app")
    for table in ("jobs", "turns"):
        op.execute(f"ALTER TABLE kernel.{table} ENABLE ROW LEVEL SECURITY")
    # everybody's acts may want something done; only the workers see what
    op.execute("CREATE POLICY wanted_by_all ON kernel.jobs FOR INSERT WITH CHECK (true)")
    op.execute("CREATE POLICY system_only ON kernel.jobs USING (kernel.is_system())")
    op.execute("CREATE POLICY system_only ON kernel.turns USING (kernel.is_system())")


def downgrade() -> None:
    op.drop_table("turns", schema="kernel")
    op.drop_table("jobs", schema="kernel")
