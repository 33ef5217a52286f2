"""Checkouts, refunds and webhooks of the sandbox."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP, UUID

revision = "sandbox_0001"
down_revision = None
branch_labels = ("sandbox",)
depends_on = ("kernel_0002",)

TABLES = ("checkouts", "refunds", "webhooks")


def upgrade() -> None:
    op.execute("CREATE SCHEMA sandbox")
    op.create_table(
        "checkouts",
        sa.Column("ref", sa.Text, primary_key=True),
        sa.Column("intent_id", UUID, nullable=False),
        sa.Column("minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("return_url", sa.Text, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("failure", sa.Text),
        sa.Column("wrong_codes", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("settles_at", TIMESTAMP(timezone=True)),
        sa.Column("created_at", TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", TIMESTAMP(timezone=True), nullable=False),
        sa.UniqueConstraint("intent_id", name="checkouts_intent_id_key"),
        sa.CheckConstraint("minor > 0", name="checkouts_minor_check"),
        sa.CheckConstraint(
            "stage IN ('open', 'code', 'processing', 'succeeded', 'failed', 'cancelled')",
            name="checkouts_stage_check",
        ),
        sa.CheckConstraint("(stage = 'processing') = (settles_at IS NOT NULL)", name="checkouts_settles_check"),
        schema="sandbox",
    )
    op.create_index(
        "checkouts_settling_idx",
        "checkouts",
        ["settles_at"],
        schema="sandbox",
        postgresql_where=sa.text("settles_at IS NOT NULL"),
    )
    op.create_index("checkouts_updated_idx", "checkouts", ["updated_at"], schema="sandbox")
    op.create_table(
        "refunds",
        sa.Column("ref", sa.Text, primary_key=True),
        sa.Column("refund_id", UUID, nullable=False),
        sa.Column("checkout_ref", sa.Text, nullable=False),
        sa.Column("minor", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("created_at", TIMESTAMP(timezone=True), nullable=False),
        sa.UniqueConstraint("refund_id", name="refunds_refund_id_key"),
        sa.ForeignKeyConstraint(["checkout_ref"], ["sandbox.checkouts.ref"], name="refunds_checkout_ref_fkey"),
        sa.CheckConstraint("minor > 0", name="refunds_minor_check"),
        schema="sandbox",
    )
    op.create_index("refunds_checkout_ref_idx", "refunds", ["checkout_ref"], schema="sandbox")
    op.create_table(
        "webhooks",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("created_at", TIMESTAMP(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("next_attempt_at", TIMESTAMP(timezone=True)),
        sa.Column("taken_at", TIMESTAMP(timezone=True)),
        sa.Column("last_error", sa.Text),
        schema="sandbox",
    )
    op.create_index(
        "webhooks_due_idx",
        "webhooks",
        ["next_attempt_at"],
        schema="sandbox",
        postgresql_where=sa.text("next_attempt_at IS NOT NULL"),
    )
    # a provider is an outsider: only the system talks to it, on anybody's behalf
    op.execute("GRANT USAGE ON SCHEMA sandbox TO holdfast_app")
    for table in TABLES:
        op.execute(f"GRANT SELECT, INSERT, UPDATE ON sandbox.{table} TO holdfast_app")
        op.execute(f"ALTER TABLE sandbox.{table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY system_only ON sandbox.{table} USING (kernel.is_system())")


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table, schema="sandbox")
    op.execute("DROP SCHEMA sandbox")
