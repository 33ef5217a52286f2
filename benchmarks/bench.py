"""One run: the world, the samples, and then each scenario at each concurrency."""

import argparse
import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import asyncpg
import httpx
from rich.console import Console

from benchmarks import baseline, flows, load, report, samples, stage, verify, world
from benchmarks.copies import Copies
from benchmarks.cpu import Spent, spent
from benchmarks.flows import Places, Scenario
from holdfast import schema
from holdfast.gateways.embedded_postgres import EmbeddedPostgres

SCENARIOS: Mapping[str, Scenario] = {
    "create": flows.create,
    "create, hot pool": flows.create_hot,
    "create, contended slot": flows.contend,
    "read by id": flows.read,
    "read by reference": flows.read_by_reference,
    "check availability": flows.check,
    "month of slots": flows.month,
    "list by venue": flows.list_venue,
    "create, pay, confirm": flows.journey,
    "cancel": flows.cancel,
}
BARE = ("read by id", "check availability")


class Bench:
    def __init__(self, postgres: EmbeddedPostgres, folder: Path, options: argparse.Namespace) -> None:
        self.postgres = postgres
        self.folder = folder
        self.options = options
        self.console = Console(width=200)
        self.rows: list[report.Row] = []
        self.broken: list[str] = []
        # the same cluster, so that both have the same disk and the same memory
        self.limit_url = postgres.url.replace("/holdfast?", "/bench_limit?")
        os.environ.update(
            HOLDFAST_DATABASE_URL=postgres.url,
            HOLDFAST_DATA_DIR=str(folder),
            HOLDFAST_LOG_LEVEL="error",
            HOLDFAST_RATE_LIMITS="off",
            HOLDFAST_WORKER_IN_PROCESS="false",
        )

    def run(self, chosen: Sequence[str]) -> None:
        self.console.print("making the world …")
        places = asyncio.run(self.prepare())
        self.staff = stage.Staff()
        with stage.server(stage.holdfast(1)) as running:
            self.take_samples(places, running.port)
        scripts = asyncio.run(self.make_limit())
        os.environ["HOLDFAST_WORKER_IN_PROCESS"] = str(self.options.background).lower()
        with stage.server(stage.holdfast(self.options.workers)) as running, self.bare(chosen) as bare:
            for name in chosen:
                for clients in self.options.clients:
                    self.measure(name, clients, places, running, bare, scripts[name])
        self.tell()

    async def prepare(self) -> Places:
        await schema.upgrade(self.postgres.url)
        async with connected(self.postgres.url) as database:
            await world.settle(database)
            await database.execute("VACUUM ANALYZE")
            return await find(database)

    def take_samples(self, places: Places, port: int) -> None:
        head = {"Authorization": f"Bearer {self.staff.signed_in(port)}"}
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=head, timeout=60) as client:
            asyncio.run(self.keep_samples(client, places))

    async def keep_samples(self, client: httpx.Client, places: Places) -> None:
        async with connected(self.postgres.url) as database:
            await samples.take(database, client, places)

    async def make_limit(self) -> Mapping[str, str]:
        """The database that pgbench works on, as Holdfast's is now, and its scripts."""
        async with connected(self.postgres.url.replace("/holdfast?", "/postgres?")) as database:
            await database.execute("CREATE DATABASE bench_limit TEMPLATE holdfast")
        async with connected(self.limit_url) as database:
            return baseline.scripts(await Copies.of(database))

    @contextmanager
    def bare(self, chosen: Sequence[str]) -> Iterator[stage.Running | None]:
        if not set(chosen) & set(BARE):
            yield None
            return
        with stage.server(stage.bare(self.options.workers)) as running:
            yield running

    def measure(
        self,
        name: str,
        clients: int,
        places: Places,
        running: stage.Running,
        bare: stage.Running | None,
        script: str,
    ) -> None:
        """Holdfast, then pgbench and the bare handler at the same concurrency, one after the other."""
        before = asyncio.run(self.counted())
        seen, used = self.drive(running, SCENARIOS[name](places, clients), clients)
        if seen.errors:
            self.console.print(f"{name}, {clients} clients: {seen.errors} went wrong, the first: {seen.wrong}")
        verify.hold(name, seen, before.grown(asyncio.run(self.counted())))
        if not seen.seconds:
            self.console.print(f"{name}, {clients} clients: nothing left to do")
            return
        limit = baseline.measure(
            self.limit_url,
            script,
            clients=clients,
            seconds=self.options.seconds,
            postmaster=self.postmaster,
            folder=self.folder,
            sizes={name: len(getattr(places, name)) for name in ("spread", "paid", "tables", "stock")},
        )
        beside: tuple[float, float] | None = None
        if bare is not None and name in BARE:
            plain, plainly_used = self.drive(
                bare, SCENARIOS[name](places, clients), clients, signed_in_at=running.port
            )
            beside = plain.rate, plainly_used.server * 1000 / len(plain.seconds)
        units = len(seen.seconds)
        row = report.Row(
            scenario=name,
            clients=clients,
            rate=seen.rate,
            p50=seen.quantile(0.5),
            p99=seen.quantile(0.99),
            errors=seen.errors,
            statuses=dict(seen.statuses),
            server_cpu=used.server * 1000 / units,
            database_cpu=used.database * 1000 / units,
            load_cpu=seen.cpu * 1000 / units,
            elsewhere=max(0.0, used.machine - used.server - used.database - seen.cpu)
            / (seen.elapsed * (os.cpu_count() or 1)),
            pgbench=limit.rate,
            pgbench_cpu=limit.cpu,
            bare=beside and beside[0],
            bare_cpu=beside and beside[1],
        )
        self.rows.append(row)
        self.console.print(
            ", ".join(f"{head} {cell}" for head, cell in zip(report.HEADS, report.cells(row), strict=True) if cell)
        )

    def drive(
        self, running: stage.Running, flow: load.Flow, clients: int, *, signed_in_at: int = 0
    ) -> tuple[load.Measured, Spent]:
        """What the load saw, and what it cost from the end of the warm-up on."""
        marks: list[Spent] = []
        seen = load.run(
            running.port,
            flow,
            token=self.staff.signed_in(signed_in_at or running.port),
            clients=clients,
            seconds=self.options.seconds,
            warmed=lambda: marks.append(spent(running.pid, self.postmaster)),
        )
        return seen, spent(running.pid, self.postmaster).since(marks[0])

    @property
    def postmaster(self) -> int:
        pid = self.postgres.cluster.running_pid()
        if pid is None:
            raise RuntimeError("the database is gone")
        return pid

    async def counted(self) -> verify.Counted:
        async with connected(self.postgres.url) as database:
            return await verify.Counted.now(database)

    def tell(self) -> None:
        """The table and the files; 1 where an invariant is broken."""
        broken = verify.audit()
        self.console.print(report.table(self.rows))
        said = report.conditions(self.options)
        page = report.write(self.options.results, self.rows, said, broken)
        self.console.print(f"{page}; {broken or 'every invariant holds'}")
        if broken:
            raise SystemExit(1)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def find(database: asyncpg.Connection) -> Places:
    """What the world has, by its names."""
    resources: dict[str, list[str]] = {}
    for row in await database.fetch(
        "SELECT v.name, r.id FROM inventory.resources r JOIN inventory.venues v ON v.id = r.venue_id ORDER BY r.id"
    ):
        resources.setdefault(row["name"], []).append(str(row["id"]))
    stock = await database.fetch(
        "SELECT id, reference FROM booking.bookings WHERE venue_name = 'stock' ORDER BY random()"
    )
    return Places(
        spread=resources["spread"],
        hot=resources["hot"][0],
        contended=resources["contended"][0],
        paid=resources["paid"],
        tables=resources["stock"],
        venue=str(await database.fetchval("SELECT id FROM inventory.venues WHERE name = 'stock'")),
        stock=[str(row["id"]) for row in stock],
        references=[row["reference"] for row in stock],
    )
