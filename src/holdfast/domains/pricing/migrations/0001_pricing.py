"""Rates and fee rules."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP, UUID

revision = "pricing_0001"
down_revision = None
branch_labels = ("pricing",)
depends_on = None


def upgrade() -> None:
    op.execute("CREATE SCHEMA pricing")
    op.create_table(
        "rates",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("resource_id", UUID, nullable=False),
        sa.Column("name", sa.Text),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("per", sa.Text, nullable=False),
        sa.Column("terms", sa.Text, nullable=False),
        sa.Column("deposit_percent", sa.Numeric),
        sa.Column("adjustments", JSONB, nullable=False),
        sa.Column("taxes", JSONB, nullable=False),
        sa.Column("valid_from", sa.Date),
        sa.Column("valid_to", sa.Date),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("created_at", TIMESTAMP(timezone=True), nullable=False),
        sa.Column("deactivated_at", TIMESTAMP(timezone=True)),
        sa.CheckConstraint("amount >= 0", name="rates_amount_check"),
        sa.CheckConstraint("(terms = 'deposit') = (deposit_percent IS NOT NULL)", name="rates_deposit_check"),
        sa.CheckConstraint("valid_from <= valid_to", name="rates_validity_check"),
        schema="pricing",
    )
    newest, active = ["created_at", "id"], sa.text("active")
    op.create_index(
        "rates_choice_idx", "rates", ["resource_id", *newest], schema="pricing", postgresql_where=active
    )
    op.create_index("rates_resource_idx", "rates", ["resource_id", *newest], schema="pricing")
    op.create_index("rates_created_idx", "rates", newest, schema="pricing")
    op.create_table(
        "fee_rules",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("percent", sa.Numeric, nullable=False),
        sa.Column("currency", sa.Text),
        sa.Column("fixed", sa.BigInteger),
        sa.Column("minimum", sa.BigInteger),
        sa.Column("maximum", sa.BigInteger),
        sa.Column("venue_type", sa.Text),
        sa.Column("channel", sa.Text),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("created_at", TIMESTAMP(timezone=True), nullable=False),
        sa.Column("deactivated_at", TIMESTAMP(timezone=True)),
        sa.CheckConstraint("percent BETWEEN 0 AND 100", name="fee_rules_percent_check"),
        sa.CheckConstraint("fixed >= 0 AND minimum >= 0 AND maximum >= 0", name="fee_rules_amounts_check"),
        sa.CheckConstraint("percent > 0 OR fixed IS NOT NULL", name="fee_rules_charge_check"),
        sa.CheckConstraint(
            "currency IS NOT NULL OR num_nonnulls(fixed, minimum, maximum) = 0", name="fee_rules_currency_check"
        ),
        sa.CheckConstraint("minimum <= maximum", name="fee_rules_bounds_check"),
        schema="pricing",
    )
    op.create_index("fee_rules_active_idx", "fee_rules", newest, schema="pricing", postgresql_where=active)


def downgrade() -> None:
    op.drop_table("fee_rules", schema="pricing")
    op.drop_table("rates", schema="pricing")
    op.execute("DROP SCHEMA pricing")
