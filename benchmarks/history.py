"""`python -m benchmarks.history`: does what it costs grow with what is over?

Two databases in one cluster, alike but for years of past bookings on 10,000 resources, with the events, receipts
and answers that are kept for a while. A server on each, and the scenarios on the one and on the other in turn, so
that whatever else the machine does meets both.
"""

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

import asyncpg
from rich.table import Table

from benchmarks import stage, world
from benchmarks.bench import SCENARIOS, Bench, connected
from benchmarks.flows import Places
from benchmarks.world import TOMORROW
from holdfast.gateways.embedded_postgres import EmbeddedPostgres

RESOURCES, VENUES = 10_000, 100
# measured resources have a past like all others
OLD = ("past", "spread", "stock")
TABLES = ("booking.bookings", "booking.history", "inventory.allocations")
HOT = ("create", "read by id", "read by reference", "check availability", "month of slots", "list by venue")

KEYS = """
SELECT conrelid::regclass::text AS owner, conname AS name, pg_get_constraintdef(oid) AS definition, contype
FROM pg_constraint
WHERE contype IN ('p', 'u', 'x') AND conrelid = ANY ($1::regclass[])
    OR contype = 'f' AND confrelid = ANY ($1::regclass[])
ORDER BY contype = 'f'
"""
INDEXES = """
SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition
FROM pg_index WHERE indrelid = ANY ($1::regclass[])
    AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid)
"""

EVENTS = """
INSERT INTO kernel.outbox (event_id, type, aggregate_id, data, occurred_at, delivered_at, reacted_at)
SELECT gen_random_uuid(), 'booking.confirmed', gen_random_uuid(), jsonb_build_object('filler', repeat('x', 600)),
    told, told, told
FROM generate_series(1, $1::integer) AS n, LATERAL (SELECT now() - n * interval '7 days' / $1 AS told) t
"""
RECEIPTS = """
INSERT INTO kernel.inbox (event_id, reaction, received_at)
SELECT event_id, reaction, delivered_at FROM kernel.outbox,
    unnest(ARRAY['send_confirmation_when_booking_confirmed', 'plan_reminders_when_booking_confirmed']) AS reaction
WHERE delivered_at IS NOT NULL
"""
ANSWERS = """
INSERT INTO kernel.idempotency_keys (scope, key, fingerprint, answer, created_at)
SELECT 'staff:old:create-booking', n::text, md5(n::text), json_build_object('filler', repeat('x', 900)),
    now() - n * interval '1 day' / $1
FROM generate_series(1, $1::integer) AS n
"""


async def fill(database: asyncpg.Connection, *, bookings: int, told: Callable[[str], None]) -> None:
    """So many bookings that are over. Indexes and keys go first and are made again after, all of them."""
    began = time.monotonic()
    for _ in range(VENUES):
        await database.execute(world.VENUE, "past")
    await database.execute(world.RESOURCES, "past", RESOURCES // VENUES)
    keys = await database.fetch(KEYS, list(TABLES))
    indexes = await database.fetch(INDEXES, list(TABLES))
    await database.execute(
        "SET session_replication_role = replica"
    )  # keys to other tables are kept by what is written
    for key in reversed(keys):
        await database.execute(f"ALTER TABLE {key['owner']} DROP CONSTRAINT {key['name']}")
    for index in indexes:
        await database.execute(f"DROP INDEX {index['name']}")
    each = bookings // (RESOURCES + sum(world.SIZES[name] for name in OLD[1:]))
    for name in OLD:
        # after the numbers of the stock's own, from which references are made; the last is over yesterday
        first = world.STOCK_EACH
        since = TOMORROW - timedelta(days=first + each + 2)
        await world.book(database, name, each=each, since=since, over=True, first=first, a_day=1)
        told(f"{time.monotonic() - began:.0f} s: {name} has its past")
    await database.execute(EVENTS, bookings // 10)
    await database.execute(RECEIPTS)
    await database.execute(ANSWERS, max(1, bookings // 100))
    for key in keys:
        await database.execute(f"ALTER TABLE {key['owner']} ADD CONSTRAINT {key['name']} {key['definition']}")
    for index in indexes:
        await database.execute(index["definition"])
    await database.execute("SET session_replication_role = DEFAULT")
    told(f"{time.monotonic() - began:.0f} s: indexes and keys are there again")
    await database.execute("VACUUM ANALYZE")
    count = await database.fetchval("SELECT count(*) FROM booking.bookings")
    told(f"{time.monotonic() - began:.0f} s: {count:,} bookings")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.history", description=__doc__)
    parser.add_argument("--bookings", type=int, default=5_000_000)
    parser.add_argument("--seconds", type=float, default=5, help="per measurement")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each scenario on each")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--workers", type=int, default=1, help="processes of each server")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="holdfast-history-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with EmbeddedPostgres(folder / "data") as postgres:
            Growth(postgres, folder, options).compare()


class Growth(Bench):
    """What scenarios cost without a history and with one."""

    def compare(self) -> None:
        self.full_url = self.postgres.url.replace("/holdfast?", "/bench_full?")
        places = asyncio.run(self.prepare())
        self.staff = stage.Staff()
        asyncio.run(self.grow())
        command = stage.holdfast(self.options.workers)
        with stage.server(command) as empty:
            os.environ["HOLDFAST_DATABASE_URL"] = self.full_url
            with stage.server(command) as full:
                self.console.print(self.table({"empty": empty, "full": full}, places))

    async def grow(self) -> None:
        async with connected(self.postgres.url.replace("/holdfast?", "/postgres?")) as database:
            await database.execute("CREATE DATABASE bench_full TEMPLATE holdfast")
        async with connected(self.full_url) as database:
            await fill(database, bookings=self.options.bookings, told=self.console.print)

    def table(self, servers: Mapping[str, stage.Running], places: Places) -> Table:
        heads = (
            "database CPU ms",
            "with history",
            "ratio",
            "server CPU ms",
            "with history",
            "p50 ms",
            "with history",
        )
        table = Table("scenario", *heads)
        for name in HOT:
            seen: dict[str, list[tuple[float, float, float]]] = {which: [] for which in servers}
            for _ in range(self.options.rounds):
                flow = SCENARIOS[name](places, self.options.clients)
                for which, running in servers.items():
                    measured, used = self.drive(running, flow, self.options.clients)
                    if measured.errors:
                        raise RuntimeError(f"{name}, {which}: {measured.wrong}")
                    units = len(measured.seconds)
                    costs = used.database * 1000 / units, used.server * 1000 / units, measured.quantile(0.5)
                    seen[which].append(costs)
            # the least is what the others on the machine disturbed least
            empty, full = ([min(column) for column in zip(*seen[which], strict=True)] for which in servers)
            ratio = f"{full[0] / empty[0]:.2f}"
            numbers = [f"{one:.2f}" for pair in zip(empty, full, strict=True) for one in pair]
            table.add_row(name, *numbers[:2], ratio, *numbers[2:])
        return table


if __name__ == "__main__":
    main()
