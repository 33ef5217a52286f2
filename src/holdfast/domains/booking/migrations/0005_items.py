"""What a booking consists of besides its own resource, each item with its supplier; and what staff has to do."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP, UUID

revision = "booking_0005"
down_revision = "booking_0004"
branch_labels = None
depends_on = None

INSTANT = TIMESTAMP(timezone=True)
# who sees the booking sees its items; a supplier of one item sees that one, and nothing else of the booking
OWN = """kernel.is_house() OR supplier_id = kernel.calling_id()
    OR EXISTS (SELECT FROM booking.bookings AS b WHERE b.id = booking_id)"""


def upgrade() -> None:
    op.create_table(
        "items",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("booking_id", UUID, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("guest_name", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("product_id", UUID),
        sa.Column("resource_id", UUID),
        sa.Column("supplier_id", UUID),
        sa.Column("start_at", INSTANT, nullable=False),
        sa.Column("end_at", INSTANT, nullable=False),
        sa.Column("quantity", sa.Integer, nullable=False),
        sa.Column("price_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("rate", sa.Numeric, nullable=False),
        sa.Column("converted_minor", sa.BigInteger, nullable=False),
        sa.Column("booking_currency", sa.Text, nullable=False),
        sa.Column("reservation_id", UUID),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("confirmation_reference", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("confirmed_at", INSTANT),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.UniqueConstraint("booking_id", "number", name="items_booking_id_number_key"),
        sa.CheckConstraint("end_at > start_at", name="items_ends_after_start_check"),
        sa.CheckConstraint("price_minor >= 0 AND converted_minor >= 0", name="items_price_not_negative_check"),
        sa.CheckConstraint("rate > 0", name="items_rate_above_zero_check"),
        sa.CheckConstraint("status IN ('requested', 'confirmed', 'declined')", name="items_status_check"),
        sa.CheckConstraint(
            "(status = 'confirmed') = (confirmed_at IS NOT NULL)", name="items_confirmed_has_its_instant_check"
        ),
        sa.ForeignKeyConstraint(["booking_id"], ["booking.bookings.id"], name="items_booking_id_fkey"),
        schema="booking",
    )
    op.create_index("items_supplier_idx", "items", ["supplier_id", "start_at"], schema="booking")
    op.create_table(
        "tasks",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("booking_id", UUID, nullable=False),
        sa.Column("item_id", UUID),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("summary", sa.Text, nullable=False),
        sa.Column("details", JSONB, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("done_at", INSTANT),
        sa.Column("done_by", UUID),
        sa.ForeignKeyConstraint(["booking_id"], ["booking.bookings.id"], name="tasks_booking_id_fkey"),
        schema="booking",
    )
    op.create_index("tasks_booking_idx", "tasks", ["booking_id"], schema="booking")
    op.create_index(
        "tasks_open_idx", "tasks", ["created_at"], schema="booking", postgresql_where=sa.text("done_at IS NULL")
    )
    op.execute("GRANT SELECT, INSERT, UPDATE ON booking.items, booking.tasks TO holdfast_app")
    for table in ("items", "tasks"):
        op.execute(f"ALTER TABLE booking.{table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY own ON booking.items USING ({OWN})")
    op.execute("CREATE POLICY of_the_house ON booking.tasks USING (kernel.is_house())")


def downgrade() -> None:
    op.drop_table("tasks", schema="booking")
    op.drop_table("items", schema="booking")
