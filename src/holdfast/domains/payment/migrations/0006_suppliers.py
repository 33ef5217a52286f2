"""What suppliers are owed: terms, what was agreed for a booking, payouts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP, UUID

revision = "payment_0006"
down_revision = "payment_0005"
branch_labels = None
depends_on = None

INSTANT = TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.alter_column("journal", "booking_id", nullable=True, schema="payment")
    op.create_check_constraint(
        op.f("journal_of_a_booking_check"),
        "journal",
        "booking_id IS NOT NULL OR kind = 'supplier_payout'",
        schema="payment",
    )
    op.create_table(
        "commissions",
        sa.Column("supplier_id", UUID, primary_key=True),
        sa.Column("percent", sa.Numeric, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.CheckConstraint("percent BETWEEN 0 AND 100", name="commissions_percent_is_a_part_check"),
        schema="payment",
    )
    op.create_table(
        "agreements",
        sa.Column("booking_id", UUID, primary_key=True),
        sa.Column("supplier_id", UUID, nullable=False),
        sa.Column("percent", sa.Numeric, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        schema="payment",
    )
    op.create_table(
        "payouts",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("supplier_id", UUID, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.CheckConstraint("amount_minor > 0", name="payouts_amount_above_zero_check"),
        schema="payment",
    )
    op.create_index("payouts_supplier_idx", "payouts", ["supplier_id", "id"], schema="payment")
    op.execute("GRANT SELECT, INSERT, UPDATE ON payment.commissions TO holdfast_app")
    op.execute("GRANT SELECT, INSERT ON payment.agreements, payment.payouts TO holdfast_app")
    for table in ("commissions", "agreements", "payouts"):
        op.execute(f"ALTER TABLE payment.{table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY read_by_house ON payment.{table} FOR SELECT USING (kernel.is_house())")
        op.execute(f"CREATE POLICY written_by_system ON payment.{table} USING (kernel.is_system())")


def downgrade() -> None:
    """Not with payouts in the ledger: it is only added to, and they are of no booking."""
    for table in ("payouts", "agreements", "commissions"):
        op.drop_table(table, schema="payment")
    op.drop_constraint(op.f("journal_of_a_booking_check"), "journal", schema="payment")
    op.alter_column("journal", "booking_id", nullable=False, schema="payment")
