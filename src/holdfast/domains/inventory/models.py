"""Inventory's tables, in the PostgreSQL schema `inventory`."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP, TSTZRANGE, UUID, ExcludeConstraint
from sqlalchemy.schema import conv

from holdfast.kernel.database import NAMING

metadata = MetaData(schema="inventory", naming_convention=NAMING)
Moment = TIMESTAMP(timezone=True)

venues = Table(
    "venues",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("name", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("address", Text),
    Column("supplier_id", UUID),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Index("venues_type_idx", "type", "id"),
)

resources = Table(
    "resources",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("venue_id", UUID, ForeignKey(venues.c.id, name="resources_venue_id_fkey"), nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("exclusive", Boolean, nullable=False),
    Column("capacity", Integer),
    Column("nightly", Boolean, nullable=False),
    Column("bucket_minutes", Integer),
    # where buckets begin, in minutes before a whole bucket of UTC; fixed when the resource is made
    Column("bucket_offset_minutes", Integer, nullable=False),
    Column("opening_hours", JSONB, nullable=False),
    Column("exceptions", JSONB, nullable=False),
    Column("buffer_before_minutes", Integer, nullable=False),
    Column("buffer_after_minutes", Integer, nullable=False),
    Column("min_notice_minutes", Integer, nullable=False),
    Column("max_advance_days", Integer, nullable=False),
    Column("min_duration_minutes", Integer, nullable=False),
    Column("max_duration_minutes", Integer, nullable=False),
    Column("grid_minutes", Integer),
    Column("places_per_unit", Integer, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    CheckConstraint("exclusive OR capacity IS NOT NULL", name="pool_has_capacity"),
    CheckConstraint("(exclusive OR nightly) = (bucket_minutes IS NULL)", name="pool_has_buckets"),
    Index("resources_venue_id_idx", "venue_id", "id"),
)

allocations = Table(
    "allocations",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("booking_id", UUID, nullable=False),
    Column("item", SmallInteger, nullable=False),
    Column("resource_id", UUID, ForeignKey(resources.c.id, name="allocations_resource_id_fkey"), nullable=False),
    Column("period", TSTZRANGE, nullable=False),
    # what it takes: the period with its buffers, or all the buckets that those touch
    Column("during", TSTZRANGE, nullable=False),
    Column("exclusive", Boolean, nullable=False),
    Column("units", Integer, nullable=False),
    Column("guests", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("expires_at", Moment),
    # a booking moves and frees its own claims; over HTTP only what a client made can be changed
    Column("made_by", Text, nullable=False),
    Column("active", Boolean, Computed("exclusive AND status <> 'released'", persisted=True), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("released_at", Moment),
    CheckConstraint("status IN ('held', 'committed', 'released')", name="known_status"),
    CheckConstraint("made_by IN ('booking', 'client')", name="known_maker"),
    CheckConstraint("(status = 'held') = (expires_at IS NOT NULL)", name="holds_expire"),
    CheckConstraint("(status = 'released') = (released_at IS NOT NULL)", name="releases_are_dated"),
    CheckConstraint("units > 0 AND NOT isempty(period) AND NOT isempty(during)", name="takes_something"),
    ExcludeConstraint(
        ("resource_id", "="), ("during", "&&"), name="allocations_no_overlap", where=text("active"), using="gist"
    ),
    Index(
        "allocations_one_per_item",
        "booking_id",
        "item",
        unique=True,
        postgresql_where=text("status <> 'released'"),
    ),
    # expired holds of pools, found by whoever needs their buckets
    Index(
        "allocations_pool_holds_idx",
        "resource_id",
        "during",
        postgresql_using="gist",
        postgresql_where=text("status = 'held' AND NOT exclusive"),
    ),
    Index("allocations_expires_at_idx", "expires_at", postgresql_where=text("status = 'held'")),
)

buckets = Table(
    "buckets",
    metadata,
    Column("resource_id", UUID, ForeignKey(resources.c.id, name="buckets_resource_id_fkey"), primary_key=True),
    Column("bucket_at", Moment, primary_key=True),
    Column("reserved", Integer, nullable=False),
    Column("capacity", Integer, nullable=False),
    CheckConstraint("reserved BETWEEN 0 AND capacity", name=conv("buckets_within_capacity")),
)
