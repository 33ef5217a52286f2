"""Webhook's tables. Secrets are sealed; a delivery keeps its body, so that every try signs the same bytes."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP, UUID

from holdfast.kernel.database import NAMING

metadata = MetaData(schema="webhook", naming_convention=NAMING)

endpoints = Table(
    "endpoints",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("owner_id", UUID, nullable=False),
    # whose events it hears: everybody's, or those of the owner's own venues
    Column("audience", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("events", ARRAY(Text), nullable=False),
    Column("description", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("disabled_because", Text, nullable=True),
    Column("failing_since", TIMESTAMP(timezone=True), nullable=True),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
    Column("updated_at", TIMESTAMP(timezone=True), nullable=False),
    CheckConstraint("audience IN ('house', 'supplier')", name="audience"),
    CheckConstraint("enabled = (disabled_because IS NULL)", name="disabled"),
    Index("endpoints_owner_idx", "owner_id", "id"),
)

secrets = Table(
    "secrets",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("endpoint_id", UUID, ForeignKey(endpoints.c.id, ondelete="CASCADE"), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
    # the present one has no end
    Column("expires_at", TIMESTAMP(timezone=True), nullable=True),
    Index("secrets_endpoint_idx", "endpoint_id"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", UUID, primary_key=True),
    # rises in the order of the events of one aggregate: the relay tells them one after the other
    Column("position", BigInteger, Identity(always=True), nullable=False),
    Column("endpoint_id", UUID, ForeignKey(endpoints.c.id, ondelete="CASCADE"), nullable=False),
    Column("event_id", UUID, nullable=False),
    Column("type", Text, nullable=False),
    Column("aggregate_id", UUID, nullable=False),
    Column("body", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    # when it is due; while it is being sent, when the sender's claim on it ends
    Column("next_attempt_at", TIMESTAMP(timezone=True), nullable=True),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
    Column("delivered_at", TIMESTAMP(timezone=True), nullable=True),
    UniqueConstraint("endpoint_id", "event_id"),
    CheckConstraint("status IN ('waiting', 'sending', 'delivered', 'failed')", name="status"),
    CheckConstraint("(status IN ('waiting', 'sending')) = (next_attempt_at IS NOT NULL)", name="due"),
    CheckConstraint("(status = 'delivered') = (delivered_at IS NOT NULL)", name="delivered"),
    # senders read only what is still to be sent; the others leave these two
    Index(
        "deliveries_due_idx",
        "endpoint_id",
        "next_attempt_at",
        postgresql_where=text("next_attempt_at IS NOT NULL"),
    ),
    Index(
        "deliveries_order_idx",
        "endpoint_id",
        "aggregate_id",
        "position",
        postgresql_where=text("next_attempt_at IS NOT NULL"),
    ),
    Index("deliveries_endpoint_idx", "endpoint_id", "position"),
    Index("deliveries_created_idx", "created_at"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("delivery_id", UUID, ForeignKey(deliveries.c.id, ondelete="CASCADE"), nullable=False),
    Column("at", TIMESTAMP(timezone=True), nullable=False),
    Column("status_code", Integer, nullable=True),
    Column("milliseconds", Integer, nullable=False),
    Column("answer", Text, nullable=True),
    Column("error", Text, nullable=True),
    Index("attempts_delivery_idx", "delivery_id", "id"),
)
