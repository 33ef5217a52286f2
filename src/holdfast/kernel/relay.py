"""From the outbox to the reactions: at least once to each, once in effect, in order per aggregate.

One event is one transaction: its reactions, their receipts and its delivery mark commit together. A reaction
runs in a savepoint of its own, so it fails alone; an event with a failed reaction is tried again with a growing
pause, later events of the same aggregate wait for it, and after the last try it is parked for a person to see.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from pydantic import JsonValue
from sqlalchemy import (
    ColumnElement,
    FromClause,
    RowMapping,
    any_,
    case,
    delete,
    exists,
    func,
    not_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from holdfast.kernel.backoff import pause
from holdfast.kernel.clock import Clock
from holdfast.kernel.database import savepoint, transaction
from holdfast.kernel.tables import inbox, outbox
from holdfast.kernel.telemetry import EVENTS_PARKED, EVENTS_RELAYED
from holdfast.kernel.tracing import Kind, span

# 2, 4, 8 … 512 seconds, less up to a half, then parked: 8 to 17 minutes for whatever was down to come back
MAX_ATTEMPTS = 10

log = structlog.get_logger()


@dataclass(frozen=True)
class Delivery:
    """An event as a reaction receives it; `data` is the event's own JSON."""

    id: int
    event_id: UUID
    type: str
    aggregate_id: UUID
    data: dict[str, JsonValue]
    occurred_at: datetime
    attempts: int
    traceparent: str | None = None


Reaction = Callable[[AsyncSession, Delivery], Awaitable[None]]


@dataclass(frozen=True)
class Listener:
    """A reaction to events of every type, for as long as `wanted` holds in the database.

    It is asked in the statement that reads the events: so what was recorded after somebody began to listen is
    heard, and while nobody does it costs nothing.
    """

    reaction: Reaction
    wanted: ColumnElement[bool]


@dataclass(frozen=True)
class Relay:
    """Delivers what waits. Any number of relays may run: a row another holds is skipped.

    `lanes` events, of different aggregates, are delivered side by side. Where there is an `outside`, a publisher
    tells it of the events by itself, and an event is delivered when both are done.
    """

    sessions: async_sessionmaker[AsyncSession]
    reactions: Mapping[str, Sequence[Reaction]]
    clock: Clock
    listeners: Sequence[Listener] = ()
    lanes: int = 1
    outside: bool = False

    async def drain(self, *, batch: int = 200) -> int:
        """Deliver until nothing is due; how many events were delivered."""
        delivered = 0
        while passed := await self.pass_unanswered(limit=batch * 10):
            delivered += passed
        while due := await self.due(limit=batch):
            passed = await self.deliver_all(due)
            delivered += passed
            if not passed:
                break
        return delivered

    async def deliver_all(self, due: Sequence[int]) -> int:
        """Each of them once, in as many lanes as there are; how many were delivered."""
        waiting, passed = iter(due), 0

        async def lane() -> None:
            nonlocal passed
            for outbox_id in waiting:
                delivered = await self.deliver(outbox_id)
                passed += delivered  # not in one line: what other lanes added meanwhile would be lost

        ended = await asyncio.gather(*(lane() for _ in range(self.lanes)), return_exceptions=True)
        for failure in ended:
            if failure is not None:
                raise failure
        return passed

    async def pass_unanswered(self, *, limit: int) -> int:
        """Mark in one statement what no reaction answers and no listener wants: nobody can see in which order that
        happens."""
        async with self.sessions() as db, transaction(db):
            unanswered = (
                select(outbox.c.id)
                .where(
                    *unreacted(),
                    outbox.c.type.not_in(list(self.reactions)),
                    *(not_(each.wanted) for each in self.listeners),
                )
                .order_by(outbox.c.id)
                .limit(limit)
                .with_for_update(skip_locked=True)
                .cte("unanswered")
            )
            types = await db.scalars(
                update(outbox)
                .where(outbox.c.id == unanswered.c.id)
                .values(self.told(self.clock.now()))
                .returning(outbox.c.type)
            )
            told = Counter(types)
        for wire_name, count in told.items():
            EVENTS_RELAYED.labels(wire_name).inc(count)
        return told.total()

    async def deliver_about(self, *aggregate_ids: UUID) -> None:
        """Deliver what is due of these aggregates, and wait for what another relay is delivering of it."""
        while due := await self.due(limit=20, about=aggregate_ids):
            passed = [await self.deliver(event_id) for event_id in due]
            if not any(passed):
                await asyncio.sleep(0.02)

    async def due(self, *, limit: int, about: Sequence[UUID] = ()) -> list[int]:
        """The oldest waiting event of each aggregate (of these, where some are named) whose time has come, oldest
        first."""
        its = outbox.alias("its")
        # not NOT EXISTS: the planner may answer that for a million rows at once to return two hundred
        oldest = select(func.min(its.c.id)).where(its.c.aggregate_id == outbox.c.aggregate_id, *unreacted(its))
        async with self.sessions() as db:
            rows = await db.scalars(
                select(outbox.c.id)
                .where(
                    *unreacted(),
                    outbox.c.next_attempt_at.is_(None) | (outbox.c.next_attempt_at <= self.clock.now()),
                    *([outbox.c.aggregate_id.in_(about)] if about else []),
                    outbox.c.id == oldest.scalar_subquery(),
                )
                .order_by(outbox.c.id)
                .limit(limit)
            )
            return list(rows)

    async def deliver(self, outbox_id: int) -> bool:
        """One event to all of its reactions; False when another relay has it or a reaction failed."""
        async with self.sessions() as db, transaction(db):
            row = (
                (
                    await db.execute(
                        select(outbox, *(each.wanted.label(label) for label, each in self.labelled))
                        .where(outbox.c.id == outbox_id, *unreacted())
                        .with_for_update(skip_locked=True, of=outbox)
                    )
                )
                .mappings()
                .one_or_none()
            )
            if row is None:
                return False
            event = delivery(row)
            listening = (each.reaction for label, each in self.labelled if row[label])
            failure = await self.react(db, event, (*self.reactions.get(event.type, ()), *listening))
            if failure is None:
                await mark(db, event, **self.told(self.clock.now()))
                EVENTS_RELAYED.labels(event.type).inc()
                log.debug("event", type=event.type, aggregate_id=str(event.aggregate_id))
                return True
            await self.postpone(db, event, failure)
            return False

    @property
    def labelled(self) -> list[tuple[str, Listener]]:
        return [(f"listener_{number}", each) for number, each in enumerate(self.listeners)]

    async def react(self, db: AsyncSession, event: Delivery, reactions: Iterable[Reaction]) -> Exception | None:
        """Run every reaction that has no receipt yet, each alone; the last failure, if any."""
        failure: Exception | None = None
        for reaction in reactions:
            with span(reaction.__name__, kind=Kind.CONSUMER, within=event.traceparent) as running:
                running.set("holdfast.event", event.type)
                try:
                    async with savepoint(db):
                        if await receipt(db, event, reaction):
                            await reaction(db, event)
                except Exception as error:
                    running.failed(type(error).__name__)
                    log.exception("reaction failed", reaction=reaction.__name__, event_id=str(event.event_id))
                    failure = error
        return failure

    def told(self, now: datetime) -> dict[str, object]:
        """What a row says once its reactions are done."""
        if not self.outside:
            return {"reacted_at": now, "delivered_at": now}
        return {"reacted_at": now, "delivered_at": case((outbox.c.published_at.is_not(None), now))}

    async def postpone(self, db: AsyncSession, event: Delivery, failure: Exception) -> None:
        now, attempts = self.clock.now(), event.attempts + 1
        parked = attempts >= MAX_ATTEMPTS
        if parked:
            EVENTS_PARKED.labels(event.type).inc()
        await mark(
            db,
            event,
            attempts=attempts,
            last_error=repr(failure)[:2000],
            next_attempt_at=now + pause(attempts),
            parked_at=now if parked else None,
        )


