"""The tables of schema `booking`. That both machines agree is a constraint, not a hope."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    MetaData,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP, UUID

from holdfast.kernel.database import NAMING

metadata = MetaData(schema="booking", naming_convention=NAMING)

MACHINES_AGREE = """
lifecycle_status = 'refunded'
OR status = 'DRAFT' AND lifecycle_status IN ('lead_created', 'quotation_sent', 'quotation_approved')
OR status = 'PENDING' AND lifecycle_status IN ('booking_created', 'payment_pending')
OR status IN ('CONFIRMED', 'CHECKED_IN')
   AND lifecycle_status IN ('payment_confirmed', 'supplier_confirmed', 'documents_generated')
OR status = 'COMPLETED' AND lifecycle_status = 'completed'
OR status IN ('CANCELLED', 'EXPIRED', 'FAILED', 'NO_SHOW') AND lifecycle_status = 'cancelled'
"""

Instant = TIMESTAMP(timezone=True)
LONGER_THAN_A_DAY = text("end_at - start_at > interval '1 day'")
LONGER_THAN_A_MONTH = text("end_at - start_at > interval '31 days'")

bookings = Table(
    "bookings",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("reference", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("lifecycle_status", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("resource_id", UUID, nullable=False),
    Column("reservation_id", UUID),
    Column("venue_id", UUID, nullable=False),
    Column("venue_type", Text, nullable=False),
    Column("venue_name", Text, nullable=False),
    Column("supplier_id", UUID),
    Column("guest_id", UUID, nullable=False),
    Column("guest_name", Text, nullable=False),
    Column("guest_email", Text, nullable=False),
    Column("guest_phone", Text),
    Column("start_at", Instant, nullable=False),
    Column("end_at", Instant, nullable=False),
    Column("party_size", Integer, nullable=False),
    Column("currency", Text, nullable=False),
    Column("price", JSONB, nullable=False),
    Column("due_now_minor", BigInteger, nullable=False),
    Column("captured_minor", BigInteger, nullable=False, server_default=text("0")),
    Column("returned_minor", BigInteger, nullable=False, server_default=text("0")),
    Column("asked_back_minor", BigInteger, nullable=False, server_default=text("0")),
    Column("confirmed_for_minor", BigInteger),
    Column("payment", JSONB(none_as_null=True)),
    Column("policy", JSONB, nullable=False),
    Column("refund_due", JSONB(none_as_null=True)),
    Column("payment_provider", Text),
    Column("notes", Text),
    Column("metadata", JSONB, nullable=False),
    Column("expires_at", Instant),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("confirmed_at", Instant),
    Column("checked_in_at", Instant),
    Column("completed_at", Instant),
    Column("cancelled_at", Instant),
    UniqueConstraint("reference", name="bookings_reference_key"),
    CheckConstraint(MACHINES_AGREE, name="machines_agree"),
    CheckConstraint("end_at > start_at", name="ends_after_start"),
    CheckConstraint("price->>'currency' = currency", name="priced_in_its_currency"),
    CheckConstraint("version >= 1", name="version_counts_from_one"),
    CheckConstraint("status <> 'PENDING' OR expires_at IS NOT NULL", name="pending_expires"),
    CheckConstraint("returned_minor BETWEEN 0 AND captured_minor", name="returned_within_captured"),
    CheckConstraint("asked_back_minor BETWEEN 0 AND captured_minor", name="asked_back_within_captured"),
    Index("bookings_guest_idx", "guest_id", text("created_at DESC")),
    Index("bookings_venue_idx", "venue_id", "start_at"),
    # what began long before a day may still run on it: the few that are so long are found by these
    Index("bookings_stays_idx", "venue_id", "start_at", postgresql_where=LONGER_THAN_A_DAY),
    Index("bookings_long_stays_idx", "venue_id", "start_at", postgresql_where=LONGER_THAN_A_MONTH),
    Index("bookings_pending_idx", "expires_at", postgresql_where=text("status = 'PENDING'")),
    Index("bookings_confirmed_idx", "start_at", postgresql_where=text("status = 'CONFIRMED'")),
)

history = Table(
    "history",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("booking_id", UUID, nullable=False),
    Column("version", Integer, nullable=False),
    Column("from_status", Text),
    Column("to_status", Text, nullable=False),
    Column("from_lifecycle_status", Text),
    Column("to_lifecycle_status", Text, nullable=False),
    Column("actor_type", Text, nullable=False),
    Column("actor_id", UUID),
    Column("reason", Text),
    Column("note", Text),
    Column("override", Boolean, nullable=False),
    Column("idempotency_key", Text),
    Column("metadata", JSONB, nullable=False),
    Column("at", Instant, nullable=False),
    Column("claimed_actor_type", Text),
    Column("claimed_actor_id", Text),
    ForeignKeyConstraint(["booking_id"], ["booking.bookings.id"], name="history_booking_id_fkey"),
    Index("history_booking_idx", "booking_id", "id"),
)

passengers = Table(
    "passengers",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("booking_id", UUID, nullable=False),
    Column("full_name", Text, nullable=False),
    Column("date_of_birth", Date),
    Column("nationality", Text),
    Column("passport_number", Text),
    Column("passport_expires_on", Date),
    Column("passport_country", Text),
    Column("email", Text),
    Column("phone", Text),
    Column("created_at", Instant, nullable=False),
    ForeignKeyConstraint(["booking_id"], ["booking.bookings.id"], name="passengers_booking_id_fkey"),
    Index("passengers_booking_idx", "booking_id", "created_at"),
)

captures = Table(
    "captures",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("booking_id", UUID, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("counted", Boolean, nullable=False, server_default=text("true")),
    CheckConstraint("amount_minor > 0", name="amount_above_zero"),
    ForeignKeyConstraint(["booking_id"], ["booking.bookings.id"], name="captures_booking_id_fkey"),
    Index("captures_booking_idx", "booking_id"),
)

returns = Table(
    "returns",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("booking_id", UUID, nullable=False),
    Column("capture_id", UUID, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("at", Instant, nullable=False),
    CheckConstraint("amount_minor > 0", name="amount_above_zero"),
    ForeignKeyConstraint(["booking_id"], ["booking.bookings.id"], name="returns_booking_id_fkey"),
    ForeignKeyConstraint(["capture_id"], ["booking.captures.id"], name="returns_capture_id_fkey"),
    Index("returns_booking_idx", "booking_id"),
)

items = Table(
    "items",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("booking_id", UUID, nullable=False),
    Column("number", Integer, nullable=False),
    Column("reference", Text, nullable=False),
    Column("guest_name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("product_id", UUID),
    Column("resource_id", UUID),
    Column("supplier_id", UUID),
    Column("start_at", Instant, nullable=False),
    Column("end_at", Instant, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("price_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("rate", Numeric, nullable=False),
    Column("converted_minor", BigInteger, nullable=False),
    Column("booking_currency", Text, nullable=False),
    Column("reservation_id", UUID),
    Column("status", Text, nullable=False),
    Column("confirmation_reference", Text),
    Column("reason", Text),
    Column("confirmed_at", Instant),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("replaces_id", UUID),
    UniqueConstraint("booking_id", "number", name="items_booking_id_number_key"),
    CheckConstraint("end_at > start_at", name="ends_after_start"),
    CheckConstraint("price_minor >= 0 AND converted_minor >= 0", name="price_not_negative"),
    CheckConstraint("rate > 0", name="rate_above_zero"),
    CheckConstraint("status IN ('requested', 'confirmed', 'declined', 'removed')", name="status"),
    CheckConstraint("(status = 'confirmed') = (confirmed_at IS NOT NULL)", name="confirmed_has_its_instant"),
    ForeignKeyConstraint(["booking_id"], ["booking.bookings.id"], name="items_booking_id_fkey"),
    Index("items_supplier_idx", "supplier_id", "start_at"),
)

tasks = Table(
    "tasks",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("booking_id", UUID, nullable=False),
    Column("item_id", UUID),
    Column("kind", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("details", JSONB, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("done_at", Instant),
    Column("done_by", UUID),
    ForeignKeyConstraint(["booking_id"], ["booking.bookings.id"], name="tasks_booking_id_fkey"),
    Index("tasks_booking_idx", "booking_id"),
    Index("tasks_open_idx", "created_at", postgresql_where=text("done_at IS NULL")),
)

policies = Table(
    "policies",
    metadata,
    Column("venue_id", UUID, primary_key=True),
    Column("supplier_id", UUID),
    Column("policy", JSONB, nullable=False),
    Column("updated_at", Instant, nullable=False),
)
