"""What the sandbox was asked is kept for a time, and then forgotten."""

from alembic import op

revision = "sandbox_0002"
down_revision = "sandbox_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("GRANT DELETE ON sandbox.checkouts, sandbox.refunds, sandbox.webhooks TO holdfast_app")


def downgrade() -> None:
    op.execute("REVOKE DELETE ON sandbox.checkouts, sandbox.refunds, sandbox.webhooks FROM holdfast_app")
