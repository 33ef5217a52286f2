"""History keeps whom a request named as the actor, beside who called."""

import sqlalchemy as sa
from alembic import op

revision = "booking_0004"
down_revision = "booking_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("claimed_actor_type", "claimed_actor_id"):
        op.add_column("history", sa.Column(name, sa.Text), schema="booking")


def downgrade() -> None:
    for name in ("claimed_actor_id", "claimed_actor_type"):
        op.drop_column("history", name, schema="booking")
