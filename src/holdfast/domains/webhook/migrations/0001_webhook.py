"""Endpoints, their secrets, the messages to them and every try."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP, UUID

revision = "webhook_0001"
down_revision = None
branch_labels = ("webhook",)
depends_on = ("kernel_0002",)

MOMENT = TIMESTAMP(timezone=True)
WAITING = sa.text("next_attempt_at IS NOT NULL")


def upgrade() -> None:
    op.execute("CREATE SCHEMA webhook")
    create_endpoints()
    create_deliveries()
    grant()
    restrict()


def create_endpoints() -> None:
    op.create_table(
        "endpoints",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("owner_id", UUID, nullable=False),
        sa.Column("audience", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("events", ARRAY(sa.Text), nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("disabled_because", sa.Text),
        sa.Column("failing_since", MOMENT),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.CheckConstraint("audience IN ('house', 'supplier')", name="endpoints_audience_check"),
        sa.CheckConstraint("enabled = (disabled_because IS NULL)", name="endpoints_disabled_check"),
        schema="webhook",
    )
    op.create_index("endpoints_owner_idx", "endpoints", ["owner_id", "id"], schema="webhook")
    op.create_table(
        "secrets",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("endpoint_id", UUID, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT),
        of("endpoints", "endpoint_id", table="secrets"),
        schema="webhook",
    )
    op.create_index("secrets_endpoint_idx", "secrets", ["endpoint_id"], schema="webhook")


def create_deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("position", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("endpoint_id", UUID, nullable=False),
        sa.Column("event_id", UUID, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("aggregate_id", UUID, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("next_attempt_at", MOMENT),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("delivered_at", MOMENT),
        sa.UniqueConstraint("endpoint_id", "event_id", name="deliveries_endpoint_id_event_id_key"),
        sa.CheckConstraint(
            "status IN ('waiting', 'sending', 'delivered', 'failed')", name="deliveries_status_check"
        ),
        sa.CheckConstraint(
            "(status IN ('waiting', 'sending')) = (next_attempt_at IS NOT NULL)", name="deliveries_due_check"
        ),
        sa.CheckConstraint(
            "(status = 'delivered') = (delivered_at IS NOT NULL)", name="deliveries_delivered_check"
        ),
        of("endpoints", "endpoint_id", table="deliveries"),
        schema="webhook",
    )
    for name, columns, where in (
        ("due", ["endpoint_id", "next_attempt_at"], WAITING),
        ("order", ["endpoint_id", "aggregate_id", "position"], WAITING),
        ("endpoint", ["endpoint_id", "position"], None),
        ("created", ["created_at"], None),
    ):
        op.create_index(f"deliveries_{name}_idx", "deliveries", columns, schema="webhook", postgresql_where=where)
    op.create_table(
        "attempts",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("delivery_id", UUID, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("status_code", sa.Integer),
        sa.Column("milliseconds", sa.Integer, nullable=False),
        sa.Column("answer", sa.Text),
        sa.Column("error", sa.Text),
        of("deliveries", "delivery_id", table="attempts"),
        schema="webhook",
    )
    op.create_index("attempts_delivery_idx", "attempts", ["delivery_id", "id"], schema="webhook")


def of(parent: str, column: str, *, table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], [f"webhook.{parent}.id"], name=f"{table}_{column}_fkey", ondelete="CASCADE"
    )


def grant() -> None:
    op.execute("GRANT USAGE ON SCHEMA webhook TO holdfast_app")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON webhook.endpoints, webhook.secrets TO holdfast_app")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON webhook.deliveries TO holdfast_app")
    op.execute("GRANT SELECT, INSERT ON webhook.attempts TO holdfast_app")


def restrict() -> None:
    """An account sees its own endpoints and what was sent to them, the house all; nobody makes theirs hear more
    than their role does."""
    for table in ("endpoints", "secrets", "deliveries", "attempts"):
        op.execute(f"ALTER TABLE webhook.{table} ENABLE ROW LEVEL SECURITY")
    own = "owner_id = kernel.calling_id() AND audience = 'supplier' AND kernel.calling_kind() = 'supplier'"
    op.execute(
        "CREATE POLICY seen_by_owner ON webhook.endpoints"
        f" USING (kernel.is_house() OR owner_id = kernel.calling_id()) WITH CHECK (kernel.is_house() OR {own})"
    )
    # the inner statement is under the policy of endpoints itself
    of_own = "kernel.is_house() OR EXISTS (SELECT FROM webhook.endpoints AS e WHERE e.id = endpoint_id)"
    op.execute(f"CREATE POLICY of_own_endpoint ON webhook.secrets USING ({of_own})")
    op.execute(f"CREATE POLICY read_of_own_endpoint ON webhook.deliveries FOR SELECT USING ({of_own})")
    op.execute(f"CREATE POLICY queued_to_own_endpoint ON webhook.deliveries FOR INSERT WITH CHECK ({of_own})")
    op.execute(f"CREATE POLICY moved_of_own_endpoint ON webhook.deliveries FOR UPDATE USING ({of_own})")
    op.execute("CREATE POLICY forgotten_by_system ON webhook.deliveries FOR DELETE USING (kernel.is_system())")
    op.execute(
        "CREATE POLICY read_of_own_endpoint ON webhook.attempts FOR SELECT USING (kernel.is_house()"
        " OR EXISTS (SELECT FROM webhook.deliveries AS d WHERE d.id = delivery_id))"
    )
    op.execute("CREATE POLICY written_by_system ON webhook.attempts FOR INSERT WITH CHECK (kernel.is_system())")


def downgrade() -> None:
    for table in ("attempts", "deliveries", "secrets", "endpoints"):
        op.drop_table(table, schema="webhook")
    op.execute("DROP SCHEMA webhook")
