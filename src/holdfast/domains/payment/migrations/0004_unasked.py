"""What providers do unasked: disputes, and refunds made in their own dashboards."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP, UUID

revision = "payment_0004"
down_revision = "payment_0003"
branch_labels = None
depends_on = None

INSTANT = TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.add_column(
        "refunds",
        sa.Column("origin", sa.Text, nullable=False, server_default=sa.text("'house'")),
        schema="payment",
    )
    op.create_check_constraint(
        op.f("refunds_origin_check"), "refunds", "origin IN ('house', 'provider')", schema="payment"
    )
    op.create_table(
        "disputes",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("capture_id", UUID, nullable=False),
        sa.Column("intent_id", UUID, nullable=False),
        sa.Column("booking_id", UUID, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("ref", sa.Text, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["capture_id"], ["payment.captures.id"], name="disputes_capture_id_fkey"),
        sa.ForeignKeyConstraint(["intent_id"], ["payment.intents.id"], name="disputes_intent_id_fkey"),
        sa.CheckConstraint("amount_minor > 0", name="disputes_amount_above_zero_check"),
        sa.CheckConstraint("status IN ('open', 'withheld', 'won', 'lost')", name="disputes_status_check"),
        sa.UniqueConstraint("provider", "ref", name="disputes_provider_ref_key"),
        schema="payment",
    )
    op.create_index("disputes_capture_idx", "disputes", ["capture_id"], schema="payment")
    op.execute("GRANT SELECT, INSERT, UPDATE ON payment.disputes TO holdfast_app")
    op.execute("ALTER TABLE payment.disputes ENABLE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY read_by_house ON payment.disputes FOR SELECT USING (kernel.is_house())")
    op.execute("CREATE POLICY written_by_system ON payment.disputes USING (kernel.is_system())")


def downgrade() -> None:
    op.drop_table("disputes", schema="payment")
    op.drop_column("refunds", "origin", schema="payment")