def unreacted(table: FromClause = outbox) -> tuple[ColumnElement[bool], ...]:
    """Its reactions have not all had their effect, and are not given up."""
    return table.c.delivered_at.is_(None), table.c.reacted_at.is_(None), table.c.parked_at.is_(None)


def delivery(row: RowMapping) -> Delivery:
    return Delivery(
        id=row["id"],
        event_id=row["event_id"],
        type=row["type"],
        aggregate_id=row["aggregate_id"],
        data=row["data"],
        occurred_at=row["occurred_at"],
        attempts=row["attempts"],
        traceparent=row["traceparent"],
    )


async def receipt(db: AsyncSession, event: Delivery, reaction: Reaction) -> bool:
    """Write the receipt; False when this reaction has already had its effect."""
    return await first_time(db, event.event_id, reaction.__name__)


async def first_time(db: AsyncSession, id_: UUID, effect: str) -> bool:
    """Write the receipt for this effect of what has that id, in its transaction; False when there is one."""
    written = await db.execute(
        insert(inbox).values(event_id=id_, reaction=effect).on_conflict_do_nothing().returning(inbox.c.event_id)
    )
    return written.one_or_none() is not None


async def mark(db: AsyncSession, event: Delivery, **values: object) -> None:
    await db.execute(update(outbox).where(outbox.c.id == event.id).values(**values))


async def forget_told(db: AsyncSession, instant: datetime, *, limit: int = 5_000) -> int:
    """Delete one bounded batch of events delivered before `instant`, and of receipts whose event is gone.

    A parked event stays with its receipts, whatever its age: it may be told again by hand.
    """
    events = select(outbox.c.id).where(outbox.c.delivered_at < instant)
    told = events.order_by(outbox.c.delivered_at).limit(limit).with_for_update(skip_locked=True)
    gone = await db.execute(
        delete(outbox).where(outbox.c.id == any_(func.array(told.scalar_subquery()))).returning(outbox.c.id)
    )
    receipts = (
        select(inbox.c.event_id, inbox.c.reaction)
        .where(inbox.c.received_at < instant, ~exists().where(outbox.c.event_id == inbox.c.event_id))
        .order_by(inbox.c.received_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("old")
    )
    forgotten = await db.execute(
        delete(inbox)
        .where(inbox.c.event_id == receipts.c.event_id, inbox.c.reaction == receipts.c.reaction)
        .returning(inbox.c.event_id)
    )
    return len(gone.all()) + len(forgotten.all())
