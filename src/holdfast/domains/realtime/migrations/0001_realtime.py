"""What was taken on each day."""

import sqlalchemy as sa
from alembic import op

revision = "realtime_0001"
down_revision = None
branch_labels = ("realtime",)
depends_on = ("kernel_0002",)


def upgrade() -> None:
    op.execute("CREATE SCHEMA realtime")
    op.create_table(
        "revenue",
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("currency", sa.Text, primary_key=True),
        sa.Column("minor", sa.BigInteger, nullable=False),
        schema="realtime",
    )
    op.execute("GRANT USAGE ON SCHEMA realtime TO holdfast_app")
    op.execute("GRANT SELECT, INSERT, UPDATE ON realtime.revenue TO holdfast_app")
    op.execute("ALTER TABLE realtime.revenue ENABLE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY read_by_house ON realtime.revenue FOR SELECT USING (kernel.is_house())")
    op.execute("CREATE POLICY added_by_system ON realtime.revenue FOR INSERT WITH CHECK (kernel.is_system())")
    op.execute("CREATE POLICY raised_by_system ON realtime.revenue FOR UPDATE USING (kernel.is_system())")


def downgrade() -> None:
    op.drop_table("revenue", schema="realtime")
    op.execute("DROP SCHEMA realtime")
