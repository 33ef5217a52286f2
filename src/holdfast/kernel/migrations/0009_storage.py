"""Vacuum in time for tables that are always half new: what is told or answered is deleted after a while.

By its own measure vacuum waits for a fifth of a table. Rows that are deleted in batches of thousands are room for
as many new ones once it has come by: then the table stays as large as what it keeps.
"""

from alembic import op

revision = "kernel_0009"
down_revision = "kernel_0008"
branch_labels = None
depends_on = None

OFTEN = (
    "autovacuum_vacuum_scale_factor",
    "autovacuum_vacuum_insert_scale_factor",
    "autovacuum_analyze_scale_factor",
)
TABLES = ("outbox", "inbox", "idempotency_keys", "jobs")


def upgrade() -> None:
    settings = ", ".join(f"{name} = 0.02" for name in OFTEN)
    for table in TABLES:
        op.execute(f"ALTER TABLE kernel.{table} SET ({settings})")


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"ALTER TABLE kernel.{table} RESET ({', '.join(OFTEN)})")
