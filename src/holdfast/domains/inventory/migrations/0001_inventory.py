"""Venues, resources, allocations and the buckets of pools."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP, TSTZRANGE, UUID, ExcludeConstraint

revision = "inventory_0001"
down_revision = None
branch_labels = ("inventory",)
depends_on = None

MOMENT = TIMESTAMP(timezone=True)


def upgrade() -> None:
    # the operator class of uuid that the exclusion constraint needs; part of PostgreSQL's contrib, and trusted
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    op.execute("CREATE SCHEMA inventory")
    create_venues()
    create_resources()
    create_allocations()
    create_buckets()


def create_venues() -> None:
    op.create_table(
        "venues",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("timezone", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("address", sa.Text),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        schema="inventory",
    )
    op.create_index("venues_type_idx", "venues", ["type", "id"], schema="inventory")


def create_resources() -> None:
    op.create_table(
        "resources",
        sa.Column("id", UUID, primary_key=True),
        sa.Column(
            "venue_id", UUID, sa.ForeignKey("inventory.venues.id", name="resources_venue_id_fkey"), nullable=False
        ),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("exclusive", sa.Boolean, nullable=False),
        sa.Column("capacity", sa.Integer),
        sa.Column("nightly", sa.Boolean, nullable=False),
        sa.Column("bucket_minutes", sa.Integer),
        sa.Column("bucket_offset_minutes", sa.Integer, nullable=False),
        sa.Column("opening_hours", JSONB, nullable=False),
        sa.Column("exceptions", JSONB, nullable=False),
        sa.Column("buffer_before_minutes", sa.Integer, nullable=False),
        sa.Column("buffer_after_minutes", sa.Integer, nullable=False),
        sa.Column("min_notice_minutes", sa.Integer, nullable=False),
        sa.Column("max_advance_days", sa.Integer, nullable=False),
        sa.Column("min_duration_minutes", sa.Integer, nullable=False),
        sa.Column("max_duration_minutes", sa.Integer, nullable=False),
        sa.Column("grid_minutes", sa.Integer),
        sa.Column("places_per_unit", sa.Integer, nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.CheckConstraint("exclusive OR capacity IS NOT NULL", name=op.f("resources_pool_has_capacity_check")),
        sa.CheckConstraint(
            "(exclusive OR nightly) = (bucket_minutes IS NULL)", name=op.f("resources_pool_has_buckets_check")
        ),
        schema="inventory",
    )
    op.create_index("resources_venue_id_idx", "resources", ["venue_id", "id"], schema="inventory")


def create_allocations() -> None:
    resource = sa.ForeignKey("inventory.resources.id", name="allocations_resource_id_fkey")
    active = sa.Computed("exclusive AND status <> 'released'", persisted=True)
    op.create_table(
        "allocations",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("booking_id", UUID, nullable=False),
        sa.Column("item", sa.SmallInteger, nullable=False),
        sa.Column("resource_id", UUID, resource, nullable=False),
        sa.Column("period", TSTZRANGE, nullable=False),
        sa.Column("during", TSTZRANGE, nullable=False),
        sa.Column("exclusive", sa.Boolean, nullable=False),
        sa.Column("units", sa.Integer, nullable=False),
        sa.Column("guests", sa.Integer, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("expires_at", MOMENT),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("active", sa.Boolean, active, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("released_at", MOMENT),
        sa.CheckConstraint(
            "status IN ('held', 'committed', 'released')", name=op.f("allocations_known_status_check")
        ),
        sa.CheckConstraint("made_by IN ('booking', 'client')", name=op.f("allocations_known_maker_check")),
        sa.CheckConstraint(
            "(status = 'held') = (expires_at IS NOT NULL)", name=op.f("allocations_holds_expire_check")
        ),
        sa.CheckConstraint(
            "(status = 'released') = (released_at IS NOT NULL)", name=op.f("allocations_releases_are_dated_check")
        ),
        sa.CheckConstraint(
            "units > 0 AND NOT isempty(period) AND NOT isempty(during)",
            name=op.f("allocations_takes_something_check"),
        ),
        ExcludeConstraint(
            ("resource_id", "="),
            ("during", "&&"),
            name="allocations_no_overlap",
            where=sa.text("active"),
            using="gist",
        ),
        schema="inventory",
    )
    op.execute(
        "CREATE UNIQUE INDEX allocations_one_per_item ON inventory.allocations (booking_id, item)"
        " WHERE status <> 'released'"
    )
    op.execute(
        "CREATE INDEX allocations_pool_holds_idx ON inventory.allocations USING gist (resource_id, during)"
        " WHERE status = 'held' AND NOT exclusive"
    )
    op.execute(
        "CREATE INDEX allocations_expires_at_idx ON inventory.allocations (expires_at) WHERE status = 'held'"
    )


def create_buckets() -> None:
    resource = sa.ForeignKey("inventory.resources.id", name="buckets_resource_id_fkey")
    op.create_table(
        "buckets",
        sa.Column("resource_id", UUID, resource, primary_key=True),
        sa.Column("bucket_at", MOMENT, primary_key=True),
        sa.Column("reserved", sa.Integer, nullable=False),
        sa.Column("capacity", sa.Integer, nullable=False),
        sa.CheckConstraint("reserved BETWEEN 0 AND capacity", name=op.f("buckets_within_capacity")),
        schema="inventory",
    )


def downgrade() -> None:
    for table in ("buckets", "allocations", "resources", "venues"):
        op.drop_table(table, schema="inventory")
    op.execute("DROP SCHEMA inventory")
