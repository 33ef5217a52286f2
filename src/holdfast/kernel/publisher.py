"""From the outbox to the outside: at least once to the broker, in order per aggregate, whatever the reactions do.

One process at a time publishes: the one whose connection holds an advisory lock, which ends with that connection.
A broker that is away stops this and nothing else; an event that it refuses holds back its own aggregate, is tried
again with a growing pause, and is given up at last. What is published twice, because its publisher died between
the broker's word and the mark here, comes with the same id, by which consumers know it; and no event comes for the
first time before the earlier ones of its aggregate have come.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from itertools import count
from typing import Protocol
from uuid import UUID

import structlog
from pydantic import JsonValue
from sqlalchemy import BigInteger, Select, any_, case, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from holdfast.kernel.backoff import pause
from holdfast.kernel.clock import Clock
from holdfast.kernel.database import transaction, translated
from holdfast.kernel.relay import MAX_ATTEMPTS
from holdfast.kernel.tables import outbox
from holdfast.kernel.telemetry import BROKER_REACHABLE, EVENTS_PARKED, EVENTS_PUBLISHED
from holdfast.kernel.tracing import Kind, span

# any number that nobody else takes
LOCK = 0x686F6C6466617374

log = structlog.get_logger()


class Unreachable(OSError):
    """The broker does not take anything at the moment."""


class EventRefused(ValueError):
    """The broker takes other events, but not this one."""


@dataclass(frozen=True)
class Untold:
    """An event on its way outside; `data` is its own JSON."""

    id: int
    event_id: UUID
    type: str
    aggregate_id: UUID
    data: dict[str, JsonValue]
    occurred_at: datetime
    schema_version: int
    publish_attempts: int
    traceparent: str | None = None

    @classmethod
    def statement(cls) -> Select[tuple[object, ...]]:
        return select(*(outbox.c[each.name] for each in fields(cls)))

    @property
    def key(self) -> str:
        """What it is about as readers see it: the booking where there is one. They keep the order within it."""
        return str(self.data.get("booking_id") or self.aggregate_id)


class Transport(Protocol):
    async def send(self, event: Untold) -> None:
        """Returns once the broker has it for good. Unreachable, EventRefused."""


def cloud_event(event: Untold, *, source: str) -> dict[str, JsonValue]:
    """CloudEvents 1.0 in structured mode, with the extensions for partitioning and, if it is traced, tracing."""
    traced: dict[str, JsonValue] = {"traceparent": event.traceparent} if event.traceparent else {}
    return {
        "specversion": "1.0",
        "id": str(event.event_id),
        "source": source,
        "type": event.type,
        "subject": str(event.aggregate_id),
        "time": event.occurred_at.isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "dataschema": schema_name(event.type, event.schema_version),
        "partitionkey": event.key,
        **traced,
        "data": event.data,
    }


def schema_name(wire_name: str, version: int) -> str:
    return f"urn:holdfast:event:{wire_name}:{version}"


@dataclass(frozen=True)
class Publisher:
    sessions: async_sessionmaker[AsyncSession]
    transport: Transport
    clock: Clock

    async def drain(self, *, batch: int = 500) -> int:
        """Publish until nothing is due, or another process publishes, or the broker is away; how many."""
        published = 0
        async with self.leading() as leads:
            while leads:
                events = await self.due(limit=batch)
                try:
                    sent = await self.publish(events)
                except Unreachable as error:
                    log.warning("the broker is away", error=str(error))
                    break
                published += sent
                if not sent:
                    break
        return published

    @asynccontextmanager
    async def leading(self) -> AsyncIterator[bool]:
        """Whether this process publishes while the block lasts; the lock is its connection's."""
        async with self.sessions() as db:
            try:
                leads = await db.scalar(select(func.pg_try_advisory_lock(LOCK)))
                yield bool(leads)
                if leads:
                    await db.execute(select(func.pg_advisory_unlock(LOCK)))
            except SQLAlchemyError as error:
                await db.invalidate()
                raise translated(error, {}) from error
            except BaseException:
                await db.invalidate()  # the lock with it
                raise

    async def due(self, *, limit: int) -> list[Untold]:
        """The oldest unpublished events, without aggregates that wait for a refused one."""
        now = self.clock.now()
        unpublished = outbox.c.delivered_at.is_(None), outbox.c.published_at.is_(None)
        refused = outbox.alias("refused")
        waits = (
            select(refused.c.aggregate_id)
            .where(refused.c.delivered_at.is_(None), refused.c.published_at.is_(None))
            .where(refused.c.publish_after > now, refused.c.publish_attempts < MAX_ATTEMPTS)
        )
        statement = (
            Untold.statement()
            .where(
                *unpublished,
                outbox.c.publish_attempts < MAX_ATTEMPTS,
                or_(outbox.c.publish_after.is_(None), outbox.c.publish_after <= now),
                outbox.c.aggregate_id.not_in(waits),
            )
            .order_by(outbox.c.id)
            .limit(limit)
        )
        async with self.sessions() as db, transaction(db):
            return [Untold(**row) for row in (await db.execute(statement)).mappings()]

    async def publish(self, events: Sequence[Untold]) -> int:
        """Aggregates side by side, each one's events one after the other; how many the broker took."""
        by_aggregate: Mapping[UUID, list[Untold]] = defaultdict(list)
        for event in events:
            by_aggregate[event.aggregate_id].append(event)
        taken: list[Untold] = []
        refused: list[tuple[Untold, EventRefused]] = []
        away: list[Unreachable] = []

        async def in_order(its: Sequence[Untold]) -> None:
            for event in its:
                if away:
                    return
                try:
                    with span(f"publish {event.type}", kind=Kind.PRODUCER, within=event.traceparent):
                        await self.transport.send(event)
                except EventRefused as error:
                    refused.append((event, error))
                    return
                except Unreachable as error:
                    away.append(error)
                    return
                taken.append(event)

        failures = await asyncio.gather(*map(in_order, by_aggregate.values()), return_exceptions=True)
        await self.mark_published(taken)
        for event, refusal in refused:
            await self.postpone(event, refusal)
        for failure in failures:
            if failure is not None:
                raise failure
        BROKER_REACHABLE.set(0 if away else 1)
        if away:
            raise away[0]
        return len(taken)

    async def mark_published(self, events: Sequence[Untold]) -> None:
        """Also the rows that a reaction holds at this moment: those once it has let go."""
        left = [event.id for event in events]
        for turn in count():
            if not left:
                break
            await asyncio.sleep(min(turn, 20) * 0.01)
            left = await self.mark_unlocked(left)
        for event in events:
            EVENTS_PUBLISHED.labels(event.type).inc()

    async def mark_unlocked(self, ids: list[int]) -> list[int]:
        """Mark those that nobody holds; the others."""
        now = self.clock.now()
        free = (
            select(outbox.c.id)
            .where(outbox.c.id == any_(literal(ids, ARRAY(BigInteger))))
            .with_for_update(skip_locked=True)
        )
        marking = (
            update(outbox)
            .where(outbox.c.id == any_(func.array(free.scalar_subquery())))
            .values(published_at=now, delivered_at=case((outbox.c.reacted_at.is_not(None), now)))
            .returning(outbox.c.id)
        )
        async with self.sessions() as db, transaction(db):
            marked = set(await db.scalars(marking))
        return [each for each in ids if each not in marked]

    async def postpone(self, event: Untold, refusal: EventRefused) -> None:
        now, attempts = self.clock.now(), event.publish_attempts + 1
        log.warning(
            "the broker refused an event", type=event.type, event_id=str(event.event_id), error=str(refusal)
        )
        if attempts >= MAX_ATTEMPTS:  # its reactions go on; the outside is told when somebody replays it
            EVENTS_PARKED.labels(event.type).inc()
        async with self.sessions() as db, transaction(db):
            await db.execute(
                update(outbox)
                .where(outbox.c.id == event.id)
                .values(
                    publish_attempts=attempts,
                    publish_after=now + pause(attempts),
                    last_error=repr(refusal)[:2000],
                )
            )
