"""`python -m benchmarks.soak`: does anything grow while it runs? Memory, connections, dead rows.

Creates, reads, checks and lists in turn, with the relay and the jobs in the servers, for ten minutes unless said;
what the servers and the database hold is looked at between. The first look comes when all of it has run once.
"""

import argparse
import asyncio
import os
import tempfile
import time
from dataclasses import astuple, dataclass
from pathlib import Path

import psutil
from rich.table import Table

from benchmarks import stage
from benchmarks.bench import SCENARIOS, Bench, connected
from benchmarks.flows import Places
from holdfast.gateways.embedded_postgres import EmbeddedPostgres

MIX = ("create", "read by id", "check availability", "list by venue")
LOOK = """
SELECT (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()),
       (SELECT sum(n_dead_tup) FROM pg_stat_user_tables), (SELECT count(*) FROM booking.bookings),
       (SELECT count(*) FROM kernel.outbox WHERE delivered_at IS NULL),
       pg_database_size(current_database()) / 1048576
"""


@dataclass(frozen=True)
class Look:
    """`memory` in MB, of the largest process that serves; `size` in MB, of the database."""

    minute: float
    memory: float
    connections: int
    dead_rows: int
    bookings: int
    events_waiting: int
    size: int


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seconds", type=float, default=5, help="of each scenario before the next")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2, help="server processes")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="holdfast-soak-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with EmbeddedPostgres(folder / "data") as postgres:
            Soak(postgres, folder, options).soak()


class Soak(Bench):
    def soak(self) -> None:
        places = asyncio.run(self.prepare())
        self.staff = stage.Staff()
        os.environ["HOLDFAST_WORKER_IN_PROCESS"] = "true"
        looks: list[Look] = []
        with stage.server(stage.holdfast(self.options.workers)) as running:
            began = time.monotonic()
            while not looks or time.monotonic() - began < self.options.minutes * 60:
                self.once(running, places)
                looks.append(asyncio.run(self.look(running, (time.monotonic() - began) / 60)))
        table = Table("minute", "memory MB", "connections", "dead rows", "bookings", "events waiting", "size MB")
        for look in looks:
            table.add_row(
                *(f"{value:,.1f}" if isinstance(value, float) else f"{value:,}" for value in astuple(look))
            )
        self.console.print(table)

    def once(self, running: stage.Running, places: Places) -> None:
        for name in MIX:
            seen, _ = self.drive(running, SCENARIOS[name](places, self.options.clients), self.options.clients)
            if seen.errors:
                raise RuntimeError(f"{name}: {seen.errors} went wrong, the first: {seen.wrong}")

    async def look(self, running: stage.Running, minute: float) -> Look:
        server = psutil.Process(running.pid)
        memory = max(each.memory_info().rss for each in (server, *server.children(recursive=True))) / 2**20
        async with connected(self.postgres.url) as database:
            row = await database.fetchrow(LOOK)
        return Look(minute, memory, *(int(value or 0) for value in row))


if __name__ == "__main__":
    main()
