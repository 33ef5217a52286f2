"""The kernel's own tables: what any domain's transaction may write beside its rows."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Identity,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSON, JSONB, TIMESTAMP, UUID

from holdfast.kernel.database import NAMING

metadata = MetaData(schema="kernel", naming_convention=NAMING)

UNREACTED = text("delivered_at IS NULL AND reacted_at IS NULL AND parked_at IS NULL")
UNPUBLISHED = text("delivered_at IS NULL AND published_at IS NULL")
REFUSED = text(f"{UNPUBLISHED.text} AND publish_after IS NOT NULL")

outbox = Table(
    "outbox",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("event_id", UUID, nullable=False, unique=True),
    Column("type", Text, nullable=False),
    Column("aggregate_id", UUID, nullable=False),
    Column("data", JSONB, nullable=False),
    Column("occurred_at", TIMESTAMP(timezone=True), nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("next_attempt_at", TIMESTAMP(timezone=True), nullable=True),
    Column("delivered_at", TIMESTAMP(timezone=True), nullable=True),
    Column("parked_at", TIMESTAMP(timezone=True), nullable=True),
    Column("last_error", Text, nullable=True),
    # told to the reactions, and to the outside; delivered_at once both are done
    Column("reacted_at", TIMESTAMP(timezone=True), nullable=True),
    Column("published_at", TIMESTAMP(timezone=True), nullable=True),
    Column("publish_after", TIMESTAMP(timezone=True), nullable=True),
    Column("publish_attempts", SmallInteger, nullable=False, server_default=text("0")),
    Column("schema_version", SmallInteger, nullable=False, server_default=text("1")),
    # the span that recorded it
    Column("traceparent", Text, nullable=True),
    # the relay reads only what is still to be told; rows leave these as they are told
    Index("outbox_unreacted_idx", "id", postgresql_where=UNREACTED),
    Index("outbox_aggregate_idx", "aggregate_id", "id", postgresql_where=UNREACTED),
    Index("outbox_unpublished_idx", "id", postgresql_where=UNPUBLISHED),
    Index("outbox_refused_idx", "publish_after", postgresql_where=REFUSED),
    Index("outbox_parked_idx", "id", postgresql_where=text("parked_at IS NOT NULL")),
    # for forgetting what was told
    Index("outbox_delivered_idx", "delivered_at", postgresql_where=text("delivered_at IS NOT NULL")),
)

# one row: whether some relay has found nothing to do, and wants to be woken
relay_rest = Table(
    "relay_rest",
    metadata,
    Column("one", Boolean, CheckConstraint("one", name="one_row"), primary_key=True),
    Column("resting", Boolean, nullable=False),
)

inbox = Table(
    "inbox",
    metadata,
    Column("event_id", UUID, primary_key=True),
    Column("reaction", Text, primary_key=True),
    Column("received_at", TIMESTAMP(timezone=True), nullable=False, server_default=text("now()")),
    Index("inbox_received_idx", "received_at"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    # JSON, not JSONB: an answer is given again as it was, in the order of its fields
    Column("answer", JSON, nullable=False),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
    Index("idempotency_keys_created_at_idx", "created_at"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("name", Text, nullable=False),
    Column("payload", JSONB, nullable=False),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
    Column("due_at", TIMESTAMP(timezone=True), nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    # whose run it is, and until when; a worker that died prolongs nothing
    Column("claim", UUID, nullable=True),
    Column("claimed_until", TIMESTAMP(timezone=True), nullable=True),
    Column("handed_out_at", TIMESTAMP(timezone=True), nullable=True),
    Column("done_at", TIMESTAMP(timezone=True), nullable=True),
    Column("failed_at", TIMESTAMP(timezone=True), nullable=True),
    Column("last_error", Text, nullable=True),
    # the span that wanted it
    Column("traceparent", Text, nullable=True),
    Index("jobs_waiting_idx", "due_at", postgresql_where=text("done_at IS NULL AND failed_at IS NULL")),
    Index("jobs_given_up_idx", "id", postgresql_where=text("failed_at IS NOT NULL")),
    Index("jobs_done_idx", "done_at", postgresql_where=text("done_at IS NOT NULL")),
)

turns = Table(
    "turns",
    metadata,
    Column("name", Text, primary_key=True),
    Column("next_at", TIMESTAMP(timezone=True), nullable=False),
    Column("holder", UUID, nullable=True),
    Column("held_until", TIMESTAMP(timezone=True), nullable=True),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("at", TIMESTAMP(timezone=True), nullable=False),
    Column("action", Text, nullable=False),
    Column("actor_type", Text, nullable=False),
    Column("actor_id", UUID, nullable=True),
    Column("subject_type", Text, nullable=False),
    Column("subject_id", UUID, nullable=True),
    Column("reason", Text, nullable=True),
    Column("before", JSONB(none_as_null=True), nullable=True),
    Column("after", JSONB(none_as_null=True), nullable=True),
    Column("request_id", Text, nullable=True),
    Column("address", Text, nullable=True),
    Index("audit_log_subject_idx", "subject_id", "id"),
    Index("audit_log_action_idx", "action", "id"),
)
