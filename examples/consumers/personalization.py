"""Personalization: what each guest likes, learnt from stays, and what to suggest from it.

`sqlite3 personalization.db "SELECT * FROM suggestions WHERE guest_id = '…'"`: the resources that a guest took most
often, the latest first among equals, with the party they usually bring.
"""

import sqlite3

from consumer import Consumer, Event

TABLES = """
CREATE TABLE IF NOT EXISTS likings (
    guest_id TEXT, venue_id TEXT, resource_id TEXT, stays INTEGER NOT NULL DEFAULT 0,
    dropped INTEGER NOT NULL DEFAULT 0, guests INTEGER NOT NULL DEFAULT 0, last_at TEXT NOT NULL,
    PRIMARY KEY (guest_id, venue_id, resource_id)
);
CREATE VIEW IF NOT EXISTS suggestions AS
    SELECT guest_id, venue_id, resource_id, round(1.0 * guests / stays) AS party_size,
           row_number() OVER (PARTITION BY guest_id ORDER BY stays - dropped DESC, last_at DESC) AS place
    FROM likings WHERE stays > dropped
"""


def learn(store: sqlite3.Connection, event: Event) -> None:
    data = event.data
    stayed = event.type == "booking.completed"
    store.execute(
        "INSERT INTO likings VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " stays = stays + excluded.stays, dropped = dropped + excluded.dropped, guests = guests + excluded.guests,"
        " last_at = max(last_at, excluded.last_at)",
        (
            *(data[name] for name in ("guest_id", "venue_id", "resource_id")),
            *(int(stayed), int(not stayed), data["party_size"] if stayed else 0),
            data["start_at"],
        ),
    )


if __name__ == "__main__":
    Consumer(
        "personalization", ("booking.completed", "booking.cancelled", "booking.no_show"), TABLES, learn
    ).main()
