"""Outbox, inbox and idempotency keys."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSON, JSONB, TIMESTAMP, UUID

revision = "kernel_0001"
down_revision = None
branch_labels = ("kernel",)
depends_on = None

# take an idempotency key, then read its answer: in one call, and in this order
TAKE_KEY = """
CREATE FUNCTION kernel.take_key(wanted_scope text, wanted_key text,
                                OUT ours boolean, OUT fingerprint text, OUT answer json)
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    ours := pg_try_advisory_xact_lock(hashtextextended(wanted_scope || chr(10) || wanted_key, 0));
    SELECT kept.fingerprint, kept.answer INTO fingerprint, answer
    FROM kernel.idempotency_keys AS kept WHERE kept.scope = wanted_scope AND kept.key = wanted_key;
END $$
"""


def upgrade() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("event_id", UUID, nullable=False, unique=True),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("aggregate_id", UUID, nullable=False),
        sa.Column("data", JSONB, nullable=False),
        sa.Column("occurred_at", TIMESTAMP(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("next_attempt_at", TIMESTAMP(timezone=True)),
        sa.Column("delivered_at", TIMESTAMP(timezone=True)),
        sa.Column("parked_at", TIMESTAMP(timezone=True)),
        sa.Column("last_error", sa.Text),
        schema="kernel",
    )
    waiting = sa.text("delivered_at IS NULL AND parked_at IS NULL")
    op.create_index("outbox_waiting_idx", "outbox", ["id"], schema="kernel", postgresql_where=waiting)
    op.create_index("outbox_aggregate_idx", "outbox", ["aggregate_id", "id"], schema="kernel")
    told = sa.text("delivered_at IS NOT NULL")
    op.create_index("outbox_delivered_idx", "outbox", ["delivered_at"], schema="kernel", postgresql_where=told)
    op.create_table(
        "inbox",
        sa.Column("event_id", UUID, primary_key=True),
        sa.Column("reaction", sa.Text, primary_key=True),
        sa.Column("received_at", TIMESTAMP(timezone=True), nullable=False, server_default=sa.text("now()")),
        schema="kernel",
    )
    op.create_index("inbox_received_idx", "inbox", ["received_at"], schema="kernel")
    op.create_table(
        "idempotency_keys",
        sa.Column("scope", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("answer", JSON, nullable=False),
        sa.Column("created_at", TIMESTAMP(timezone=True), nullable=False),
        schema="kernel",
    )
    op.create_index("idempotency_keys_created_at_idx", "idempotency_keys", ["created_at"], schema="kernel")

    op.execute(TAKE_KEY)


def downgrade() -> None:
    op.execute("DROP FUNCTION kernel.take_key(text, text)")
    op.drop_table("idempotency_keys", schema="kernel")
    op.drop_table("inbox", schema="kernel")
    op.drop_table("outbox", schema="kernel")
