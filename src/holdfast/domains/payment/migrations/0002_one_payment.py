"""One payment of a provider pays for one thing."""

from alembic import op

revision = "payment_0002"
down_revision = "payment_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("captures_ref_idx", "captures", ["provider", "ref"], unique=True, schema="payment")


def downgrade() -> None:
    op.drop_index("captures_ref_idx", "captures", schema="payment")
