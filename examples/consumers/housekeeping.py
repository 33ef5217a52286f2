"""Housekeeping: what there is to do in a room when a guest arrives and when one has left.

`sqlite3 housekeeping.db "SELECT * FROM tasks WHERE state = 'open' ORDER BY due_at"`
"""

import sqlite3

from consumer import Consumer, Event

TABLES = """
CREATE TABLE IF NOT EXISTS tasks (
    task_id INTEGER PRIMARY KEY, booking_id TEXT NOT NULL, resource_id TEXT NOT NULL, venue_id TEXT NOT NULL,
    task TEXT NOT NULL, due_at TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'open'
)
"""
# what an event asks of the house, and the field that says by when
WORK = {
    "booking.checked_in": (("welcome the guest", "start_at"), ("stock up and bring towels", "start_at")),
    "booking.completed": (("clean", "end_at"), ("check the minibar and report damage", "end_at")),
}


def plan(store: sqlite3.Connection, event: Event) -> None:
    data = event.data
    for task, due in WORK[event.type]:
        store.execute(
            "INSERT INTO tasks (booking_id, resource_id, venue_id, task, due_at) VALUES (?, ?, ?, ?, ?)",
            (data["booking_id"], data["resource_id"], data["venue_id"], task, data[due]),
        )


if __name__ == "__main__":
    Consumer("housekeeping", tuple(WORK), TABLES, plan).main()
