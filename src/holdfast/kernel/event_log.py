"""The outbox as people see it: what waits, what was given up and why, and telling it again."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.kernel.audit import Act, attest
from holdfast.kernel.contract import Contract, Instant
from holdfast.kernel.counting import counted
from holdfast.kernel.database import transaction
from holdfast.kernel.errors import Conflict, NotFound
from holdfast.kernel.paging import Page, PageRequest
from holdfast.kernel.relay import MAX_ATTEMPTS
from holdfast.kernel.tables import outbox
from holdfast.kernel.telemetry import EVENTS_GIVEN_UP, EVENTS_LAG, EVENTS_WAITING


class EventNotFound(NotFound):
    """There is no such event, or it was told long ago and forgotten."""


class EventNotParked(Conflict):
    """Only an event that was given up can be told again."""


class EventStatus(StrEnum):
    WAITING = "waiting"
    PARKED = "parked"
    DELIVERED = "delivered"


class EventView(Contract):
    """`attempts` counts those of the reactions, `publish_attempts` what the broker refused."""

    event_id: UUID
    type: str
    aggregate_id: UUID
    status: EventStatus
    occurred_at: Instant
    attempts: int
    publish_attempts: int
    next_attempt_at: Instant | None
    delivered_at: Instant | None
    last_error: str | None


# given up by the reactions, or by the way out
PARKED = and_(
    outbox.c.delivered_at.is_(None),
    or_(
        outbox.c.parked_at.is_not(None),
        and_(
            outbox.c.published_at.is_(None),
            outbox.c.publish_after.is_not(None),
            outbox.c.publish_attempts >= MAX_ATTEMPTS,
        ),
    ),
)
IN_STATUS: dict[EventStatus, ColumnElement[bool]] = {
    EventStatus.PARKED: PARKED,
    EventStatus.WAITING: and_(outbox.c.delivered_at.is_(None), ~PARKED),
    EventStatus.DELIVERED: outbox.c.delivered_at.is_not(None),
}
STATUS = case(
    (outbox.c.delivered_at.is_not(None), literal(EventStatus.DELIVERED)),
    (PARKED, literal(EventStatus.PARKED)),
    else_=literal(EventStatus.WAITING),
).label("status")
VIEW = select(STATUS, *(outbox.c[name] for name in EventView.model_fields if name != "status"))


async def page_of_events(db: AsyncSession, page: PageRequest, *, status: EventStatus) -> Page[EventView]:
    """Newest first; the total is counted up to a million."""
    chosen = IN_STATUS[status]
    total = await counted(db, outbox.c.id, chosen)
    rows = await db.execute(VIEW.where(chosen).order_by(outbox.c.id.desc()).limit(page.limit).offset(page.offset))
    items = [EventView.model_validate(dict(row)) for row in rows.mappings()]
    return Page(items=items, page=page.page, limit=page.limit, total=total)


async def replay_event(
    db: AsyncSession, event_id: UUID, *, now: datetime, actor_type: str, actor_id: UUID | None
) -> EventView:
    """Have a parked event told again, to those who have not heard it; later ones of its aggregate may have been
    told meanwhile. Wants a session of the system. EventNotFound, EventNotParked."""
    again = {
        "parked_at": None,
        "attempts": 0,
        "next_attempt_at": None,
        "publish_attempts": 0,
        "publish_after": None,
    }
    async with transaction(db):
        before = await found(db, event_id)
        if not (
            await db.execute(update(outbox).where(outbox.c.event_id == event_id, PARKED).values(again))
        ).rowcount:  # type: ignore[attr-defined]
            raise EventNotParked(state=before.status)
        act = Act(
            action="event.replayed",
            actor_type=actor_type,
            actor_id=actor_id,
            subject_type=before.type,
            subject_id=before.aggregate_id,
            before={"event_id": str(event_id), "last_error": before.last_error},
        )
        attest(db, act, now=now)
        return await found(db, event_id)


async def found(db: AsyncSession, event_id: UUID) -> EventView:
    row = (await db.execute(VIEW.where(outbox.c.event_id == event_id))).mappings().one_or_none()
    if row is None:
        raise EventNotFound
    return EventView.model_validate(dict(row))


async def measure(db: AsyncSession, *, now: datetime, outside: bool) -> None:
    """Set the gauges of what waits, and of how long the oldest of it has."""
    waiting = {
        "reactions": and_(
            outbox.c.delivered_at.is_(None), outbox.c.reacted_at.is_(None), outbox.c.parked_at.is_(None)
        )
    }
    if outside:
        waiting["broker"] = and_(outbox.c.delivered_at.is_(None), outbox.c.published_at.is_(None))
    for to, condition in waiting.items():
        oldest = await db.scalar(select(outbox.c.occurred_at).where(condition).order_by(outbox.c.id).limit(1))
        EVENTS_LAG.labels(to).set((now - oldest).total_seconds() if oldest else 0)
        EVENTS_WAITING.labels(to).set(await counted(db, outbox.c.id, condition))
    EVENTS_GIVEN_UP.set(await counted(db, outbox.c.id, PARKED))
