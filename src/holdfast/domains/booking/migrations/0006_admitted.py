"""A transaction that makes bookings for several callers is let in to each only as the one it is for."""

from alembic import op

revision = "booking_0006"
down_revision = "booking_0005"
branch_labels = None
depends_on = ("kernel_0007",)

ADMITTED = """(id::text || '/' || guest_id::text) = ANY (kernel.admitted_for())
    OR (id::text || '/' || supplier_id::text) = ANY (kernel.admitted_for())"""


def upgrade() -> None:
    op.execute(f"CREATE POLICY admitted ON booking.bookings USING ({ADMITTED})")


def downgrade() -> None:
    op.execute("DROP POLICY admitted ON booking.bookings")
