"""The providers' events are kept for a time, and then forgotten."""

from alembic import op

revision = "payment_0003"
down_revision = "payment_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("GRANT DELETE ON payment.provider_events TO holdfast_app")


def downgrade() -> None:
    op.execute("REVOKE DELETE ON payment.provider_events FROM holdfast_app")
