"""Pricing's tables. Amounts are minor units; adjustments and taxes are kept as the contracts write them."""

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Date, Index, MetaData, Numeric, Table, Text
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP, UUID

from holdfast.kernel.database import NAMING

metadata = MetaData(schema="pricing", naming_convention=NAMING)

rates = Table(
    "rates",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("resource_id", UUID, nullable=False),
    Column("supplier_id", UUID, nullable=True),
    Column("name", Text, nullable=True),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("per", Text, nullable=False),
    Column("terms", Text, nullable=False),
    Column("deposit_percent", Numeric, nullable=True),
    Column("adjustments", JSONB, nullable=False),
    Column("taxes", JSONB, nullable=False),
    Column("valid_from", Date, nullable=True),
    Column("valid_to", Date, nullable=True),
    Column("active", Boolean, nullable=False),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
    Column("deactivated_at", TIMESTAMP(timezone=True), nullable=True),
    CheckConstraint("amount >= 0", name="amount"),
    CheckConstraint("(terms = 'deposit') = (deposit_percent IS NOT NULL)", name="deposit"),
    CheckConstraint("valid_from <= valid_to", name="validity"),
    # the newest active rate of a resource is read first, so the search ends at the first that covers the date
    Index("rates_choice_idx", "resource_id", "created_at", "id", postgresql_where="active"),
    Index("rates_resource_idx", "resource_id", "created_at", "id"),
    Index("rates_created_idx", "created_at", "id"),
)

fee_rules = Table(
    "fee_rules",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("label", Text, nullable=False),
    Column("percent", Numeric, nullable=False),
    Column("currency", Text, nullable=True),
    Column("fixed", BigInteger, nullable=True),
    Column("minimum", BigInteger, nullable=True),
    Column("maximum", BigInteger, nullable=True),
    Column("venue_type", Text, nullable=True),
    Column("channel", Text, nullable=True),
    Column("active", Boolean, nullable=False),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
    Column("deactivated_at", TIMESTAMP(timezone=True), nullable=True),
    CheckConstraint("percent BETWEEN 0 AND 100", name="percent"),
    CheckConstraint("fixed >= 0 AND minimum >= 0 AND maximum >= 0", name="amounts"),
    CheckConstraint("percent > 0 OR fixed IS NOT NULL", name="charge"),
    CheckConstraint("currency IS NOT NULL OR num_nonnulls(fixed, minimum, maximum) = 0", name="currency"),
    CheckConstraint("minimum <= maximum", name="bounds"),
    Index("fee_rules_active_idx", "created_at", "id", postgresql_where="active"),
)
