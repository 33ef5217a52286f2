"""The system under test, through its facades on a database of its own, and all that can be seen of it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import text

from holdfast.contracts.identity import SYSTEM, Actor, ActorType, UserId
from holdfast.contracts.inventory import ResourceDraft, VenueDraft, VenueId
from holdfast.contracts.pricing import RateDraft
from holdfast.domains.booking.services import BookingService
from holdfast.kernel.database import create_engine, snapshot
from holdfast.kernel.errors import Refusal
from holdfast.kernel.relay import Relay
from holdfast.wiring import Wiring
from holdfast.worker import tidy_holds
from tests.clock import MONDAY, SettableClock
from tests.house import wiring
from tests.stateful.model import GRACE, Place

Result = TypeVar("Result")
STAFF = Actor(type=ActorType.STAFF, id=UserId(UUID(int=0)))

HOLDERS = """
    SELECT booking_id, resource_id, lower(period) AS start_at, upper(period) AS end_at, guests, status
    FROM inventory.allocations
    WHERE status = 'committed' OR status = 'held' AND expires_at > :now
"""
BOOKINGS = """
    SELECT id, status, lifecycle_status, version, captured_minor, asked_back_minor, start_at, end_at, party_size,
           due_now_minor, price->>'total'
    FROM booking.bookings
"""
HISTORY = "SELECT booking_id, version, to_status, to_lifecycle_status FROM booking.history ORDER BY id"
EVENTS = "SELECT aggregate_id, type FROM kernel.outbox ORDER BY id"


# cheaper than a database for each example, and than TRUNCATE, which makes new files
EMPTY = """
    DELETE FROM booking.returns; DELETE FROM booking.captures;
    DELETE FROM booking.history; DELETE FROM booking.bookings; DELETE FROM inventory.allocations;
    DELETE FROM inventory.buckets; DELETE FROM pricing.rates; DELETE FROM inventory.resources;
    DELETE FROM inventory.venues; DELETE FROM kernel.outbox; DELETE FROM kernel.idempotency_keys
"""


class System:
    """Opened once, with an event loop of its own, and emptied for every example."""

    def __init__(self, database_url: str) -> None:
        self.runner = asyncio.Runner()
        self.clock = SettableClock()
        self.wired: Wiring = wiring(database_url, self.clock, pool_size=2)
        # the application itself may not delete its history
        self.owner = create_engine(database_url, pool_size=1)

    def close(self) -> None:
        self.runner.run(self.owner.dispose())
        self.runner.run(self.wired.engine.dispose())
        self.runner.close()

    def reset(self) -> None:
        async def emptied() -> None:
            async with self.owner.connect() as connection:
                for statement in EMPTY.split(";"):
                    await connection.execute(text(statement))

        self.runner.run(emptied())
        self.clock.set(MONDAY)

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def ask(self, act: Callable[[BookingService], Awaitable[Result]]) -> Result | Refusal:
        """One command in a session of its own; its refusal is an answer."""

        async def asked() -> Result | Refusal:
            async with self.wired.sessions() as db:
                try:
                    return await act(self.wired.booking(db))
                except Refusal as refusal:
                    return refusal

        return self.runner.run(asked())

    def venue(self) -> VenueId:
        async def made() -> VenueId:
            draft = VenueDraft(name="House", type="restaurant", timezone="UTC", currency="EUR")
            async with self.wired.sessions() as db:
                return (await self.wired.inventory(db).create_venue(draft, now=self.now, actor=SYSTEM)).id

        return self.runner.run(made())

    def place(self, venue: VenueId, name: str, seats: int, *, priced: bool, pool: bool = False) -> Place:
        mode: dict[str, Any] = {"mode": "pooled", "bucket_minutes": 15} if pool else {"mode": "exclusive"}
        draft = {"venue_id": venue, "name": name, "kind": "table", "capacity": seats, **mode}

        async def made() -> UUID:
            async with self.wired.sessions() as db:
                resource = await self.wired.inventory(db).create_resource(
                    ResourceDraft.model_validate(draft), now=self.now, actor=SYSTEM
                )
                if priced:
                    await self.wired.pricing(db).create_rate(self.rate(resource.id), now=self.now, actor=SYSTEM)
                return resource.id

        return Place(self.runner.run(made()), name, seats, priced, pool)

    def rate(self, resource_id: UUID) -> RateDraft:
        """Money is due at once, but for Wednesdays, which are free."""
        free = {"kind": "weekday", "days": ["wed"], "percent": "-100"}
        rate = {"amount": "120.00", "currency": "EUR", "per": "booking", "terms": "full", "adjustments": [free]}
        return RateDraft.model_validate({"resource_id": resource_id, **rate})

    def sweep(self) -> tuple[int, int]:
        async def swept() -> tuple[int, int]:
            async with self.wired.sessions() as db:
                late = await self.wired.booking(db).expire_pending(now=self.now)
                missed = await self.wired.booking(db).mark_no_shows(started_by=self.now - GRACE, now=self.now)
                return late, missed

        return self.runner.run(swept())

    def relay_and_tidy(self) -> None:
        """Nobody answers the events: the model knows bookings alone, not what papers and payments make of them."""

        async def done() -> None:
            await tidy_holds(self.wired)
            await Relay(self.wired.sessions, {}, self.clock).drain()

        self.runner.run(done())

    def seen(self) -> dict[str, list[tuple[Any, ...]]]:
        """Everything that stands in the tables, and the invariants that are broken."""

        async def looked() -> dict[str, list[tuple[Any, ...]]]:
            tables = {"holders": HOLDERS, "bookings": BOOKINGS, "history": HISTORY, "events": EVENTS}
            async with self.wired.sessions() as db:
                rows = {
                    name: [tuple(row) for row in await db.execute(text(query), {"now": self.now})]
                    if ":now" in query
                    else [tuple(row) for row in await db.execute(text(query))]
                    for name, query in tables.items()
                }
            async with self.wired.sessions() as db, snapshot(db):
                findings = [
                    *await self.wired.inventory(db).audit(),
                    *await self.wired.booking(db).audit(now=self.now),
                ]
            broken = [(each.invariant,) for each in findings if each.breaches]
            return {**rows, "broken": broken}

        return self.runner.run(looked())

    def advance(self, by: timedelta) -> datetime:
        return self.clock.advance(by)
