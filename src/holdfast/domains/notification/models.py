"""Notification's tables. What is secret in a message is kept apart, sealed, where not even the house can read it.

messages 1-0..1 secrets        by mail or text message: queued, tried, sent or given up
         1-n attempts          every try
notices                        in the app: their receiver's own
"""

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
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP, UUID

from holdfast.kernel.database import NAMING

metadata = MetaData(schema="notification", naming_convention=NAMING)

messages = Table(
    "messages",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("user_id", UUID, nullable=True),
    Column("booking_id", UUID, nullable=True),
    Column("channel", Text, nullable=False, server_default=text("'email'")),
    Column("category", Text, nullable=False, server_default=text("'transactional'")),
    # an address, or the number of a telephone
    Column("recipient", Text, nullable=False),
    Column("recipient_name", Text, nullable=True),
    Column("template", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("details", JSONB, nullable=False),
    Column("attachments", JSONB, nullable=False, server_default=text("'[]'::jsonb")),
    Column("has_secrets", Boolean, nullable=False),
    Column("status", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    # when it is due; while it is being sent, when the sender's claim on it ends
    Column("next_attempt_at", TIMESTAMP(timezone=True), nullable=True),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
    Column("sent_at", TIMESTAMP(timezone=True), nullable=True),
    Column("last_error", Text, nullable=True),
    # the span that wanted it
    Column("traceparent", Text, nullable=True),
    CheckConstraint("status IN ('queued', 'sending', 'sent', 'failed')", name="status"),
    CheckConstraint("(status IN ('queued', 'sending')) = (next_attempt_at IS NOT NULL)", name="due"),
    CheckConstraint("(status = 'sent') = (sent_at IS NOT NULL)", name="sent"),
    CheckConstraint("channel IN ('email', 'sms')", name="channel"),
    # the sender reads only what is still to be sent; the others leave this index
    Index("messages_due_idx", "channel", "next_attempt_at", postgresql_where=text("next_attempt_at IS NOT NULL")),
    Index("messages_created_idx", "created_at", "id"),
    Index("messages_status_idx", "status", "created_at", "id"),
    Index("messages_user_idx", "user_id", "created_at", postgresql_where=text("user_id IS NOT NULL")),
)

secrets = Table(
    "secrets",
    metadata,
    Column("message_id", UUID, ForeignKey(messages.c.id, ondelete="CASCADE"), primary_key=True),
    # in clear: what an older version queued, until it is sent
    Column("data", JSONB(none_as_null=True), nullable=True),
    Column("sealed", LargeBinary, nullable=True),
    CheckConstraint("(data IS NULL) <> (sealed IS NULL)", name="sealed"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("message_id", UUID, ForeignKey(messages.c.id, ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    # null while it lasts, and for ever where its sender died
    Column("outcome", Text, nullable=True),
    Column("answer", Text, nullable=True),
    Column("started_at", TIMESTAMP(timezone=True), nullable=False),
    Column("duration_ms", Integer, nullable=True),
    CheckConstraint("outcome IN ('sent', 'deferred', 'failed')", name="outcome"),
    CheckConstraint("(outcome IS NULL) = (duration_ms IS NULL)", name="ended"),
    Index("attempts_message_idx", "message_id", "id"),
)

notices = Table(
    "notices",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("user_id", UUID, nullable=False),
    Column("booking_id", UUID, nullable=True),
    Column("template", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
    Column("read_at", TIMESTAMP(timezone=True), nullable=True),
    Index("notices_user_idx", "user_id", "created_at", "id"),
    Index("notices_unread_idx", "user_id", "created_at", "id", postgresql_where=text("read_at IS NULL")),
    Index("notices_created_idx", "created_at"),
)

templates = Table(
    "templates",
    metadata,
    Column("template", Text, primary_key=True),
    Column("language", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("subject", Text, nullable=True),
    Column("text", Text, nullable=False),
    Column("html", Text, nullable=True),
    Column("active", Boolean, nullable=False),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
    Column("created_by", UUID, nullable=True),
    CheckConstraint("version > 1", name="version"),
    CheckConstraint("channel IN ('email', 'sms', 'in_app')", name="channel"),
    # at most one is in use
    Index("templates_active_key", "template", "language", "channel", unique=True, postgresql_where=text("active")),
)

reminders = Table(
    "reminders",
    metadata,
    Column("booking_id", UUID, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("due_at", TIMESTAMP(timezone=True), nullable=False),
    # sent, or found to be none
    Column("ended_at", TIMESTAMP(timezone=True), nullable=True),
    CheckConstraint("kind IN ('start', 'balance')", name="kind"),
    Index("reminders_due_idx", "due_at", postgresql_where=text("ended_at IS NULL")),
    Index("reminders_ended_idx", "ended_at", postgresql_where=text("ended_at IS NOT NULL")),
)
