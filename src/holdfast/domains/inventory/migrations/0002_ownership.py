"""Venues belong to suppliers; the application's role, and who may write what.

Everyone reads venues and resources. Allocations and buckets hold times and units but nothing of any person; every
claim has to see all of them, so they have no policies.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import UUID

revision = "inventory_0002"
down_revision = "inventory_0001"
branch_labels = None
depends_on = ("kernel_0002",)

OWN_VENUE = """EXISTS (SELECT FROM inventory.venues AS v
    WHERE v.id = resources.venue_id AND v.supplier_id = kernel.calling_id())"""


def upgrade() -> None:
    op.add_column("venues", sa.Column("supplier_id", UUID), schema="inventory")
    op.execute("GRANT USAGE ON SCHEMA inventory TO holdfast_app")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA inventory TO holdfast_app")
    for table, own in (("venues", "supplier_id = kernel.calling_id()"), ("resources", OWN_VENUE)):
        op.execute(f"ALTER TABLE inventory.{table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY read_by_all ON inventory.{table} FOR SELECT USING (true)")
        op.execute(
            f"CREATE POLICY made_by_owner ON inventory.{table} FOR INSERT WITH CHECK (kernel.is_house() OR {own})"
        )
        op.execute(
            f"CREATE POLICY changed_by_owner ON inventory.{table} FOR UPDATE USING (kernel.is_house() OR {own})"
        )


def downgrade() -> None:
    for table in ("resources", "venues"):
        for policy in ("changed_by_owner", "made_by_owner", "read_by_all"):
            op.execute(f"DROP POLICY {policy} ON inventory.{table}")
        op.execute(f"ALTER TABLE inventory.{table} DISABLE ROW LEVEL SECURITY")
    op.execute("REVOKE ALL ON ALL TABLES IN SCHEMA inventory FROM holdfast_app")
    op.execute("REVOKE USAGE ON SCHEMA inventory FROM holdfast_app")
    op.drop_column("venues", "supplier_id", schema="inventory")
