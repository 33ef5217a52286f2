"""Reminders: planned when a booking is confirmed or moved, sent once, if it still stands then.

    start      so many hours before the booking starts
    balance    so many hours before, where a part of the price is still open

One whose hour has passed when it is planned is not sent at all: the guest has just booked. What became of the
booking in between is asked when it is due, so nothing needs to be undone when it is cancelled.
"""

from datetime import datetime, timedelta

import structlog
from pydantic import JsonValue
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import BookingId, Status
from holdfast.contracts.notification import MessageDraft, Template
from holdfast.domains.notification.exceptions import MessageIncomplete
from holdfast.domains.notification.office import Office
from holdfast.domains.notification.ops.queue import QueueMessage
from holdfast.domains.notification.queries import reminders
from holdfast.domains.notification.queries.reminders import Reminder
from holdfast.domains.notification.telling import Sources, Telling
from holdfast.kernel.database import transaction
from holdfast.kernel.errors import Refusal

BATCH = 100
START, BALANCE = "start", "balance"
TEMPLATES = {START: Template.BOOKING_REMINDER, BALANCE: Template.BALANCE_DUE}

log = structlog.get_logger()


class PlanReminders:
    """Also anew, for a booking that was moved; one that was sent is not sent again."""

    def __init__(self, db: AsyncSession, office: Office) -> None:
        self.db = db
        self.office = office

    async def execute(self, booking_id: BookingId, *, start_at: datetime, now: datetime) -> None:
        hours = {START: self.office.reminder_hours, BALANCE: self.office.balance_hours}
        due = {kind: start_at - timedelta(hours=before) for kind, before in hours.items() if before}
        planned = {kind: instant for kind, instant in due.items() if instant > now}
        async with transaction(self.db):
            await reminders.plan(self.db, booking_id, planned)


class SendReminders:
    """Queue what is due, a batch at most; how many came to an end. Any number of workers may."""

    def __init__(self, db: AsyncSession, sources: Sources) -> None:
        self.db = db
        self.sources = sources

    async def execute(self, *, now: datetime) -> int:
        ended = 0
        for reminder in await reminders.due(self.db, limit=BATCH, now=now):
            try:
                ended += await self.remind(reminder, now=now)
            except MessageIncomplete:  # the others are not held up; this one is tried again
                log.exception("no reminder", booking_id=str(reminder.booking_id))
        return ended

    async def remind(self, reminder: Reminder, *, now: datetime) -> bool:
        """Whoever ends it sends it: False where another worker was quicker."""
        draft = await self.draft(reminder, now=now)
        async with transaction(self.db):
            ours = await reminders.end(self.db, reminder, now=now)
            if ours and draft is not None:
                await QueueMessage(self.db, self.sources.people, self.sources.office).execute(draft, now=now)
        return ours

    async def draft(self, reminder: Reminder, *, now: datetime) -> MessageDraft | None:
        """None where there is nothing to remind of."""
        try:
            telling = await Telling.of(
                self.db, reminder.booking_id, self.sources, template=TEMPLATES[reminder.kind]
            )
        except Refusal as refusal:
            log.warning("no reminder", booking_id=str(reminder.booking_id), refusal=repr(refusal))
            return None
        booking = telling.booking
        if booking.status is not Status.CONFIRMED or booking.start_at <= now:
            return None
        outstanding = telling.amount(booking.outstanding, booking.price.currency)
        if reminder.kind == BALANCE and outstanding is None:
            return None
        return telling.draft(starts=booking.start_at, values=said(reminder, telling, outstanding))


def said(reminder: Reminder, telling: Telling, outstanding: str | None) -> dict[str, JsonValue]:
    if reminder.kind == BALANCE:
        return {"outstanding": outstanding}
    booking = telling.booking
    return {
        "ends": telling.moment(booking.end_at),
        "party_size": telling.people(booking.party_size),
        "outstanding": outstanding,
    }
