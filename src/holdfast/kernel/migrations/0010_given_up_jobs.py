"""Jobs that were given up are found without reading those that are done: they are counted every few seconds."""

import sqlalchemy as sa
from alembic import op

revision = "kernel_0010"
down_revision = "kernel_0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    given_up = sa.text("failed_at IS NOT NULL")
    op.create_index("jobs_given_up_idx", "jobs", ["id"], schema="kernel", postgresql_where=given_up)


def downgrade() -> None:
    op.drop_index("jobs_given_up_idx", "jobs", schema="kernel")
