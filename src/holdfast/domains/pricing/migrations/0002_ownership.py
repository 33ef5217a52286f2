"""Rates belong to the supplier of their resource; the application's role, and who may write what."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import UUID

revision = "pricing_0002"
down_revision = "pricing_0001"
branch_labels = None
depends_on = ("kernel_0002",)

OWN = {"rates": "kernel.is_house() OR supplier_id = kernel.calling_id()", "fee_rules": "kernel.is_house()"}


def upgrade() -> None:
    op.add_column("rates", sa.Column("supplier_id", UUID), schema="pricing")
    op.execute("GRANT USAGE ON SCHEMA pricing TO holdfast_app")
    op.execute("GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA pricing TO holdfast_app")
    for table, own in OWN.items():
        op.execute(f"ALTER TABLE pricing.{table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY read_by_all ON pricing.{table} FOR SELECT USING (true)")
        op.execute(f"CREATE POLICY made_by_owner ON pricing.{table} FOR INSERT WITH CHECK ({own})")
        op.execute(f"CREATE POLICY changed_by_owner ON pricing.{table} FOR UPDATE USING ({own})")


def downgrade() -> None:
    for table in OWN:
        for policy in ("changed_by_owner", "made_by_owner", "read_by_all"):
            op.execute(f"DROP POLICY {policy} ON pricing.{table}")
        op.execute(f"ALTER TABLE pricing.{table} DISABLE ROW LEVEL SECURITY")
    op.execute("REVOKE ALL ON ALL TABLES IN SCHEMA pricing FROM holdfast_app")
    op.execute("REVOKE USAGE ON SCHEMA pricing FROM holdfast_app")
    op.drop_column("rates", "supplier_id", schema="pricing")
