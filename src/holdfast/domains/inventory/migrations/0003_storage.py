"""Room beside a counter for its next value, and vacuum in time for large tables.

A bucket's counter changes with every claim of its pool and is in no index: with half of the page free the new row
lies beside the old one, which the next reader tidies away. By its own measure vacuum waits for a fifth of a table.
"""

from alembic import op

revision = "inventory_0003"
down_revision = "inventory_0002"
branch_labels = None
depends_on = None

STORAGE = {
    "inventory.buckets": {"fillfactor": "50"},
    "inventory.allocations": {
        "autovacuum_vacuum_scale_factor": "0.02",
        "autovacuum_analyze_scale_factor": "0.02",
    },
}


def upgrade() -> None:
    for table, options in STORAGE.items():
        settings = ", ".join(f"{name} = {value}" for name, value in options.items())
        op.execute(f"ALTER TABLE {table} SET ({settings})")


def downgrade() -> None:
    for table, options in STORAGE.items():
        op.execute(f"ALTER TABLE {table} RESET ({', '.join(options)})")
