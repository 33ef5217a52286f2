"""Marketing: whom to write to, about what, and when; no addresses, which the account service has.

`sqlite3 marketing.db "SELECT * FROM audience WHERE write_on <= date('now')"`
"""

import sqlite3
from datetime import datetime, timedelta

from consumer import Consumer, Event

TABLES = """
CREATE TABLE IF NOT EXISTS audience (
    campaign TEXT, guest_id TEXT, about TEXT, write_on TEXT NOT NULL, PRIMARY KEY (campaign, guest_id, about)
)
"""
# event -> campaign, and how many days later
CAMPAIGNS = {
    "booking.completed": ("ask for a review", 2),
    "booking.expired": ("offer help with the booking", 0),
    "booking.cancelled": ("invite again", 30),
    "user.registered": ("welcome", 0),
}


def address(store: sqlite3.Connection, event: Event) -> None:
    campaign, days = CAMPAIGNS[event.type]
    guest = event.data.get("guest_id") or event.data["user_id"]
    write_on = datetime.fromisoformat(event.time).date() + timedelta(days=days)
    store.execute(
        "INSERT OR IGNORE INTO audience VALUES (?, ?, ?, ?)",
        (campaign, guest, event.subject, write_on.isoformat()),
    )


if __name__ == "__main__":
    Consumer("marketing", tuple(CAMPAIGNS), TABLES, address).main()
