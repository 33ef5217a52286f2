"""Payment's tables. The ledger is only ever added to, and each of its postings balances when it commits."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
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

metadata = MetaData(schema="payment", naming_convention=NAMING)

Instant = TIMESTAMP(timezone=True)
OPEN = "status IN ('requires_action', 'processing')"

intents = Table(
    "intents",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("booking_id", UUID, nullable=False),
    Column("reference", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    # the provider's session: its name for it, its page, and what its client library needs
    Column("ref", Text),
    Column("hosted_url", Text),
    Column("payload", JSONB, nullable=False, server_default=text("'{}'")),
    Column("failure", Text),
    # when the provider is asked next: what became of an open one, or to take no money for a cancelled one
    Column("next_look_at", Instant),
    Column("looks", Integer, nullable=False, server_default=text("0")),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    CheckConstraint("amount_minor > 0", name="amount_above_zero"),
    CheckConstraint(
        "status IN ('requires_action', 'processing', 'succeeded', 'failed', 'cancelled',"
        " 'partially_refunded', 'refunded')",
        name="status",
    ),
    # so that nobody pays twice: one attempt at a time
    Index("intents_one_open", "booking_id", unique=True, postgresql_where=text(OPEN)),
    Index("intents_booking_idx", "booking_id", "id"),
    Index("intents_ref_idx", "provider", "ref", unique=True, postgresql_where=text("ref IS NOT NULL")),
    Index("intents_look_idx", "next_look_at", postgresql_where=text("next_look_at IS NOT NULL")),
    Index("intents_created_idx", "created_at"),
)

captures = Table(
    "captures",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("intent_id", UUID, ForeignKey(intents.c.id), nullable=False),
    Column("booking_id", UUID, nullable=False),
    Column("provider", Text, nullable=False),
    # what a refund names
    Column("ref", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    # given back, or promised to be: the sum of the refunds that did not fail
    Column("refunded_minor", BigInteger, nullable=False, server_default=text("0")),
    Column("at", Instant, nullable=False),
    UniqueConstraint("intent_id", name="captures_intent_id_key"),
    CheckConstraint("amount_minor > 0", name="amount_above_zero"),
    CheckConstraint("refunded_minor BETWEEN 0 AND amount_minor", name="refunded_within_amount"),
    # one payment pays for one thing
    Index("captures_ref_idx", "provider", "ref", unique=True),
    Index("captures_booking_idx", "booking_id", "id"),
    Index("captures_at_idx", "at"),
)

refunds = Table(
    "refunds",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("capture_id", UUID, ForeignKey(captures.c.id), nullable=False),
    Column("intent_id", UUID, ForeignKey(intents.c.id), nullable=False),
    Column("booking_id", UUID, nullable=False),
    Column("provider", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("reason", Text, nullable=False),
    # who decided it: the house, or whoever has its account at the provider
    Column("origin", Text, nullable=False, server_default=text("'house'")),
    Column("status", Text, nullable=False),
    Column("ref", Text),
    Column("failure", Text),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    # when the provider is asked next; while it is being asked, when that claim ends
    Column("next_attempt_at", Instant),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    CheckConstraint("amount_minor > 0", name="amount_above_zero"),
    CheckConstraint("origin IN ('house', 'provider')", name="origin"),
    CheckConstraint("status IN ('pending', 'succeeded', 'failed')", name="status"),
    CheckConstraint("(status = 'pending') = (next_attempt_at IS NOT NULL)", name="due"),
    Index("refunds_capture_idx", "capture_id"),
    Index("refunds_booking_idx", "booking_id", "id"),
    Index("refunds_ref_idx", "provider", "ref", unique=True, postgresql_where=text("ref IS NOT NULL")),
    Index("refunds_due_idx", "next_attempt_at", postgresql_where=text("next_attempt_at IS NOT NULL")),
)

# a guest's bank wants back what was taken
disputes = Table(
    "disputes",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("capture_id", UUID, ForeignKey(captures.c.id), nullable=False),
    Column("intent_id", UUID, ForeignKey(intents.c.id), nullable=False),
    Column("booking_id", UUID, nullable=False),
    Column("provider", Text, nullable=False),
    Column("ref", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("reason", Text),
    Column("status", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    CheckConstraint("amount_minor > 0", name="amount_above_zero"),
    CheckConstraint("status IN ('open', 'withheld', 'won', 'lost')", name="status"),
    UniqueConstraint("provider", "ref", name="disputes_provider_ref_key"),
    Index("disputes_capture_idx", "capture_id"),
)

provider_events = Table(
    "provider_events",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("provider", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("type", Text, nullable=False),
    # what its verified body says, as the provider's gateway read it, and that body for people
    Column("news", JSONB(none_as_null=True)),
    Column("body", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("intent_id", UUID),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("next_attempt_at", Instant),
    Column("error", Text),
    Column("received_at", Instant, nullable=False),
    Column("processed_at", Instant),
    UniqueConstraint("provider", "event_id", name="provider_events_provider_event_id_key"),
    CheckConstraint("status IN ('received', 'processed', 'ignored', 'unmatched', 'mismatched')", name="status"),
    CheckConstraint("(status = 'received') = (next_attempt_at IS NOT NULL)", name="due"),
    Index("provider_events_due_idx", "next_attempt_at", postgresql_where=text("next_attempt_at IS NOT NULL")),
    Index("provider_events_received_idx", "received_at", "id"),
    Index("provider_events_status_idx", "status", "received_at"),
)

# what a provider says and we cannot agree with: a person must look
discrepancies = Table(
    "discrepancies",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("ref", Text, nullable=False),
    Column("intent_id", UUID),
    Column("expected", Text, nullable=False),
    Column("seen", Text, nullable=False),
    # what a comparison finds is one while it finds it; what was said stands until it is closed
    Column("said", Boolean, nullable=False, server_default=text("true")),
    Column("at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("closed_by", UUID),
    Column("note", Text),
    CheckConstraint("closed_at IS NOT NULL OR closed_by IS NULL AND note IS NULL", name="closed_by_somebody"),
    UniqueConstraint("kind", "provider", "ref", "seen", name="discrepancies_once_key"),
    Index("discrepancies_at_idx", "at"),
)

journal = Table(
    "journal",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("kind", Text, nullable=False),
    # what was posted: a capture, a refund, an event of the booking
    Column("subject", UUID, nullable=False),
    # none of a payout to a supplier
    Column("booking_id", UUID),
    Column("note", Text),
    Column("at", Instant, nullable=False),
    CheckConstraint("booking_id IS NOT NULL OR kind = 'supplier_payout'", name="of_a_booking"),
    UniqueConstraint("kind", "subject", name="journal_kind_subject_key"),
    Index("journal_booking_idx", "booking_id", "id"),
)

entries = Table(
    "entries",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("journal_id", UUID, ForeignKey(journal.c.id), nullable=False),
    Column("account", Text, nullable=False),
    # debits above zero, credits below
    Column("minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    CheckConstraint("minor <> 0", name="minor_not_zero"),
    Index("entries_journal_idx", "journal_id"),
    Index("entries_account_idx", "account", "currency"),
)

# what the house keeps of the money it takes for a supplier; a supplier without terms is owed nothing here
commissions = Table(
    "commissions",
    metadata,
    Column("supplier_id", UUID, primary_key=True),
    Column("percent", Numeric, nullable=False),
    Column("updated_at", Instant, nullable=False),
    CheckConstraint("percent BETWEEN 0 AND 100", name="percent_is_a_part"),
)

# the terms as they were when a booking was sold
agreements = Table(
    "agreements",
    metadata,
    Column("booking_id", UUID, primary_key=True),
    Column("supplier_id", UUID, nullable=False),
    Column("percent", Numeric, nullable=False),
    Column("at", Instant, nullable=False),
)

payouts = Table(
    "payouts",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("supplier_id", UUID, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("at", Instant, nullable=False),
    CheckConstraint("amount_minor > 0", name="amount_above_zero"),
    Index("payouts_supplier_idx", "supplier_id", "id"),
)
