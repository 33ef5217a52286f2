"""Which bookings are to be reminded of, and when."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import BookingId
from holdfast.domains.notification.models import reminders


@dataclass(frozen=True)
class Reminder:
    booking_id: BookingId
    kind: str


async def plan(db: AsyncSession, booking_id: BookingId, planned: Mapping[str, datetime]) -> None:
    """These in place of those that were planned; one that is over stays so."""
    await db.execute(delete(reminders).where(reminders.c.booking_id == booking_id, reminders.c.ended_at.is_(None)))
    rows = [{"booking_id": booking_id, "kind": kind, "due_at": due_at} for kind, due_at in planned.items()]
    if rows:
        await db.execute(insert(reminders).values(rows).on_conflict_do_nothing())


async def due(db: AsyncSession, *, limit: int, now: datetime) -> list[Reminder]:
    waiting = select(reminders.c.booking_id, reminders.c.kind).where(
        reminders.c.ended_at.is_(None), reminders.c.due_at <= now
    )
    rows = await db.execute(waiting.order_by(reminders.c.due_at).limit(limit))
    return [Reminder(BookingId(row.booking_id), row.kind) for row in rows]


async def end(db: AsyncSession, reminder: Reminder, *, now: datetime) -> bool:
    """False where somebody else ended it, or it was planned anew for later."""
    ended = (
        update(reminders)
        .where(
            reminders.c.booking_id == reminder.booking_id,
            reminders.c.kind == reminder.kind,
            reminders.c.ended_at.is_(None),
            reminders.c.due_at <= now,
        )
        .values(ended_at=now)
        .returning(reminders.c.booking_id)
    )
    return await db.scalar(ended) is not None


async def forget_before(db: AsyncSession, instant: datetime) -> int:
    gone = await db.execute(
        delete(reminders).where(reminders.c.ended_at < instant).returning(reminders.c.booking_id)
    )
    return len(gone.all())
