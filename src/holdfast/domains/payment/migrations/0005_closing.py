"""Discrepancies are closed, with a note."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP, UUID

revision = "payment_0005"
down_revision = "payment_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    said = sa.Column("said", sa.Boolean, nullable=False, server_default=sa.text("true"))
    closing = (
        sa.Column("closed_at", TIMESTAMP(timezone=True)),
        sa.Column("closed_by", UUID),
        sa.Column("note", sa.Text),
    )
    for column in (said, *closing):
        op.add_column("discrepancies", column, schema="payment")
    op.create_check_constraint(
        op.f("discrepancies_closed_by_somebody_check"),
        "discrepancies",
        "closed_at IS NOT NULL OR closed_by IS NULL AND note IS NULL",
        schema="payment",
    )
    op.execute("GRANT UPDATE ON payment.discrepancies TO holdfast_app")


def downgrade() -> None:
    op.execute("REVOKE UPDATE ON payment.discrepancies FROM holdfast_app")
    for name in ("note", "closed_by", "closed_at", "said"):
        op.drop_column("discrepancies", name, schema="payment")
