"""An item that was taken off its booking stays for the record, and what came in its place says so."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import UUID

revision = "booking_0008"
down_revision = "booking_0007"
branch_labels = None
depends_on = None

NAME = "items_status_check"


def upgrade() -> None:
    op.add_column("items", sa.Column("replaces_id", UUID), schema="booking")
    op.drop_constraint(NAME, "items", schema="booking")
    op.create_check_constraint(
        NAME, "items", "status IN ('requested', 'confirmed', 'declined', 'removed')", schema="booking"
    )


def downgrade() -> None:
    # what it was before is not known any more; declined is what holds and sells nothing there
    op.execute("UPDATE booking.items SET status = 'declined' WHERE status = 'removed'")
    op.drop_constraint(NAME, "items", schema="booking")
    op.create_check_constraint(NAME, "items", "status IN ('requested', 'confirmed', 'declined')", schema="booking")
    op.drop_column("items", "replaces_id", schema="booking")
