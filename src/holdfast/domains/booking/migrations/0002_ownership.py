"""Whose a booking is: its guest's, its supplier's, the house's, or that of whoever holds its token."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import UUID

revision = "booking_0002"
down_revision = "booking_0001"
branch_labels = None
depends_on = ("kernel_0002",)

# strangers see nothing, whatever the application asks for
OWN = """kernel.is_house() OR guest_id = kernel.calling_id() OR supplier_id = kernel.calling_id()
    OR id = ANY (kernel.calling_bookings())"""
# the inner read is under the policy of bookings itself
OF_OWN = "EXISTS (SELECT FROM booking.bookings AS b WHERE b.id = booking_id)"
OWN_POLICY = "kernel.is_house() OR supplier_id = kernel.calling_id()"


def upgrade() -> None:
    op.add_column("bookings", sa.Column("supplier_id", UUID), schema="booking")
    op.add_column("policies", sa.Column("supplier_id", UUID), schema="booking")
    op.execute("GRANT USAGE ON SCHEMA booking TO holdfast_app")
    op.execute("GRANT SELECT, INSERT, UPDATE ON booking.bookings, booking.policies TO holdfast_app")
    op.execute("GRANT SELECT, INSERT ON booking.history, booking.captures TO holdfast_app")
    op.execute("GRANT SELECT, INSERT, DELETE ON booking.passengers TO holdfast_app")
    for table in ("bookings", "history", "captures", "passengers", "policies"):
        op.execute(f"ALTER TABLE booking.{table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY own ON booking.bookings USING ({OWN})")
    op.execute(f"CREATE POLICY of_own_booking ON booking.history USING ({OF_OWN})")
    op.execute(f"CREATE POLICY of_own_booking ON booking.captures USING ({OF_OWN})")
    op.execute(f"CREATE POLICY of_own_booking ON booking.passengers USING ({OF_OWN})")
    # every booking is made under its venue's policy, so everyone reads them
    op.execute("CREATE POLICY read_by_all ON booking.policies FOR SELECT USING (true)")
    op.execute(f"CREATE POLICY made_by_owner ON booking.policies FOR INSERT WITH CHECK ({OWN_POLICY})")
    op.execute(f"CREATE POLICY changed_by_owner ON booking.policies FOR UPDATE USING ({OWN_POLICY})")


def downgrade() -> None:
    for table, policies in (
        ("policies", ("changed_by_owner", "made_by_owner", "read_by_all")),
        ("passengers", ("of_own_booking",)),
        ("captures", ("of_own_booking",)),
        ("history", ("of_own_booking",)),
        ("bookings", ("own",)),
    ):
        for policy in policies:
            op.execute(f"DROP POLICY {policy} ON booking.{table}")
        op.execute(f"ALTER TABLE booking.{table} DISABLE ROW LEVEL SECURITY")
    op.execute("REVOKE ALL ON ALL TABLES IN SCHEMA booking FROM holdfast_app")
    op.execute("REVOKE USAGE ON SCHEMA booking FROM holdfast_app")
    op.drop_column("policies", "supplier_id", schema="booking")
    op.drop_column("bookings", "supplier_id", schema="booking")
