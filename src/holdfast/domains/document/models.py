"""Document's tables. A document is written once and never changed; its files are printed later, once each.

`counters` holds the last number of each seller, kind and year. It is a row and no sequence: a number that was
drawn in a transaction that fails is drawn again.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP, UUID

from holdfast.kernel.database import NAMING

metadata = MetaData(schema="document", naming_convention=NAMING)

INSTANT = TIMESTAMP(timezone=True)

documents = Table(
    "documents",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("booking_id", UUID, nullable=False),
    Column("kind", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("number", Text, nullable=False),
    Column("seller_id", UUID, nullable=False),
    # what it was made for: the same occasion makes no second one
    Column("occasion", Text, nullable=False),
    Column("guest_id", UUID, nullable=False),
    Column("supplier_id", UUID, nullable=True),
    Column("currency", Text, nullable=True),
    Column("total_minor", BigInteger, nullable=True),
    Column("corrects_id", UUID, ForeignKey("document.documents.id"), nullable=True),
    Column("e_invoice", Text, nullable=True),
    Column("facts", JSONB, nullable=False),
    Column("issued_on", Date, nullable=False),
    Column("generated_by_type", Text, nullable=False),
    Column("generated_by_id", UUID, nullable=True),
    Column("created_at", INSTANT, nullable=False),
    UniqueConstraint("booking_id", "kind", "occasion", name="documents_occasion_key"),
    UniqueConstraint("booking_id", "kind", "version", name="documents_version_key"),
    UniqueConstraint("seller_id", "kind", "number", name="documents_number_key"),
    CheckConstraint(
        "kind IN ('invoice', 'credit_note', 'voucher', 'itinerary', 'e_ticket', 'quotation')", name="kind"
    ),
    CheckConstraint("(kind = 'credit_note') = (corrects_id IS NOT NULL)", name="corrects"),
    CheckConstraint("kind NOT IN ('invoice', 'credit_note') OR total_minor > 0", name="total"),
    Index("documents_corrects_idx", "corrects_id"),
)

files = Table(
    "files",
    metadata,
    Column("document_id", UUID, ForeignKey("document.documents.id"), primary_key=True),
    Column("format", Text, primary_key=True),
    Column("key", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("size", Integer, nullable=False),
    # PDF/A-3b, or PDF where a character had no font; RFC 5545
    Column("standard", Text, nullable=False),
    Column("created_at", INSTANT, nullable=False),
    CheckConstraint("format IN ('pdf', 'ics')", name="format"),
)

counters = Table(
    "counters",
    metadata,
    Column("seller_id", UUID, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("year", Integer, primary_key=True),
    Column("last", Integer, nullable=False),
)

sellers = Table(
    "sellers",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("details", JSONB, nullable=False),
    Column("updated_at", INSTANT, nullable=False),
)
