"""Analytics: what happened on each day at each venue, and what it was worth.

`sqlite3 analytics.db "SELECT * FROM daily"`; amounts are decimal text, per currency.
"""

import sqlite3
from decimal import Decimal

from consumer import Consumer, Event

TABLES = """
CREATE TABLE IF NOT EXISTS daily (
    day TEXT, venue_id TEXT, type TEXT, currency TEXT, events INTEGER NOT NULL, amount TEXT NOT NULL,
    PRIMARY KEY (day, venue_id, type, currency)
)
"""


def count(store: sqlite3.Connection, event: Event) -> None:
    data = event.data
    # a payment knows its booking, not the venue
    row = (event.time[:10], data.get("venue_id", ""), event.type, data.get("currency", ""))
    worth = Decimal(data.get("amount") or data.get("total") or 0)
    found = store.execute(
        "SELECT amount FROM daily WHERE (day, venue_id, type, currency) = (?, ?, ?, ?)", row
    ).fetchone()
    amount = worth + Decimal(found[0] if found else 0)
    store.execute(
        "INSERT INTO daily VALUES (?, ?, ?, ?, 1, ?)"
        " ON CONFLICT DO UPDATE SET events = events + 1, amount = excluded.amount",
        (*row, str(amount)),
    )


if __name__ == "__main__":
    Consumer("analytics", ("booking.*", "payment.*"), TABLES, count).main()
