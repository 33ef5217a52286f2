"""Bookings with their two machines, history, passengers, captures and cancellation policies."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP, UUID

revision = "booking_0001"
down_revision = None
branch_labels = ("booking",)
depends_on = None

INSTANT = TIMESTAMP(timezone=True)
MACHINES_AGREE = """
lifecycle_status = 'refunded'
OR status = 'DRAFT' AND lifecycle_status IN ('lead_created', 'quotation_sent', 'quotation_approved')
OR status = 'PENDING' AND lifecycle_status IN ('booking_created', 'payment_pending')
OR status IN ('CONFIRMED', 'CHECKED_IN')
   AND lifecycle_status IN ('payment_confirmed', 'supplier_confirmed', 'documents_generated')
OR status = 'COMPLETED' AND lifecycle_status = 'completed'
OR status IN ('CANCELLED', 'EXPIRED', 'FAILED', 'NO_SHOW') AND lifecycle_status = 'cancelled'
"""


def upgrade() -> None:
    op.execute("CREATE SCHEMA booking")
    create_bookings()
    create_history()
    create_passengers()
    create_captures()
    op.create_table(
        "policies",
        sa.Column("venue_id", UUID, primary_key=True),
        sa.Column("policy", JSONB, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        schema="booking",
    )


def create_bookings() -> None:
    op.create_table(
        "bookings",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("lifecycle_status", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("resource_id", UUID, nullable=False),
        sa.Column("reservation_id", UUID),
        sa.Column("venue_id", UUID, nullable=False),
        sa.Column("venue_type", sa.Text, nullable=False),
        sa.Column("venue_name", sa.Text, nullable=False),
        sa.Column("guest_id", UUID, nullable=False),
        sa.Column("guest_name", sa.Text, nullable=False),
        sa.Column("guest_email", sa.Text, nullable=False),
        sa.Column("guest_phone", sa.Text),
        sa.Column("start_at", INSTANT, nullable=False),
        sa.Column("end_at", INSTANT, nullable=False),
        sa.Column("party_size", sa.Integer, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("price", JSONB, nullable=False),
        sa.Column("due_now_minor", sa.BigInteger, nullable=False),
        sa.Column("captured_minor", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("policy", JSONB, nullable=False),
        sa.Column("refund_due", JSONB),
        sa.Column("payment_provider", sa.Text),
        sa.Column("notes", sa.Text),
        sa.Column("metadata", JSONB, nullable=False),
        sa.Column("expires_at", INSTANT),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("confirmed_at", INSTANT),
        sa.Column("checked_in_at", INSTANT),
        sa.Column("completed_at", INSTANT),
        sa.Column("cancelled_at", INSTANT),
        sa.UniqueConstraint("reference", name="bookings_reference_key"),
        sa.CheckConstraint(MACHINES_AGREE, name="bookings_machines_agree_check"),
        sa.CheckConstraint("end_at > start_at", name="bookings_ends_after_start_check"),
        sa.CheckConstraint("price->>'currency' = currency", name="bookings_priced_in_its_currency_check"),
        sa.CheckConstraint("version >= 1", name="bookings_version_counts_from_one_check"),
        sa.CheckConstraint("status <> 'PENDING' OR expires_at IS NOT NULL", name="bookings_pending_expires_check"),
        schema="booking",
    )
    op.create_index("bookings_guest_idx", "bookings", ["guest_id", sa.text("created_at DESC")], schema="booking")
    op.create_index("bookings_venue_idx", "bookings", ["venue_id", "start_at"], schema="booking")
    for name, column, status in (
        ("bookings_pending_idx", "expires_at", "PENDING"),
        ("bookings_confirmed_idx", "start_at", "CONFIRMED"),
    ):
        only = sa.text(f"status = '{status}'")
        op.create_index(name, "bookings", [column], schema="booking", postgresql_where=only)


def create_history() -> None:
    op.create_table(
        "history",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("booking_id", UUID, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("from_status", sa.Text),
        sa.Column("to_status", sa.Text, nullable=False),
        sa.Column("from_lifecycle_status", sa.Text),
        sa.Column("to_lifecycle_status", sa.Text, nullable=False),
        sa.Column("actor_type", sa.Text, nullable=False),
        sa.Column("actor_id", UUID),
        sa.Column("reason", sa.Text),
        sa.Column("note", sa.Text),
        sa.Column("override", sa.Boolean, nullable=False),
        sa.Column("idempotency_key", sa.Text),
        sa.Column("metadata", JSONB, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["booking_id"], ["booking.bookings.id"], name="history_booking_id_fkey"),
        schema="booking",
    )
    op.create_index("history_booking_idx", "history", ["booking_id", "id"], schema="booking")


def create_passengers() -> None:
    op.create_table(
        "passengers",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("booking_id", UUID, nullable=False),
        sa.Column("full_name", sa.Text, nullable=False),
        sa.Column("date_of_birth", sa.Date),
        sa.Column("nationality", sa.Text),
        sa.Column("passport_number", sa.Text),
        sa.Column("passport_expires_on", sa.Date),
        sa.Column("passport_country", sa.Text),
        sa.Column("email", sa.Text),
        sa.Column("phone", sa.Text),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["booking_id"], ["booking.bookings.id"], name="passengers_booking_id_fkey"),
        schema="booking",
    )
    op.create_index("passengers_booking_idx", "passengers", ["booking_id", "created_at"], schema="booking")


def create_captures() -> None:
    op.create_table(
        "captures",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("booking_id", UUID, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.CheckConstraint("amount_minor > 0", name="captures_amount_above_zero_check"),
        sa.ForeignKeyConstraint(["booking_id"], ["booking.bookings.id"], name="captures_booking_id_fkey"),
        schema="booking",
    )
    op.create_index("captures_booking_idx", "captures", ["booking_id"], schema="booking")


def downgrade() -> None:
    for table in ("policies", "captures", "passengers", "history", "bookings"):
        op.drop_table(table, schema="booking")
    op.execute("DROP SCHEMA booking")
