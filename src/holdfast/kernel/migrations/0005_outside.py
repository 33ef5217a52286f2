"""Events go to the outside too, by a state of their own; a relay at rest is woken by the commit."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "kernel_0005"
down_revision = "kernel_0004"
branch_labels = None
depends_on = None

MOMENT = TIMESTAMP(timezone=True)
UNREACTED = "delivered_at IS NULL AND reacted_at IS NULL AND parked_at IS NULL"
UNPUBLISHED = "delivered_at IS NULL AND published_at IS NULL"

# a notification makes commits wait for each other, so it is sent only while a relay rests: never under load
WAKE_RELAY = """
CREATE FUNCTION kernel.wake_relay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM kernel.relay_rest WHERE resting) THEN
        PERFORM pg_notify('holdfast_outbox', '');
    END IF;
    RETURN NULL;
END $$
"""
WAKE_WORKERS = """
CREATE FUNCTION kernel.wake_workers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('holdfast_jobs', '');
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    for name in ("reacted_at", "published_at", "publish_after"):
        op.add_column("outbox", sa.Column(name, MOMENT), schema="kernel")
    for name, default in (("publish_attempts", "0"), ("schema_version", "1")):
        number = sa.Column(name, sa.SmallInteger, nullable=False, server_default=sa.text(default))
        op.add_column("outbox", number, schema="kernel")
    op.drop_index("outbox_waiting_idx", "outbox", schema="kernel")
    op.drop_index("outbox_aggregate_idx", "outbox", schema="kernel")
    for index, columns, where in (
        ("outbox_unreacted_idx", ["id"], UNREACTED),
        ("outbox_aggregate_idx", ["aggregate_id", "id"], UNREACTED),
        ("outbox_unpublished_idx", ["id"], UNPUBLISHED),
        ("outbox_refused_idx", ["publish_after"], f"{UNPUBLISHED} AND publish_after IS NOT NULL"),
        ("outbox_parked_idx", ["id"], "parked_at IS NOT NULL"),
    ):
        op.create_index(index, "outbox", columns, schema="kernel", postgresql_where=sa.text(where))
    op.create_table(
        "relay_rest",
        sa.Column("one", sa.Boolean, sa.CheckConstraint("one", name="one_row"), primary_key=True),
        sa.Column("resting", sa.Boolean, nullable=False),
        schema="kernel",
    )
    op.execute("INSERT INTO kernel.relay_rest VALUES (true, true)")
    op.execute("GRANT SELECT, UPDATE ON kernel.relay_rest TO holdfast_app")
    op.execute("ALTER TABLE kernel.relay_rest ENABLE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY read_by_all ON kernel.relay_rest FOR SELECT USING (true)")
    op.execute("CREATE POLICY told_by_system ON kernel.relay_rest FOR UPDATE USING (kernel.is_system())")
    op.execute(WAKE_RELAY)
    op.execute(WAKE_WORKERS)
    for table, function in (("outbox", "wake_relay"), ("jobs", "wake_workers")):
        op.execute(
            f"CREATE TRIGGER {function} AFTER INSERT ON kernel.{table}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION kernel.{function}()"
        )


def downgrade() -> None:
    for table, function in (("outbox", "wake_relay"), ("jobs", "wake_workers")):
        op.execute(f"DROP TRIGGER {function} ON kernel.{table}")
        op.execute(f"DROP FUNCTION kernel.{function}()")
    op.drop_table("relay_rest", schema="kernel")
    for index in ("unreacted", "aggregate", "unpublished", "refused", "parked"):
        op.drop_index(f"outbox_{index}_idx", "outbox", schema="kernel")
    for name in ("reacted_at", "published_at", "publish_after", "publish_attempts", "schema_version"):
        op.drop_column("outbox", name, schema="kernel")
    waiting = sa.text("delivered_at IS NULL AND parked_at IS NULL")
    op.create_index("outbox_waiting_idx", "outbox", ["id"], schema="kernel", postgresql_where=waiting)
    op.create_index("outbox_aggregate_idx", "outbox", ["aggregate_id", "id"], schema="kernel")
