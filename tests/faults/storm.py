"""Many bookings' events while relays, consumers and brokers die; what everyone has when it is over."""

import asyncio
import json
import os
import random
import secrets
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import asyncpg

from holdfast.kernel.ids import uuid7
from holdfast.kernel.postgres_url import connect_args
from tests.faults.relaying import LIVES

ROOT = Path(__file__).parents[2]
CONSUMERS = ROOT / "examples" / "consumers"
OCCURRED = datetime(2030, 1, 7, 8, tzinfo=UTC)
EFFECTS = """
CREATE TABLE kernel.effects (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, event_id uuid NOT NULL, aggregate_id uuid NOT NULL
);
GRANT INSERT, SELECT ON kernel.effects TO holdfast_app
"""
INSERT = """
INSERT INTO kernel.outbox (event_id, type, aggregate_id, data, occurred_at) VALUES ($1, $2, $3, $4, $5)
"""


def told(booking: UUID, version: int) -> dict[str, object]:
    """The data of a booking's event, as far as the consumers read it."""
    return {
        "booking_id": str(booking),
        "version": version,
        "venue_id": str(UUID(int=1)),
        "resource_id": str(UUID(int=2)),
        "guest_id": str(UUID(int=booking.int % 7 + 10)),
        "start_at": "2030-01-08T12:00:00Z",
        "end_at": "2030-01-08T14:00:00Z",
        "party_size": 2,
        "currency": "EUR",
        "total": "12.50",
    }


@dataclass
class Program:
    """A process that is killed and started again; `log` is what it said."""

    command: Sequence[str]
    environment: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, env=self.environment, cwd=ROOT, stdout=log, stderr=log)

    def kill(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def said(self) -> str:
        return self.log.read_text() if self.log.exists() else ""


@contextmanager
def running(*programs: Program) -> Iterator[None]:
    try:
        for program in programs:
            program.start()
        yield
    finally:
        for program in programs:
            if program.process and program.process.poll() is None:
                program.kill()


@dataclass
class Storm:
    """`events` of five to a booking; some of them are recorded while everything dies around them."""

    database_url: str
    folder: Path
    events_url: str
    bookings: int
    order: list[tuple[UUID, UUID]] = field(default_factory=list)

    def relay(self, name: str, **settings: str) -> Program:
        ours = {
            "DATABASE_URL": self.database_url,
            "EVENTS_URL": self.events_url,
            "SECRET": secrets.token_hex(32),
            "LOG_LEVEL": "warning",
            **settings,
        }
        environment = {**os.environ, **{f"HOLDFAST_{key}": value for key, value in ours.items()}}
        return Program([sys.executable, "-m", "tests.faults.relaying"], environment, self.folder / f"{name}.log")

    def consumer(self, name: str) -> Program:
        store = ["--broker", self.events_url, "--store", str(self.folder / f"{name}.db")]
        command = [sys.executable, str(CONSUMERS / f"{name}.py"), *store]
        return Program(command, dict(os.environ), self.folder / f"{name}.log")

    async def prepare(self) -> None:
        async with connected(self.database_url) as db:
            await db.execute(EFFECTS)

    async def record(self, *, seconds: float) -> None:
        """Every booking's five events, over this time, each booking's in order."""
        left = [(UUID(int=secrets.randbits(128)), iter(enumerate(LIVES, 1))) for _ in range(self.bookings)]
        chance, batch, began = random.Random(7), 50, time.monotonic()
        pause = seconds * batch / (self.bookings * len(LIVES))
        async with connected(self.database_url) as db:
            while left:
                rows: list[tuple[object, ...]] = []
                while len(rows) < batch and left:
                    number = chance.randrange(len(left))
                    booking, life = left[number]
                    step = next(life, None)
                    if step is None:
                        left.pop(number)
                        continue
                    version, wire_name = step
                    event_id, at = uuid7(), OCCURRED + timedelta(seconds=len(self.order))
                    self.order.append((booking, event_id))
                    rows.append((event_id, wire_name, booking, json.dumps(told(booking, version)), at))
                await db.executemany(INSERT, rows)
                began += pause
                await asyncio.sleep(max(0.0, began - time.monotonic()))

    async def until(self, done: Callable[[], Awaitable[bool]], *, seconds: float = 240) -> None:
        deadline = time.monotonic() + seconds
        while not await done():
            if time.monotonic() > deadline:
                logs = "\n".join(f"{log.name}: {log.read_text()[-1500:]}" for log in self.folder.glob("*.log"))
                raise TimeoutError(logs)
            await asyncio.sleep(0.1)

    async def all_delivered(self) -> bool:
        async with connected(self.database_url) as db:
            waiting = await db.fetchval("SELECT count(*) FROM kernel.outbox WHERE delivered_at IS NULL")
            return bool(waiting == 0)

    def inbox(self, name: str) -> list[tuple[UUID, UUID]]:
        """The (booking, event) that a consumer had effects of, in their order."""
        path = self.folder / f"{name}.db"
        if not path.exists():
            return []
        with sqlite3.connect(path) as store:
            rows = store.execute("SELECT subject, event_id FROM inbox ORDER BY position").fetchall()
        return [(UUID(subject), UUID(event)) for subject, event in rows]

    async def effects(self) -> list[tuple[UUID, UUID]]:
        async with connected(self.database_url) as db:
            rows = await db.fetch("SELECT aggregate_id, event_id FROM kernel.effects ORDER BY position")
        return [(row[0], row[1]) for row in rows]

    def assert_all_once_in_order(self, had: Sequence[tuple[UUID, UUID]]) -> None:
        assert sorted(had) == sorted(self.order), "none lost, none twice"
        assert by_booking(had) == by_booking(self.order), "each booking's in its order"


def by_booking(events: Sequence[tuple[UUID, UUID]]) -> dict[UUID, list[UUID]]:
    lives: dict[UUID, list[UUID]] = {}
    for booking, event in events:
        lives.setdefault(booking, []).append(event)
    return lives


class connected:  # noqa: N801 # a context manager, as asyncpg's connection is none
    def __init__(self, url: str) -> None:
        self.args = connect_args(url, {"application_name": "test"})

    async def __aenter__(self) -> asyncpg.Connection:
        self.connection = await asyncpg.connect(**self.args)
        return self.connection

    async def __aexit__(self, *_: object) -> None:
        await self.connection.close()
