"""When a queued job was last handed to a broker: so that it is handed out once, and again if nobody took it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "kernel_0006"
down_revision = "kernel_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("handed_out_at", TIMESTAMP(timezone=True)), schema="kernel")


def downgrade() -> None:
    op.drop_column("jobs", "handed_out_at", schema="kernel")
