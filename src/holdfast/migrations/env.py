"""Alembic runs this for every command; `holdfast.schema` hands over the connection."""

from alembic import context
from sqlalchemy import Connection, text

connection: Connection = context.config.attributes["connection"]

context.configure(
    connection=connection,
    target_metadata=None,
    version_table_schema="kernel",
    include_schemas=True,
    # one revision, one transaction: its locks end with it, and the next one may build an index concurrently
    transaction_per_migration=True,
)
# A migration that waits for a lock makes everyone behind it wait too: give up early, and try again later.
connection.execute(text("SET lock_timeout = '5s'"))
connection.execute(text("SET statement_timeout = '15min'"))
connection.commit()
with context.begin_transaction():
    context.run_migrations()
