"""The sandbox's tables."""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Integer, MetaData, Table, Text, text
from sqlalchemy.dialects.postgresql import TIMESTAMP, UUID

from holdfast.kernel.database import NAMING

metadata = MetaData(schema="sandbox", naming_convention=NAMING)

checkouts = Table(
    "checkouts",
    metadata,
    # nobody can guess it: who has it may pay
    Column("ref", Text, primary_key=True),
    Column("intent_id", UUID, nullable=False, unique=True),
    Column("minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("return_url", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("failure", Text, nullable=True),
    Column("wrong_codes", Integer, nullable=False, server_default=text("0")),
    Column("settles_at", TIMESTAMP(timezone=True), nullable=True),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
    Column("updated_at", TIMESTAMP(timezone=True), nullable=False),
    CheckConstraint("minor > 0", name="minor"),
    CheckConstraint("stage IN ('open', 'code', 'processing', 'succeeded', 'failed', 'cancelled')", name="stage"),
    CheckConstraint("(stage = 'processing') = (settles_at IS NOT NULL)", name="settles"),
    Index("checkouts_settling_idx", "settles_at", postgresql_where=text("settles_at IS NOT NULL")),
    Index("checkouts_updated_idx", "updated_at"),
)

refunds = Table(
    "refunds",
    metadata,
    Column("ref", Text, primary_key=True),
    Column("refund_id", UUID, nullable=False, unique=True),
    Column("checkout_ref", Text, ForeignKey(checkouts.c.ref), nullable=False, index=True),
    Column("minor", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
    CheckConstraint("minor > 0", name="minor"),
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", Text, primary_key=True),
    Column("body", Text, nullable=False),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    # when it is due, or when the claim of who is sending it ends; none once it was taken or given up
    Column("next_attempt_at", TIMESTAMP(timezone=True), nullable=True),
    Column("taken_at", TIMESTAMP(timezone=True), nullable=True),
    Column("last_error", Text, nullable=True),
    Index("webhooks_due_idx", "next_attempt_at", postgresql_where=text("next_attempt_at IS NOT NULL")),
)
