"""One of each operation over HTTP, and the rows it wrote: pgbench copies these, so that it writes the same."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx

from benchmarks.flows import Places, booking
from benchmarks.world import TOMORROW

# where the rows of booking $1 are
TABLES = {
    "booking.bookings": "id = $1",
    "inventory.allocations": "booking_id = $1",
    "booking.history": "booking_id = $1",
    "booking.captures": "booking_id = $1",
    "payment.intents": "booking_id = $1",
    "payment.captures": "booking_id = $1",
    "payment.journal": "booking_id = $1",
    "payment.entries": "journal_id IN (SELECT id FROM payment.journal WHERE booking_id = $1)",
    "sandbox.checkouts": "ref IN (SELECT ref FROM payment.intents WHERE booking_id = $1)",
    "kernel.outbox": "aggregate_id = $1 OR aggregate_id IN (SELECT id FROM payment.intents WHERE booking_id = $1)",
    "kernel.inbox": "event_id IN (SELECT event_id FROM kernel.outbox WHERE aggregate_id = $1"
    " OR aggregate_id IN (SELECT id FROM payment.intents WHERE booking_id = $1))",
    "kernel.idempotency_keys": "(answer->>'id')::uuid = $1",
}


NUMBERED = ("booking.history", "kernel.outbox")


def table_of(sample: str, table: str) -> str:
    return f"bench.{sample}_{table.replace('.', '_')}"


async def take(database: asyncpg.Connection, client: httpx.Client, places: Places) -> None:
    """A booking on a free table, one in the pool, one that is paid, and one that is cancelled; and the numbers by
    which pgbench finds resources and bookings."""
    await database.execute("CREATE SCHEMA bench")
    await database.execute("CREATE SEQUENCE bench.slot")
    far = TOMORROW + timedelta(days=3300)
    free = made(client, booking(places.spread[0], far), key="sample free")
    await keep(database, "create", free)
    pooled = made(client, booking(places.hot, far), key="sample pooled")
    await keep(database, "pooled", pooled)
    paid = made(client, booking(places.paid[0], far), key="sample paid")
    intent = paid["payment"]["intent_id"]
    posted(client, f"/api/v1/payments/intents/{intent}/confirm", {"payment_method": "sandbox_ok"})
    await keep(database, "journey", paid)
    unwanted = made(client, booking(places.spread[1], far))
    marks = {table: await database.fetchval(f"SELECT max(id) FROM {table}") for table in NUMBERED}
    posted(
        client, f"/api/v1/bookings/{unwanted['id']}/cancel", {"reason": "changed plans"}, key="sample cancelled"
    )
    await keep(database, "cancel", unwanted, after=marks)
    for name, resources in (("spread", places.spread), ("paid", places.paid), ("tables", places.tables)):
        await number(database, name, "SELECT unnest($1::uuid[]) AS id", [UUID(each) for each in resources])
    await number(
        database,
        "stock",
        "SELECT id, reference FROM booking.bookings WHERE id = ANY ($1)",
        [UUID(each) for each in places.stock],
    )


async def keep(
    database: asyncpg.Connection, sample: str, booking: dict[str, Any], *, after: dict[str, int] | None = None
) -> None:
    """What the tables hold of this booking; of those in `after`, only rows of a higher number."""
    booking_id = UUID(booking["id"])
    for table, condition in TABLES.items():
        newer = f"AND id > {after[table]}" if after and table in after else ""
        await database.execute(f"CREATE TABLE {table_of(sample, table)} AS SELECT * FROM {table} LIMIT 0")
        await database.execute(
            f"INSERT INTO {table_of(sample, table)} SELECT * FROM {table} WHERE ({condition}) {newer}", booking_id
        )


async def number(database: asyncpg.Connection, name: str, chosen: str, ids: list[UUID]) -> None:
    """Table bench.<name>: what was chosen, by numbers from 1."""
    await database.execute(
        f"CREATE TABLE bench.{name} (n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id uuid)"
    )
    await database.execute(f"ALTER TABLE bench.{name} ADD reference text")
    columns = "id, reference" if "reference" in chosen else "id"
    await database.execute(f"INSERT INTO bench.{name} ({columns}) {chosen}", ids)


def made(client: httpx.Client, body: dict[str, Any], *, key: str | None = None) -> dict[str, Any]:
    return posted(client, "/api/v1/bookings", body, key=key)


def posted(client: httpx.Client, path: str, body: dict[str, Any], *, key: str | None = None) -> dict[str, Any]:
    answer = client.post(path, json=body, headers={"Idempotency-Key": key} if key else {})
    answer.raise_for_status()
    return dict(answer.json())
