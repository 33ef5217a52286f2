"""A booking's money: its payment intent, what went back of what was captured, and what it asked to go back."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP, UUID

revision = "booking_0003"
down_revision = "booking_0002"
branch_labels = None
depends_on = None

OF_OWN = "EXISTS (SELECT FROM booking.bookings AS b WHERE b.id = booking_id)"
CHECKS = {
    "bookings_returned_within_captured_check": "returned_minor BETWEEN 0 AND captured_minor",
    "bookings_asked_back_within_captured_check": "asked_back_minor BETWEEN 0 AND captured_minor",
}


def upgrade() -> None:
    zero = sa.text("0")
    for column in (
        sa.Column("payment", JSONB),
        sa.Column("returned_minor", sa.BigInteger, nullable=False, server_default=zero),
        sa.Column("asked_back_minor", sa.BigInteger, nullable=False, server_default=zero),
        sa.Column("confirmed_for_minor", sa.BigInteger),
    ):
        op.add_column("bookings", column, schema="booking")
    for name, condition in CHECKS.items():
        op.create_check_constraint(name, "bookings", condition, schema="booking")
    counted = sa.Column("counted", sa.Boolean, nullable=False, server_default=sa.text("true"))
    op.add_column("captures", counted, schema="booking")
    op.create_table(
        "returns",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("booking_id", UUID, nullable=False),
        sa.Column("capture_id", UUID, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("at", TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name="returns_amount_above_zero_check"),
        sa.ForeignKeyConstraint(["booking_id"], ["booking.bookings.id"], name="returns_booking_id_fkey"),
        sa.ForeignKeyConstraint(["capture_id"], ["booking.captures.id"], name="returns_capture_id_fkey"),
        schema="booking",
    )
    op.create_index("returns_booking_idx", "returns", ["booking_id"], schema="booking")
    op.execute("GRANT SELECT, INSERT ON booking.returns TO holdfast_app")
    op.execute("ALTER TABLE booking.returns ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY of_own_booking ON booking.returns USING ({OF_OWN})")


def downgrade() -> None:
    op.drop_table("returns", schema="booking")
    op.drop_column("captures", "counted", schema="booking")
    for name in CHECKS:
        op.drop_constraint(name, "bookings", schema="booking")
    for column in ("confirmed_for_minor", "asked_back_minor", "returned_minor", "payment"):
        op.drop_column("bookings", column, schema="booking")
