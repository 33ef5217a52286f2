"""Realtime's one table: a running total, so that a tick costs no sum over payments."""

from sqlalchemy import BigInteger, Column, Date, MetaData, Table, Text

from holdfast.kernel.database import NAMING

metadata = MetaData(schema="realtime", naming_convention=NAMING)

# what was taken on a day (UTC), in the currency's minor units
revenue = Table(
    "revenue",
    metadata,
    Column("day", Date, primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("minor", BigInteger, nullable=False),
)
